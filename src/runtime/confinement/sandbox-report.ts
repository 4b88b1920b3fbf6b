/**
 * What this machine enforces on functions beyond their runtime's own rules, and what it does not.
 *
 * Level 0 is the runtime itself: Deno's permissions, limits, time-outs. Level 1 adds the kernel's word
 * on files, sockets and system calls. Level 2 adds a user of its own for every instance. Level 3 adds
 * a control group. A level counts only with all below it; what holds beyond is listed all the same.
 */
import type { Findings } from "./launcher-messages.ts";

export type SandboxLevel = 0 | 1 | 2 | 3;

/** Python has no rules of its own: below level 1 it is not a boundary at all. WASM runs in Deno. */
export const sandboxedRuntimes = ["javascript", "python", "wasm"] as const;
export type SandboxedRuntime = typeof sandboxedRuntimes[number];

export type SandboxReport = Readonly<Record<SandboxedRuntime, LevelReport>>;

export interface LevelReport {
  readonly level: SandboxLevel;
  readonly enforced: readonly string[];
  readonly missing: readonly MissingProtection[];
}

export interface MissingProtection {
  /** The level that takes it, with all others of that level and below. */
  readonly level: SandboxLevel;
  readonly what: string;
  readonly why: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** What is put to use of what was found. */
export interface Arrangement {
  readonly seccomp: boolean;
  readonly landlock: boolean;
  readonly ownUser: boolean;
  readonly cgroup: boolean;
}

interface Protection {
  readonly level: SandboxLevel;
  readonly what: string;
  readonly holds: boolean;
  readonly why: string;
  readonly remedy: string;
}

const KERNEL_REMEDY = "use a newer kernel: 5.13 for files, 6.7 for TCP, 6.12 for signals";

export function reportOf(findings: Findings, used: Arrangement): SandboxReport {
  const protections = protectionsOf(findings, used);
  const report = levelReport(protections);
  return { javascript: report, python: report, wasm: report };
}

/** What all runtimes reach. */
export function lowestLevel(report: SandboxReport): SandboxLevel {
  return Math.min(...sandboxedRuntimes.map((runtime) => report[runtime].level)) as SandboxLevel;
}

/** Nothing but the runtime's own rules hold. */
export function unconfinedReport(why: string, remedy: string): SandboxReport {
  const what = "confinement by the kernel";
  const missing = [{ level: 1, what, why, remedy }] as const;
  const report: LevelReport = { level: 0, enforced: [], missing };
  return { javascript: report, python: report, wasm: report };
}

function protectionsOf(findings: Findings, used: Arrangement): Protection[] {
  const abi = used.landlock ? findings.landlockAbi : 0;
  const old = `Landlock has version ${findings.landlockAbi} here`;
  return [
    {
      level: 1,
      what: "system calls that reach beyond the process are refused (seccomp)",
      holds: used.seccomp,
      why: findings.machine ?? findings.noNewPrivileges ?? findings.seccomp ?? "it is switched off",
      remedy: "let the container use seccomp and prctl(PR_SET_NO_NEW_PRIVS)",
    },
    {
      level: 1,
      what: "no unix socket but its channel can be made, no program but its own executed (seccomp)",
      holds: used.seccomp && findings.seccompListener === null,
      why: findings.seccompListener ?? "the filter is missing",
      remedy: "let no container manager above listen to seccomp notifications",
    },
    {
      level: 1,
      what: "files other than its own cannot be opened (Landlock)",
      holds: abi >= 1,
      why: findings.landlock ?? "it is switched off",
      remedy: "use a kernel with Landlock enabled (`lsm=landlock,…`) in a container that allows it",
    },
    {
      level: 1,
      what: "TCP ports cannot be bound, nor connected to but through a proxy (Landlock 4)",
      holds: abi >= 4,
      why: old,
      remedy: KERNEL_REMEDY,
    },
    {
      level: 2,
      what: "every instance has a user of its own",
      holds: used.ownUser,
      why: findings.ownUser ?? "it is switched off",
      remedy: "run the platform as root and keep a range of user ids for it",
    },
    {
      level: 3,
      what: "every instance has a control group for memory and threads",
      holds: used.cgroup,
      why: findings.cgroup.works ? "it is switched off" : findings.cgroup.description,
      remedy: findings.cgroup.works
        ? "set ORLA_CGROUPS=true; every start takes some 10 ms longer"
        : "delegate a control group to the platform (systemd: `Delegate=memory pids`)",
    },
  ];
}

function levelReport(protections: readonly Protection[]): LevelReport {
  const missing = protections.filter(({ holds }) => !holds);
  const lowest = Math.min(4, ...missing.map(({ level }) => level));
  return {
    level: lowest - 1 as SandboxLevel, // levels are 1 to 3
    enforced: protections.filter(({ holds }) => holds).map(({ what }) => what),
    missing: missing.map(({ level, what, why, remedy }) => ({ level, what, why, remedy })),
  };
}
