/** Counts requests being worked on: the cap under overload, and what a drain waits for. */
import { OrlaError } from "../base/errors.ts";

export class InFlight {
  readonly #max: number;
  #count = 0;
  #onNone: (() => void) | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#count;
  }

  /** Throws `overloaded` at the cap; otherwise the caller owes one {@link leave}. */
  enter(): void {
    if (this.#count >= this.#max) {
      throw new OrlaError("overloaded", "This node is working on as many requests as it can hold.");
    }
    this.#count++;
  }

  leave(): void {
    this.#count--;
    if (this.#count === 0) this.#onNone?.();
  }

  /** Resolves when nothing is in flight any more. */
  none(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onNone = resolve);
  }
}
