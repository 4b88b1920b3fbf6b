/** `orla doctor`: tries what a node needs on this machine, and says what is not there. */
import type { Check } from "../server/checkup/check.ts";
import { type Checkup, checkUp } from "../server/checkup/checkup.ts";
import { loadConfig } from "../server/config.ts";
import { missingBelow } from "../server/sandbox-requirement.ts";
import type { DoctorOptions } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findNode } from "./running-node.ts";
import { print } from "./terminal.ts";

const TOP_LEVEL = 3;

export async function doctor(options: DoctorOptions): Promise<ExitCode> {
  const { dataDir, config: configFile, require, json } = options;
  const config = await loadConfig({
    flags: dataDir === undefined ? {} : { "data-dir": dataDir },
    env: Deno.env.toObject(),
    workingDirectory: Deno.cwd(),
    ...configFile === undefined ? {} : { configFile },
  });
  const required = require ?? config.requireSandbox;
  const sighting = await findNode(options);
  const running = sighting.is === "running" ? sighting.state : null;
  const checkup = await checkUp({ config, running });
  const level = Math.min(...Object.values(checkup.sandbox).map((runtime) => runtime.level));
  const verdict = { ...checkup, level, required };
  if (json) print(JSON.stringify({ ok: isWell(verdict), level, required, ...checkup }, null, 2));
  else print(describe(verdict));
  if (level < required) return exitCodes.belowLevel;
  return isWell(verdict) ? exitCodes.ok : exitCodes.failed;
}

interface Verdict extends Checkup {
  /** What all runtimes reach. */
  readonly level: number;
  readonly required: number;
}

function isWell({ checks, level, required }: Verdict): boolean {
  return level >= required && checks.every(({ state }) => state !== "problem");
}

const marks: Readonly<Record<Check["state"], string>> = {
  ok: "ok     ",
  notice: "notice ",
  problem: "PROBLEM",
};

function describe(verdict: Verdict): string {
  const { checks, level, required } = verdict;
  const problems = checks.filter(({ state }) => state === "problem").length;
  const lines = [...checks.flatMap(describeCheck), "", ...describeSandbox(verdict), ""];
  if (level < required) {
    lines.push(`Functions are confined at level ${level}, BELOW the required level ${required}.`);
  }
  lines.push(problems === 0 ? "No problem was found." : `Problems: ${problems}.`);
  return lines.join("\n");
}

function describeCheck({ name, state, says, remedy }: Check): string[] {
  const line = `${marks[state]}  ${name}: ${says}`;
  return remedy === undefined ? [line] : [line, `           ${remedy}`];
}

/** What holds for one runtime holds for all that reach its level. */
function describeSandbox({ sandbox }: Verdict): string[] {
  const enforced = new Set(Object.values(sandbox).flatMap((runtime) => runtime.enforced));
  const lines = ["Enforced by the kernel on every instance:"];
  if (enforced.size === 0) lines.push("  NOTHING");
  for (const what of enforced) lines.push(`  + ${what}`);
  const missing = missingBelow(sandbox, TOP_LEVEL);
  if (missing.length > 0) lines.push("", "NOT enforced:");
  for (const { level, what, why, remedy } of missing) {
    lines.push(`  - ${what}`, `      level ${level}: ${why}`, `      to get it: ${remedy}`);
  }
  return lines;
}
