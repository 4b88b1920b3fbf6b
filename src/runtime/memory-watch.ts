import type { Limiter } from "./limits.ts";

const MB = 1 << 20;

/** One look at /proc costs 7 µs. */
const SAMPLE_EVERY_MS = 100;

/**
 * Allocations beyond the limit fail by themselves where the kernel enforces it. That limit counts
 * address space; what Deno had reserved before can still be touched, so it gets some room here.
 */
const SLACK_MB = 16;

/** Memory is asked for in steps, of which the last does not fit. */
const SHORT = 2 / 3;

/** What one instance holds beyond an empty process. */
export class MemoryWatch {
  readonly #pid: number;
  readonly #limiter: Limiter;
  #limitMb = Infinity;
  #baseline: number | null = null;
  #used: number | null = null;
  #sampledAt = -Infinity;

  constructor(pid: number, limiter: Limiter) {
    this.#pid = pid;
    this.#limiter = limiter;
  }

  /** At the last sample, in MB with one decimal. */
  get usedMb(): number | null {
    return this.#used === null ? null : Math.round(this.#used / MB * 10) / 10;
  }

  begin(limitMb: number): void {
    this.#limitMb = limitMb;
    this.#baseline = this.#limiter.memoryOf(this.#pid);
  }

  sample(now: number): void {
    if (this.#baseline === null || now - this.#sampledAt < SAMPLE_EVERY_MS) return;
    this.#sampledAt = now;
    const memory = this.#limiter.memoryOf(this.#pid);
    if (memory !== null) this.#used = Math.max(0, memory - this.#baseline);
  }

  /** So much is in use that what was asked for last may not have been granted. */
  isShort(): boolean {
    const memory = this.#baseline === null ? null : this.#limiter.memoryOf(this.#pid);
    return memory !== null && memory - (this.#baseline ?? 0) > this.#limitMb * MB * SHORT;
  }

  exceeded(now: number): boolean {
    this.sample(now);
    return this.#used !== null && this.#used > (this.#limitMb + SLACK_MB) * MB;
  }
}
