import { deepEqual, equal } from "node:assert/strict";
import type { Findings } from "./launcher-messages.ts";
import {
  type Arrangement,
  lowestLevel,
  reportOf,
  sandboxedRuntimes,
  unconfinedReport,
} from "./sandbox-report.ts";

const everything: Findings = {
  machine: null,
  noNewPrivileges: null,
  seccomp: null,
  seccompListener: null,
  landlock: null,
  landlockAbi: 7,
  ownUser: null,
  userNamespaces: null,
  raiseLimits: null,
  cgroup: { works: true, description: "cgroup v2: memory.max, pids.max" },
};
const all: Arrangement = { seccomp: true, landlock: true, ownUser: true, cgroup: true };

const cases: ReadonlyArray<
  readonly [name: string, findings: Partial<Findings>, used: Partial<Arrangement>, level: number]
> = [
  ["everything", {}, {}, 3],
  ["no control groups", {}, { cgroup: false }, 2],
  [
    "no root",
    { ownUser: "the platform does not run as root" },
    { ownUser: false, cgroup: false },
    1,
  ],
  ["control groups without root", { ownUser: "no" }, { ownUser: false }, 1],
  ["Landlock without TCP", { landlockAbi: 3 }, {}, 0],
  ["no Landlock", { landlock: "too old", landlockAbi: 0 }, { landlock: false }, 0],
  ["a filter that cannot ask", { seccompListener: "busy" }, {}, 0],
  ["no filter", { seccomp: "forbidden" }, { seccomp: false }, 0],
];

for (const [name, findings, used, level] of cases) {
  Deno.test(`level with ${name}`, () => {
    const { javascript } = reportOf({ ...everything, ...findings }, { ...all, ...used });
    equal(javascript.level, level);
    equal(javascript.enforced.length + javascript.missing.length, 6);
  });
}

Deno.test("what is missing comes with its reason and its remedy", () => {
  const findings = { ...everything, ownUser: "the platform does not run as root" };
  const { python } = reportOf(findings, { ...all, ownUser: false, cgroup: false });
  deepEqual(python.missing, [
    {
      level: 2,
      what: "every instance has a user of its own",
      why: "the platform does not run as root",
      remedy: "run the platform as root and keep a range of user ids for it",
    },
    {
      level: 3,
      what: "every instance has a control group for memory and threads",
      why: "it is switched off",
      remedy: "set ORLA_CGROUPS=true; every start takes some 10 ms longer",
    },
  ]);
});

Deno.test("without a launcher there is level 0 and why", () => {
  const report = unconfinedReport("no python3", "install python3");
  for (const runtime of sandboxedRuntimes) {
    equal(report[runtime].level, 0);
    deepEqual(report[runtime].missing, [
      { level: 1, what: "confinement by the kernel", why: "no python3", remedy: "install python3" },
    ]);
  }
  equal(lowestLevel(report), 0);
});
