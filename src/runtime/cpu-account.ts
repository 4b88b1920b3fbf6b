/**
 * Who used the processor time of one instance.
 *
 * The kernel counts for the process; its calls share it out equally among them, at every moment
 * among those open then. So there is one running sum, what a call open all the time would have been
 * charged, and a call's charge is the difference between its end and its beginning. A call that has
 * its instance for itself is charged exactly; beside others it is charged for them as they for it.
 *
 * A look at the kernel's count takes half a microsecond. When nobody was here before or nobody is
 * left, there is one; otherwise at most one a millisecond, and in between the pace of the last
 * interval stands in until the next look sets it right.
 */

/** Short beside what anybody limits, long beside a trivial call. */
const LOOK_EVERY_MS = 1;

export class CpuAccount {
  readonly #read: () => number | null;
  #sharers = 0;
  /** What a call open since the beginning would have been charged by the last look. */
  #shared = 0;
  #total: number | null;
  #lookedAt: number;
  /** Milliseconds since the last look, each divided by the sharers at the time. */
  #parts = 0;
  #partsUntil: number;
  /** Processor time per wall time between the last two looks. */
  #pace = 0;

  constructor(read: () => number | null, now: number) {
    this.#read = read;
    this.#total = read();
    this.#lookedAt = this.#partsUntil = now;
  }

  /** `null` where nobody counts. */
  get known(): boolean {
    return this.#total !== null;
  }

  /** To be told before as many calls are open as `sharers` says. */
  change(sharers: number, now: number): void {
    if (this.#sharers === 0 || sharers === 0 || now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.look(now);
    } else this.#advance(now);
    this.#sharers = sharers;
  }

  /** Looks if the last look is not quite recent. */
  refresh(now: number): void {
    if (now - this.#lookedAt >= LOOK_EVERY_MS) this.look(now);
  }

  look(now: number): void {
    const total = this.#read();
    if (total === null || this.#total === null) return;
    this.#advance(now);
    const elapsed = now - this.#lookedAt;
    if (elapsed <= 0) return;
    const used = total - this.#total;
    this.#pace = used / elapsed;
    this.#shared += this.#pace * this.#parts;
    this.#parts = 0;
    this.#total = total;
    this.#lookedAt = now;
  }

  /** The running sum, in milliseconds, as of the last change or look. */
  get shared(): number {
    return this.#shared + this.#pace * this.#parts;
  }

  #advance(now: number): void {
    if (this.#sharers > 0) this.#parts += (now - this.#partsUntil) / this.#sharers;
    this.#partsUntil = now;
  }
}
