/**
 * Looks at everything a node needs on this machine, by trying it, and leaves nothing behind. A node
 * that runs already is not disturbed.
 */
import { probeSandbox } from "../../runtime/confinement/probe-sandbox.ts";
import {
  type LevelReport,
  type SandboxedRuntime,
  sandboxedRuntimes,
  type SandboxReport,
  unconfinedReport,
} from "../../runtime/confinement/sandbox-report.ts";
import type { Config } from "../config.ts";
import type { NodeState } from "../state-file.ts";
import { type Check, messageOf, ok, problem } from "./check.ts";
import { checkDatabaseServer } from "./check-database-server.ts";
import { checkDataDir, checkDiskSpace } from "./check-data-dir.ts";
import { checkLimits } from "./check-limits.ts";
import { checkPorts } from "./check-ports.ts";
import { checkLauncherPython, checkPythonEnvironments } from "./check-python.ts";

export interface Checkup {
  readonly sandbox: SandboxReport;
  readonly checks: readonly Check[];
}

export interface CheckupOptions {
  readonly config: Config;
  /** The node that runs with this data directory. */
  readonly running: NodeState | null;
}

export async function checkUp({ config, running }: CheckupOptions): Promise<Checkup> {
  const { report: sandbox, warnings } = await trySandbox(config.cgroups);
  const groups = await Promise.all([
    checkLauncherPython(),
    // Root's instances have users of their own, who must get at it.
    checkPythonEnvironments(config, Deno.uid() === 0),
    checkDataDir(config.dataDir),
    checkDiskSpace(config.dataDir),
    checkPorts(config, running),
    checkDatabaseServer(config, running),
    checkLimits(config.maxInstances),
  ]);
  return { sandbox, checks: [...sandboxChecks(sandbox, config, warnings), ...groups.flat()] };
}

async function trySandbox(cgroups: boolean) {
  const warnings: string[] = [];
  const log = { warn: (message: string) => void warnings.push(message) };
  try {
    return { report: await probeSandbox({ denoPath: Deno.execPath(), log, cgroups }), warnings };
  } catch (thrown) {
    const report = unconfinedReport(messageOf(thrown), "make /tmp writable");
    return { report, warnings };
  }
}

/** A runtime without the kernel's walls is said as loudly as something broken. */
function sandboxChecks(
  report: SandboxReport,
  config: Config,
  warnings: readonly string[],
): Check[] {
  return [
    ...sandboxedRuntimes.map((runtime) => sandboxCheck(runtime, report[runtime], config)),
    ...warnings.map((warning) => problem("launcher", warning, "report this")),
  ];
}

function sandboxCheck(
  runtime: SandboxedRuntime,
  { level, enforced }: LevelReport,
  { pythonUnconfined }: Config,
): Check {
  const name = `sandbox of ${runtime}`;
  if (level > 0) return ok(name, `level ${level} of 3`);
  const some = enforced.length === 0 ? "NOTHING IS" : "NOT ALL IS";
  const says = `LEVEL 0: ${some} ENFORCED BY THE KERNEL`;
  const remedy = "see below what is not enforced, and how to get it";
  if (runtime !== "python") return problem(name, `${says}; Deno's permissions hold`, remedy);
  return pythonUnconfined
    ? problem(name, `${says}, and ORLA_PYTHON_UNCONFINED lets functions run all the same`, remedy)
    : problem(name, `${says}; functions in Python are refused`, remedy);
}
