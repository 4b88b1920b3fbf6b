/** What the launcher process (`sandbox/launcher/main.py`) is told and tells, one JSON object a line. */
import { z } from "zod";

export interface Confinement {
  readonly landlock: boolean;
  readonly seccomp: boolean;
}

export type Network =
  /** No sockets but unix ones. */
  | { readonly mode: "none" }
  /** TCP to these local ports and nothing else; no UDP, names are the proxy's business. */
  | { readonly mode: "proxy"; readonly ports: readonly number[] }
  /** Anywhere the process's own rules let it. */
  | { readonly mode: "direct" };

export interface LaunchLimits {
  readonly openFiles: number;
  readonly fileBytes: number;
  /** Enforced where the process has a user or a cgroup of its own. */
  readonly threads: number;
  /** Of the cgroup, where there is one; `null` for none yet. */
  readonly memoryBytes: number | null;
}

/** Paths by what may be done with them; a directory stands for all that is in it. */
export interface FileRights {
  /** Reading is implied. */
  readonly execute: readonly string[];
  readonly read: readonly string[];
  /** Existing files only: nothing can be made, renamed or removed. */
  readonly write: readonly string[];
}

/** What a launched process becomes. */
export type Launched =
  /** A program of its own. */
  | { readonly program: string; readonly argv: readonly string[] }
  /** An instance of the zygote's Python environment (`sandbox/launcher/zygote.py`). */
  | { readonly python: PythonStart };

export interface PythonStart {
  /** Names in the instance's scratch directory, and the files they lead to. */
  readonly links: Readonly<Record<string, string>>;
  /** Third argument of the instance's entry. */
  readonly options: Readonly<Record<string, unknown>>;
}

export type LauncherCommand =
  | (Launched & {
    readonly op: "launch";
    readonly id: number;
    readonly env: Readonly<Record<string, string>>;
    readonly directory: string;
    /** Unix socket that takes the process's output. */
    readonly output: string;
    readonly ownUser: boolean;
    readonly limits: LaunchLimits;
    readonly files: FileRights;
    readonly network: Network["mode"];
    readonly connectPorts: readonly number[];
    readonly ipv6: boolean;
    readonly confine: Confinement;
  })
  | { readonly op: "kill"; readonly pid: number }
  /** `null` leaves a limit as it is. */
  | {
    readonly op: "limit";
    readonly pid: number;
    readonly memoryBytes: number | null;
    readonly cpuPercent: number | null;
  }
  | { readonly op: "probe"; readonly id: number; readonly uid: number | null };

/** `null` stands for "works", text for why it does not. */
const finding = z.string().nullable();

const findings = z.object({
  machine: finding,
  noNewPrivileges: finding,
  seccomp: finding,
  /** Whether the launcher can be asked about a system call. */
  seccompListener: finding,
  landlock: finding,
  landlockAbi: z.number(),
  ownUser: finding,
  userNamespaces: finding,
  raiseLimits: finding,
  cgroup: z.object({ works: z.boolean(), description: z.string() }),
});
export type Findings = z.infer<typeof findings>;

const launcherEvent = z.discriminatedUnion("event", [
  z.object({ event: z.literal("ready"), pid: z.number(), landlockAbi: z.number() }),
  z.object({
    event: z.literal("launched"),
    id: z.number(),
    pid: z.number(),
    uid: z.number().nullable(),
    /** Whether its control group can hold it to a share of the processor. */
    cpuQuota: z.boolean(),
  }),
  z.object({ event: z.literal("failed"), id: z.number(), message: z.string() }),
  z.object({
    event: z.literal("exited"),
    pid: z.number(),
    code: z.number(),
    signal: z.number().nullable(),
  }),
  z.object({ event: z.literal("probed"), id: z.number(), findings }),
  /** A command that could not be carried out and that nobody waits for. */
  z.object({ event: z.literal("problem"), message: z.string() }),
]);
export type LauncherEvent = z.infer<typeof launcherEvent>;

export function parseLauncherEvent(line: string): LauncherEvent {
  return launcherEvent.parse(JSON.parse(line));
}
