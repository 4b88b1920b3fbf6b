import { OrlaError } from "../base/errors.ts";
import { CallQueue } from "./call-queue.ts";
import type { Clock } from "./clock.ts";
import type { Invocation } from "./invocation.ts";

/** A call that was lost this often before it began has had its chances. */
const MAX_LOST_DELIVERIES = 3;

interface WaitingCallsOptions {
  readonly clock: Clock;
  /** Calls that may wait. */
  readonly limit: number;
  /** How long one of them may. */
  readonly timeoutMs: number;
}

/** The calls of a version that no instance has room for. */
export class WaitingCalls {
  readonly #options: WaitingCallsOptions;
  readonly #queue = new CallQueue();

  constructor(options: WaitingCallsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Returns whether it may wait; otherwise it has been refused. */
  add(call: Invocation): boolean {
    if (this.#queue.size >= this.#options.limit) {
      call.fail(overloaded("Too many calls are waiting for this function"));
      return false;
    }
    call.queuedAt = this.#options.clock.now();
    this.#queue.push(call);
    return true;
  }

  /** Takes back one that an instance had and did not begin; before all others. */
  giveBack(call: Invocation): void {
    if (call.isOver) return;
    call.returned();
    call.queuedAt = this.#options.clock.now();
    this.#queue.pushFront(call);
  }

  /** The same for one whose instance died. */
  lost(call: Invocation): void {
    if (++call.lostDeliveries < MAX_LOST_DELIVERIES) return this.giveBack(call);
    call.fail(new OrlaError("instance_crashed", "Instances died before they began this call"));
  }

  /** It is over. */
  left(call: Invocation): void {
    this.#queue.left(call);
  }

  /** Delivers the calls in their order, each to what `pick` finds, until it finds nothing. */
  serve<T>(pick: () => T | undefined, deliver: (to: T, call: Invocation) => void): void {
    for (let call = this.#queue.peek(); call !== undefined; call = this.#queue.peek()) {
      const to = pick();
      if (to === undefined) return;
      this.#queue.shift();
      deliver(to, call);
    }
  }

  /** Refuses those that have waited for too long. */
  expire(now: number, why: () => OrlaError): void {
    for (let call = this.#queue.peek(); call !== undefined; call = this.#queue.peek()) {
      if (now - call.queuedAt < this.#options.timeoutMs) return;
      call.fail(why());
    }
  }

  failAll(error: OrlaError): void {
    for (let call = this.#queue.peek(); call !== undefined; call = this.#queue.peek()) {
      call.fail(error);
    }
  }
}

export function overloaded(
  message: string,
  hint = "Retry later, or raise MAX_INSTANCES or CONCURRENCY.",
): OrlaError {
  return new OrlaError("overloaded", message, { hint, retryAfterSeconds: 1 });
}
