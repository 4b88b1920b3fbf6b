/** Looks closer together than this say too little: the kernel counts some processes in 10 ms. */
const LOOK_EVERY_MS = 80;

/** Of one processor, or of what CPU_LIMIT leaves of it. */
const BUSY_SHARE = 0.75;

/** Instances of one age do not all end in one moment: each lives up to so much less or more. */
const AGE_JITTER = 0.1;

/** Memory above this share of MEMORY, kept for a while, is not given back any more. */
const LARGE_SHARE = 0.8;
const LARGE_FOR_MS = 10_000;

interface TenureOptions {
  readonly now: number;
  readonly maxAgeMs: number;
  readonly cpuMs: () => number | null;
  readonly memoryUsedMb: () => number | null;
  readonly memoryMb: number;
  /** Percent of one processor. */
  readonly cpuLimitPercent: number | null;
}

/** What a pool keeps in mind about one of its instances: its age, and how busy and large it is. */
export class Tenure {
  readonly #options: TenureOptions;
  readonly #endsAt: number;
  #cpuMs: number | null;
  #lookedAt: number;
  #share = 0;
  #largeSince: number | undefined;

  constructor(options: TenureOptions) {
    const { now, maxAgeMs, cpuMs } = options;
    this.#options = options;
    this.#endsAt = now + maxAgeMs * (1 - AGE_JITTER + 2 * AGE_JITTER * Math.random());
    this.#cpuMs = cpuMs();
    this.#lookedAt = now;
  }

  /** Processors used between the last two looks; 0 where nobody counts. */
  get cpuShare(): number {
    return this.#share;
  }

  /** Has no processor time left for more calls. */
  get isBusy(): boolean {
    const { cpuLimitPercent } = this.#options;
    return this.#share >= BUSY_SHARE * Math.min(1, (cpuLimitPercent ?? 100) / 100);
  }

  /** To be called while it has calls. */
  look(now: number): void {
    const elapsed = now - this.#lookedAt;
    if (elapsed < LOOK_EVERY_MS) return;
    const cpuMs = this.#options.cpuMs();
    this.#share = cpuMs === null || this.#cpuMs === null ? 0 : (cpuMs - this.#cpuMs) / elapsed;
    this.#cpuMs = cpuMs;
    this.#lookedAt = now;
  }

  /** It has nothing to do: what comes next is counted from here. */
  rest(now: number): void {
    this.#share = 0;
    this.#cpuMs = this.#options.cpuMs();
    this.#lookedAt = now;
  }

  /** Whether another should take its place. */
  isOver(now: number): boolean {
    if (now >= this.#endsAt) return true;
    const { memoryUsedMb, memoryMb } = this.#options;
    if ((memoryUsedMb() ?? 0) <= memoryMb * LARGE_SHARE) this.#largeSince = undefined;
    else this.#largeSince ??= now;
    return this.#largeSince !== undefined && now - this.#largeSince >= LARGE_FOR_MS;
  }
}
