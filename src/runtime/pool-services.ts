import type { OrlaError } from "../base/errors.ts";
import type { ExecutionSink } from "../functions/execution.ts";
import type { Clock } from "./clock.ts";
import type { FunctionPool } from "./function-pool.ts";
import type { Instance } from "./instance.ts";

/** What the pool of one version needs of the node. */
export interface PoolServices {
  readonly clock: Clock;
  readonly sink: ExecutionSink;
  readonly idleTimeoutMs: number;
  /** Calls of one version that may wait. */
  readonly queueLimit: number;
  /** How long one of them may. */
  readonly queueTimeoutMs: number;
  /** A blank instance that is ready; counts it against the node's limit. */
  takeBlank(): Instance | undefined;
  /** Orders one; `false` when the node's limit is reached and nothing can be given up for it. */
  requestBlank(receiver: (taken: Instance | OrlaError) => void): boolean;
  /** Returns an ordered one unused. */
  giveBack(instance: Instance): void;
  /** One that was taken is gone. */
  released(): void;
  /** A call is over. */
  over(): void;
  /** The pool has something to look after: tick it until it is quiet. */
  active(pool: FunctionPool): void;
  emptied(pool: FunctionPool): void;
}
