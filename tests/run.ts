/**
 * `npm test`: format, lint, types, then every test. Ends with one plain line,
 * `N passed, N failed, N skipped`, and the exit code that goes with it.
 *
 * With arguments (files, folders, `--filter …`) it only runs those tests.
 *
 * A check that fails counts as a failed test. So does a process that a test leaves behind, and a
 * skipped test that does not name its reason (`… (skipped: needs root)`).
 */
import { writeSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { becomeSubreaper, type Orphan, orphans } from "./orphans.ts";

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const root = new URL("../", import.meta.url);
const encoder = new TextEncoder();
const print = (text: string) => {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
};

function spawn(args: readonly string[], stdout: "inherit" | "piped"): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: root,
    stdin: "null",
    stdout,
    stderr: "inherit",
  }).spawn();
}

async function check(name: string, args: readonly string[], totals: Totals): Promise<void> {
  const { success } = await spawn(args, "inherit").status;
  print(`${name} ... ${success ? "ok" : "FAILED"}\n`);
  if (success) totals.passed++;
  else totals.failed++;
}

const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/;

async function runTests(args: readonly string[], totals: Totals): Promise<void> {
  const child = spawn(["test", "--allow-all", "--no-check", ...args], "piped");
  let summary: RegExpExecArray | null = null;
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    print(text);
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.map(stripVTControlCharacters)) {
      summary = SUMMARY.exec(line) ?? summary;
      if (/ \.\.\. ignored/.test(line) && !/\(skipped: .+\)/.test(line)) {
        print(`A skipped test must name its reason, "(skipped: …)": ${line}\n`);
        totals.failed++;
      }
    }
  }
  const { success } = await child.status;
  const [passed = 0, failed = 0, skipped = 0] = (summary ?? []).slice(1).map((digits) =>
    Number(digits ?? 0)
  );
  totals.passed += passed;
  totals.skipped += skipped;
  // A run that breaks off without a summary is a failure, too.
  totals.failed += success ? failed : Math.max(failed, 1);
}

const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
const counts = becomeSubreaper();
const only = Deno.args;
if (only.length === 0) {
  await check("format", ["fmt", "--check", "--quiet"], totals);
  await check("lint", ["lint", "--quiet"], totals);
  await check("types", ["check", "--quiet", "src", "sdk", "tests", "bench"], totals);
}
await runTests(only.length === 0 ? ["src", "tests", "bench"] : only, totals);

const left: Orphan[] = counts ? await orphans() : [];
for (const { pid, command } of left) {
  print(`A test left process ${pid} behind: ${command}\n`);
  Deno.kill(pid, "SIGKILL");
}
totals.failed += left.length;

print(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
Deno.exit(totals.failed === 0 ? 0 : 1);
