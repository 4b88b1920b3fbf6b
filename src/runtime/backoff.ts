import type { OrlaError } from "../base/errors.ts";
import type { FailureReport } from "./pool-report.ts";

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 10_000;

/** A failure this long ago says nothing about the next instance. */
const FORGET_AFTER_MS = 60_000;

/**
 * Remembers that a function's instances keep failing. The first failure costs nothing: the next
 * instance starts at once. From the second in a row on, none is started for a time that doubles,
 * and callers are told why. A call that gets its answer ends the series.
 */
export class Backoff {
  #failures = 0;
  #until = -Infinity;
  #failedAt = -Infinity;
  /** For people, who go by the calendar. */
  #last: { readonly error: OrlaError; readonly at: number; readonly delayMs: number } | undefined;

  failed(error: OrlaError, now: number): void {
    this.#failures++;
    this.#failedAt = now;
    const delayMs = this.#failures < 2
      ? 0
      : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#failures - 2));
    this.#last = { error, at: Date.now(), delayMs };
    if (delayMs > 0) this.#until = now + delayMs;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#until = -Infinity;
  }

  /** Why no instance may be started now. */
  blockedBy(now: number): OrlaError | undefined {
    return now < this.#until ? this.#last?.error : undefined;
  }

  /** Whether the series matters still. */
  isSerious(now: number): boolean {
    return this.#failures > 0 && now - this.#failedAt < FORGET_AFTER_MS;
  }

  report(now: number): FailureReport {
    const last = this.#last;
    return {
      failures: this.#failures,
      backsOffUntil: last !== undefined && now < this.#until ? last.at + last.delayMs : null,
      lastFailure: last === undefined ? null : { error: last.error, at: last.at },
    };
  }
}
