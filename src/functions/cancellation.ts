/**
 * Tells a running call that nobody waits for it any more. An `AbortController` with one listener
 * costs 3 µs and five objects on every call, of which hardly one in a thousand is ever cancelled.
 */
import type { OrlaError } from "../base/errors.ts";

export class Cancellation {
  #reason: OrlaError | undefined;
  #listener: ((reason: OrlaError) => void) | undefined;

  /** Why, once it is cancelled. */
  get reason(): OrlaError | undefined {
    return this.#reason;
  }

  /** The first reason counts. */
  cancel(reason: OrlaError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#listener?.(reason);
  }

  /** One listener: who runs the call. It is not told of what has happened already; see `reason`. */
  onCancel(listener: (reason: OrlaError) => void): void {
    this.#listener = listener;
  }
}
