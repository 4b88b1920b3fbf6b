import { doesNotThrow, equal, match, throws } from "node:assert/strict";
import type { OrlaError } from "../base/errors.ts";
import {
  type LevelReport,
  type SandboxReport,
  unconfinedReport,
} from "../runtime/confinement/sandbox-report.ts";
import { missingBelow, requireSandbox } from "./sandbox-requirement.ts";

const walled: LevelReport = {
  level: 2,
  enforced: ["walls"],
  missing: [{ level: 3, what: "groups", why: "switched off", remedy: "switch them on" }],
};
const all: SandboxReport = { javascript: walled, python: walled, wasm: walled };
const bare = unconfinedReport("there is no python3", "install python3");

Deno.test("a level that is reached is enough", () => {
  for (const level of [0, 1, 2]) doesNotThrow(() => requireSandbox(all, level));
  doesNotThrow(() => requireSandbox(bare, 0));
});

Deno.test("below the level, the message says what is missing, why, and how to get it", () => {
  const refusal = (report: SandboxReport, level: number): OrlaError => {
    let refused: unknown;
    throws(() => requireSandbox(report, level), (error) => (refused = error) !== undefined);
    return refused as OrlaError; // it is what was thrown
  };
  const { code, message, hint } = refusal(all, 3);
  equal(code, "unavailable");
  match(message, /^functions are confined at level 2 here, and ORLA_REQUIRE_SANDBOX asks for 3:\n/);
  match(message, /\n- not enforced: groups \(switched off\)\n {4}switch them on$/);
  match(hint ?? "", /orla doctor/);
  match(refusal(bare, 1).message, /there is no python3\)\n {4}install python3/);
});

Deno.test("the weakest runtime counts, and what several lack is told once", () => {
  const { python } = bare;
  throws(() => requireSandbox({ ...all, python }, 1), /level 0 here/);
  equal(missingBelow({ ...all, python }, 3).length, 2);
  equal(missingBelow(all, 2).length, 0);
});
