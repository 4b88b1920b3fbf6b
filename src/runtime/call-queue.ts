import type { Invocation } from "./invocation.ts";

/** Calls waiting for room, first come, first served. Those that are over meanwhile are skipped. */
export class CallQueue {
  #calls: (Invocation | undefined)[] = [];
  #head = 0;
  #size = 0;

  /** Calls that still wait. */
  get size(): number {
    return this.#size;
  }

  push(call: Invocation): void {
    this.#calls.push(call);
    this.#entered(call);
  }

  /** For calls that have waited before. */
  pushFront(call: Invocation): void {
    if (this.#head > 0) this.#calls[--this.#head] = call;
    else this.#calls.unshift(call);
    this.#entered(call);
  }

  shift(): Invocation | undefined {
    const call = this.peek();
    if (call === undefined) return undefined;
    this.#calls[this.#head++] = undefined;
    this.left(call);
    if (this.#head > 64 && this.#head * 2 > this.#calls.length) {
      this.#calls = this.#calls.slice(this.#head);
      this.#head = 0;
    }
    return call;
  }

  peek(): Invocation | undefined {
    while (this.#head < this.#calls.length) {
      const call = this.#calls[this.#head];
      if (call !== undefined && !call.isOver) return call;
      this.#calls[this.#head++] = undefined;
    }
    this.#calls.length = this.#head = 0;
    return undefined;
  }

  /** The call waits no longer. If it is over, its place is passed over later. */
  left(call: Invocation): void {
    if (!call.queued) return;
    call.queued = false;
    this.#size--;
  }

  #entered(call: Invocation): void {
    call.queued = true;
    this.#size++;
  }
}
