/**
 * Tells when something has lasted for too long, for very many short-lived things at once: they share
 * one timer, where a `setTimeout` and `clearTimeout` each would cost 1.2 µs.
 */
export class Overdue<T> {
  readonly #afterMs: number;
  readonly #onOverdue: (item: T) => void;
  /** By age, because a Map keeps the order of insertion. */
  readonly #since = new Map<T, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(afterMs: number, onOverdue: (item: T) => void) {
    this.#afterMs = afterMs;
    this.#onOverdue = onOverdue;
  }

  /** Calls back once unless the item is deleted within the time. `now` saves reading the clock. */
  add(item: T, now: number = performance.now()): void {
    this.#since.delete(item);
    this.#since.set(item, now);
    if (this.#timer === undefined) this.#schedule(this.#afterMs);
  }

  delete(item: T): void {
    this.#since.delete(item);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#since.clear();
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => this.#tick(), delayMs);
  }

  /** The timer may run once in vain after the last item has gone: cheaper than stopping it. */
  #tick(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [item, since] of this.#since) {
      const leftMs = since + this.#afterMs - now;
      if (leftMs > 0) return this.#schedule(Math.ceil(leftMs));
      this.#since.delete(item);
      this.#onOverdue(item);
    }
  }
}
