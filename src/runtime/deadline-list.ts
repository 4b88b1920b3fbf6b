import type { Clock, Timer } from "./clock.ts";

export interface HasDeadline<T> {
  /** Monotonic milliseconds. */
  readonly deadlineAt: number;
  previous: T | undefined;
  next: T | undefined;
  listed: boolean;
  expire(): void;
}

/**
 * Calls in the order of their deadlines, linked through the calls themselves, with one timer for
 * all of them. Adding and removing cost nothing worth naming, where a timer a call costs 1.2 µs:
 * calls of one function arrive in nearly the order in which they would expire.
 */
export class DeadlineList<T extends HasDeadline<T>> {
  readonly #clock: Clock;
  #first: T | undefined;
  #last: T | undefined;
  #timer: Timer | undefined;
  #armedFor = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(item: T): void {
    let before = this.#last;
    while (before !== undefined && before.deadlineAt > item.deadlineAt) before = before.previous;
    const after = before === undefined ? this.#first : before.next;
    item.previous = before;
    item.next = after;
    item.listed = true;
    if (before === undefined) this.#first = item;
    else before.next = item;
    if (after === undefined) this.#last = item;
    else after.previous = item;
    if (before === undefined) this.#arm();
  }

  remove(item: T): void {
    if (!item.listed) return;
    item.listed = false;
    if (item.previous === undefined) this.#first = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.#last = item.previous;
    else item.next.previous = item.previous;
    item.previous = item.next = undefined;
  }

  /** In the order of their deadlines. */
  *[Symbol.iterator](): Iterator<T> {
    for (let item = this.#first; item !== undefined; item = item.next) yield item;
  }

  /** Cancels the timer; what is listed stays. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A timer whose item has left fires once for nothing, which is cheaper than moving it. */
  #arm(): void {
    const first = this.#first;
    if (first === undefined) return;
    if (this.#timer !== undefined) {
      if (this.#armedFor <= first.deadlineAt) return;
      this.#timer.cancel();
    }
    this.#armedFor = first.deadlineAt;
    const wait = Math.max(0, Math.ceil(first.deadlineAt - this.#clock.now()));
    this.#timer = this.#clock.after(wait, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (let item = this.#first; item !== undefined && item.deadlineAt <= now; item = this.#first) {
      this.remove(item);
      item.expire();
    }
    this.#arm();
  }
}
