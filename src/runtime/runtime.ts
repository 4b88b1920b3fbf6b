/** What the node is told to run functions with, and what it offers to those who call them. */
import type { Invoker } from "../functions/call.ts";
import type { EgressGate } from "../functions/egress.ts";
import type { ExecutionSink } from "../functions/execution.ts";
import type { FunctionVersion } from "../functions/function.ts";
import type { HostServices } from "../functions/host-services.ts";
import type { Clock } from "./clock.ts";
import type { InstanceKinds } from "./instance-kind.ts";
import type { EndReason } from "./instance-set.ts";
import type { Launcher } from "./launcher.ts";
import type { Enforcement } from "./limits.ts";
import type { PoolReport } from "./pool-report.ts";

/** Kills what the node leaves behind when it dies itself. Implemented by `server/`. */
export interface Reaper {
  watch(pid: number, signal: "KILL" | "INT"): void;
  release(pid: number): void;
}

export interface RuntimeLog {
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface RuntimeOptions {
  readonly denoPath: string;
  /** An existing directory of ours alone, with a short path: sockets are made in it. */
  readonly runtimeDir: string;
  readonly sink: ExecutionSink;
  readonly reaper: Reaper;
  readonly log: RuntimeLog;
  /** Blank processes kept ready. */
  readonly poolSize?: number;
  /** Instances of all functions together. */
  readonly maxTotalInstances?: number;
  /** Memory of all instances together, beyond what they share; `null` for no limit. */
  readonly memoryBudgetBytes?: number | null;
  readonly idleTimeoutMs?: number;
  /** Instances are replaced at about this age. */
  readonly maxAgeMs?: number;
  /** Calls of one version that may wait for an instance. */
  readonly queueLimit?: number;
  readonly queueTimeoutMs?: number;
  /** How long calls may go on once the runtime is disposed. */
  readonly drainTimeoutMs?: number;
  /** Processors that instances may use; those of the machine by default. */
  readonly cores?: number;
  readonly clock?: Clock;
  readonly launcher?: Launcher;
  /** What else than Deno functions may run in; nothing by default. */
  readonly otherKinds?: InstanceKinds;
  /** What functions may ask of the platform; nothing by default. */
  readonly hostServices?: HostServices;
  /** The way into the network, whose port the launcher must know too; none by default. */
  readonly egress?: EgressGate | null;
}

export type EndCounts = Record<EndReason, number>;

export interface RuntimeStats {
  readonly instances: {
    readonly blank: number;
    /** On their way to a function, or importing it. */
    readonly starting: number;
    readonly idle: number;
    readonly busy: number;
    /** Idle, and kept for when others are busy. */
    readonly spare: number;
    readonly draining: number;
  };
  /** Instances that had a function and are gone. */
  readonly ended: Readonly<EndCounts>;
  /** Private memory of all of them, when measured last. */
  readonly memoryBytes: number;
  readonly calls: { readonly running: number; readonly waiting: number };
  /** No process to run functions in is ready, and none starts. */
  readonly startsFail: boolean;
  /** What is really enforced on this machine. */
  readonly enforced: Enforcement;
}

export interface Runtime extends Invoker, AsyncDisposable {
  /** Resolves when the pool of blank processes is full. */
  ready(): Promise<void>;
  /** Starts what the version's options want to be there, and keeps it there. */
  keepWarm(version: FunctionVersion): void;
  /** Resolves when an instance of the version, and all that its options want, can take calls at once. */
  warm(version: FunctionVersion): Promise<void>;
  /**
   * The function's versions changed: instances of all versions but `currentVersionId` end as their
   * calls do. Callers who still come with an older version are served.
   */
  retire(functionId: string, currentVersionId?: string): void;
  stats(): RuntimeStats;
  /** How each version is doing that has instances, or had and failed. */
  report(): PoolReport[];
}
