/** What counts as taken together. */
const BURST_MS = 1000;

/** A burst is expected to come again for so long; after each such time for half as many. */
const HALF_LIFE_MS = 60_000;

/** Ten megabytes each; who wants more can say so. */
const MOST = 32;

/** How many blank instances are worth keeping, going by the largest burst of late. */
export class BlankDemand {
  readonly #size: number;
  #began = -Infinity;
  #count = 0;
  #peak = 0;
  #peakAt = -Infinity;

  /** `size` are kept in any case; with 0 nobody wants to be prepared. */
  constructor(size: number) {
    this.#size = size;
  }

  /** One was taken, or asked for. */
  took(now: number): void {
    if (now - this.#began >= BURST_MS) {
      this.#began = now;
      this.#count = 0;
    }
    this.#count++;
    if (this.#count < this.#expected(now)) return;
    this.#peak = this.#count;
    this.#peakAt = now;
  }

  target(now: number): number {
    if (this.#size === 0) return 0;
    return Math.max(this.#size, Math.min(this.#expected(now), MOST));
  }

  #expected(now: number): number {
    const halvings = Math.floor((now - this.#peakAt) / HALF_LIFE_MS);
    return Number.isFinite(halvings) ? Math.floor(this.#peak / 2 ** halvings) : 0;
  }
}
