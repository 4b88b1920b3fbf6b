import type { OrlaError } from "../base/errors.ts";
import type { ExecutionSink } from "../functions/execution.ts";
import type { Clock } from "./clock.ts";
import type { FunctionPool } from "./function-pool.ts";
import type { Instance } from "./instance.ts";
import type { EndReason } from "./instance-set.ts";

/**
 * What an instance is wanted for: a call that waits, for which idle instances are given up; calls that
 * may come soon; or calls that may come some time, which must not keep others waiting.
 */
export type Urgency = "call" | "soon" | "later";

/** What the pool of one version needs of the node. */
export interface PoolServices {
  readonly clock: Clock;
  readonly sink: ExecutionSink;
  readonly idleTimeoutMs: number;
  /** Instances are replaced at about this age. */
  readonly maxAgeMs: number;
  /** Calls of one version that may wait. */
  readonly queueLimit: number;
  /** How long one of them may. */
  readonly queueTimeoutMs: number;
  /** A blank instance that is ready, for a call; counts it against the node's limits. */
  takeBlank(): Instance | undefined;
  /** Orders one; `false` when the node's limits are reached. */
  requestBlank(urgency: Urgency, receiver: (taken: Instance | OrlaError) => void): boolean;
  /** Returns an ordered one unused. */
  giveBack(instance: Instance): void;
  /** Which limit of the node is reached, as the end of a sentence; `undefined` when none is. */
  whyFull(): string | undefined;
  /** Whether another busy process would have a processor to itself. */
  hasFreeCore(): boolean;
  cpuMsOf(pid: number): number | null;
  /** One that was taken is gone. */
  released(instance: Instance, reason: EndReason): void;
  /** A call is over. */
  over(): void;
  /** The pool has something to look after: tick it until it is quiet. */
  active(pool: FunctionPool): void;
  emptied(pool: FunctionPool): void;
}
