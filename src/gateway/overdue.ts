import { type Link, LinkedList } from "../base/linked-list.ts";

interface Watched<T> {
  readonly item: T;
  readonly since: number;
}

/** What `add` gives and `remove` takes. */
export type Watch<T> = Link<Watched<T>>;

/**
 * Tells when something has lasted for too long, for very many short-lived things at once: they share
 * one timer, where a `setTimeout` and `clearTimeout` each would cost 1.2 µs.
 */
export class Overdue<T> {
  readonly #afterMs: number;
  readonly #onOverdue: (item: T) => void;
  /** By age. */
  readonly #items = new LinkedList<Watched<T>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(afterMs: number, onOverdue: (item: T) => void) {
    this.#afterMs = afterMs;
    this.#onOverdue = onOverdue;
  }

  /** Calls back once unless the item is removed within the time. `now` saves reading the clock. */
  add(item: T, now: number = performance.now()): Watch<T> {
    if (this.#timer === undefined) this.#schedule(this.#afterMs);
    return this.#items.add({ item, since: now });
  }

  remove(watch: Watch<T>): void {
    this.#items.remove(watch);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#items.clear();
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => this.#tick(), delayMs);
  }

  /** The timer may run once in vain after the last item has gone: cheaper than stopping it. */
  #tick(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (let watch = this.#items.first; watch !== undefined; watch = this.#items.first) {
      const { item, since } = watch.value;
      const leftMs = since + this.#afterMs - now;
      if (leftMs > 0) return this.#schedule(Math.ceil(leftMs));
      this.#items.remove(watch);
      this.#onOverdue(item);
    }
  }
}
