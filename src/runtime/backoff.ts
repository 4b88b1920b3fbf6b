import type { OrlaError } from "../base/errors.ts";

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 10_000;

/**
 * Remembers that a function's instances keep failing. The first failure costs nothing: the next
 * instance starts at once. From the second in a row on, none is started for a time that doubles,
 * and callers are told why. A call that gets its answer ends the series.
 */
export class Backoff {
  #failures = 0;
  #until = -Infinity;
  #reason: OrlaError | undefined;

  failed(reason: OrlaError, now: number): void {
    this.#failures++;
    this.#reason = reason;
    if (this.#failures < 2) return;
    this.#until = now + Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#failures - 2));
  }

  succeeded(): void {
    this.#failures = 0;
    this.#until = -Infinity;
    this.#reason = undefined;
  }

  /** Why no instance may be started now. */
  blockedBy(now: number): OrlaError | undefined {
    return now < this.#until ? this.#reason : undefined;
  }

  get failures(): number {
    return this.#failures;
  }
}
