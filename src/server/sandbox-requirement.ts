/** Whether what the machine enforces is as much as `ORLA_REQUIRE_SANDBOX` asks for. */
import { OrlaError } from "../base/errors.ts";
import {
  lowestLevel,
  type MissingProtection,
  sandboxedRuntimes,
  type SandboxReport,
} from "../runtime/confinement/sandbox-report.ts";

/** Throws with all that is missing, why, and how to get it. */
export function requireSandbox(report: SandboxReport, required: number): void {
  const level = lowestLevel(report);
  if (level >= required) return;
  const missing = missingBelow(report, required);
  throw new OrlaError(
    "unavailable",
    `functions are confined at level ${level} here, and ORLA_REQUIRE_SANDBOX asks for ${required}:\n` +
      missing.map(({ what, why, remedy }) => `- not enforced: ${what} (${why})\n    ${remedy}`)
        .join("\n"),
    { hint: "`orla doctor` tries everything again and tells more." },
  );
}

/** Each protection once, though several runtimes may lack it. */
export function missingBelow(report: SandboxReport, required: number): MissingProtection[] {
  const byName = new Map<string, MissingProtection>();
  for (const runtime of sandboxedRuntimes) {
    for (const missing of report[runtime].missing) {
      if (missing.level <= required) byName.set(missing.what, missing);
    }
  }
  return [...byName.values()];
}
