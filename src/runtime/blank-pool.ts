/**
 * Keeps blank instances ready. Taking one is synchronous; its replacement starts in the background.
 *
 * Starting a process takes 16 to 25 ms of a processor, which a call that has just taken an instance
 * needs more. So starts wait, the longer the more instances are left; those under way pause for
 * the first milliseconds of such a call; and after a burst more instances are kept for a while than
 * usually, for the next. When somebody waits for a process none of this holds.
 */
import { toOrlaError } from "../base/errors.ts";
import type { OrlaError } from "../base/errors.ts";
import { BlankDemand } from "./blank-demand.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Instance } from "./instance.ts";
import type { ProcessHold } from "./limits.ts";
import type { Urgency } from "./pool-services.ts";

interface BlankPoolOptions {
  readonly size: number;
  readonly clock: Clock;
  /** Tells how the process can be made to pause as soon as there is one. */
  readonly start: (onSpawn: (hold: ProcessHold | null) => void) => Promise<Instance>;
  readonly onError: (error: OrlaError) => void;
  /** Whether there is memory for more than `size`. */
  readonly mayExceed: () => boolean;
}

export type Receiver = (taken: Instance | OrlaError) => void;

/** Processes started at the same time: more would only slow each other down. */
const MAX_STARTING = 2;

/** How long nobody must have taken an instance before another starts: fewer than half are left, */
const LOW_DELAY_MS = 20;
/** fewer than all, */
const REFILL_DELAY_MS = 100;
/** or more than usual are to be kept. */
const EXTRA_DELAY_MS = 250;

/** A first call is over by then, nearly always. */
const PAUSE_MS = 12;

/** After a failed start, when nobody waits. One that died while it waited is replaced sooner. */
const RETRY_DELAY_MS = 1000;

/** After so many in a row those who wait are told that there is nothing to be had. */
const HOPELESS_FAILURES = 3;

export class BlankPool implements AsyncDisposable {
  readonly #options: BlankPoolOptions;
  readonly #demand: BlankDemand;
  readonly #ready: Instance[] = [];
  readonly #waiting = new Set<Receiver>();
  /** Those that need theirs some time only: the pool itself comes first. */
  readonly #patient = new Set<Receiver>();
  readonly #starting = new Set<Promise<void>>();
  readonly #holds = new Set<ProcessHold>();
  #takenAt = -Infinity;
  #retryAt = -Infinity;
  #look: Timer | undefined;
  #pause: Timer | undefined;
  #closed = false;
  /** In a row. */
  #failures = 0;

  constructor(options: BlankPoolOptions) {
    this.#options = options;
    this.#demand = new BlankDemand(options.size);
    this.#startMissing();
  }

  get size(): number {
    return this.#ready.length;
  }

  /** None is ready and the last one did not start: a call that needs one will hardly get it. */
  get failing(): boolean {
    return this.#failures >= HOPELESS_FAILURES && this.#ready.length === 0;
  }

  /** `undefined` when none is ready. */
  take(): Instance | undefined {
    for (;;) {
      const instance = this.#ready.shift();
      if (instance === undefined) return undefined;
      if (instance.state !== "blank") continue;
      this.#taken();
      this.#pauseStarts();
      this.#startMissing();
      return instance;
    }
  }

  /** Hands over the next instance that is started, or why there is none. */
  request(urgency: Urgency, receiver: Receiver): void {
    if (urgency === "later") {
      this.#patient.add(receiver);
      return this.#startMissing();
    }
    const ready = this.take();
    if (ready !== undefined) return receiver(ready);
    this.#taken();
    this.#waiting.add(receiver);
    this.#resumeStarts();
    this.#startMissing();
  }

  /** Takes back one that was not used after all. */
  give(instance: Instance): void {
    if (this.#closed) instance.stop();
    else if (instance.state === "blank") this.#offer(instance);
  }

  /** To be called now and then: ends what a burst long ago has left. */
  upkeep(): void {
    const surplus = this.#ready.length - this.#target();
    for (const instance of this.#ready.splice(0, Math.max(0, surplus))) instance.stop();
    this.#startMissing();
  }

  /** Resolves when `size` instances are ready or cannot be started. */
  async filled(): Promise<void> {
    while (!this.#closed && this.#starting.size > 0) await Promise.all(this.#starting);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#look?.cancel();
    this.#resumeStarts();
    this.#waiting.clear();
    this.#patient.clear();
    await Promise.all(this.#starting);
    await Promise.all(this.#ready.map((instance) => (instance.stop(), instance.gone)));
    this.#ready.length = 0;
  }

  #taken(): void {
    this.#takenAt = this.#options.clock.now();
    this.#demand.took(this.#takenAt);
  }

  #target(): number {
    const { size, clock, mayExceed } = this.#options;
    return mayExceed() ? this.#demand.target(clock.now()) : size;
  }

  #startMissing(): void {
    this.#look?.cancel();
    this.#look = undefined;
    while (!this.#closed) {
      const delayMs = this.#untilNextStart(this.#options.clock.now());
      if (delayMs === undefined) return;
      if (delayMs > 0) {
        this.#look = this.#options.clock.after(delayMs, () => this.#startMissing());
        return;
      }
      this.#startOne();
    }
  }

  /** Milliseconds; `undefined` when there is no need, or the end of another start has to be awaited. */
  #untilNextStart(now: number): number | undefined {
    const starting = this.#starting.size;
    if (starting >= MAX_STARTING) return undefined;
    if (this.#waiting.size > starting) return 0;
    if (now < this.#retryAt) return this.#retryAt - now;
    // While starts fail one is tried again and again, though nobody may want it: to learn when they
    // work once more.
    const size = Math.max(this.#options.size, this.#failures > 0 ? 1 : 0);
    const coming = this.#ready.length + starting - this.#waiting.size;
    const quietMs = now - this.#takenAt;
    if (coming < size / 2) return Math.max(0, LOW_DELAY_MS - quietMs);
    if (coming < size) return Math.max(0, REFILL_DELAY_MS - quietMs);
    if (starting > 0 || (this.#patient.size === 0 && coming >= this.#target())) return undefined;
    return Math.max(0, EXTRA_DELAY_MS - quietMs);
  }

  #startOne(): void {
    let hold: ProcessHold | null = null;
    const letGo = () => {
      if (hold !== null) this.#letGo(hold);
      hold = null;
    };
    const starting = this.#options.start((spawned) => {
      letGo();
      hold = spawned;
      if (hold !== null) this.#holds.add(hold);
    }).finally(letGo).then(
      (instance) => {
        if (this.#closed) instance.stop();
        else this.#offer(instance);
        return this.#closed ? instance.gone : undefined;
      },
      (error: unknown) => this.#failed(toOrlaError(error)),
    ).finally(() => {
      this.#starting.delete(starting);
      this.#startMissing();
    });
    this.#starting.add(starting);
  }

  /** It may have been made to pause in the moment in which it was ready. */
  #letGo(hold: ProcessHold): void {
    hold.resume();
    this.#holds.delete(hold);
    hold[Symbol.dispose]();
  }

  #pauseStarts(): void {
    if (this.#holds.size === 0 || this.#waiting.size > 0) return;
    for (const hold of this.#holds) hold.stop();
    this.#pause?.cancel();
    this.#pause = this.#options.clock.after(PAUSE_MS, () => this.#resumeStarts());
  }

  #resumeStarts(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    for (const hold of this.#holds) hold.resume();
  }

  #failed(error: OrlaError): void {
    this.#failures++;
    this.#options.onError(error);
    // Waits before it tries again, unless somebody waits who may still hope.
    this.#retryAt = this.#options.clock.now() + RETRY_DELAY_MS;
    if (this.#failures < HOPELESS_FAILURES) return;
    const receivers = [...this.#waiting, ...this.#patient];
    this.#waiting.clear();
    this.#patient.clear();
    for (const receiver of receivers) receiver(error);
  }

  #offer(instance: Instance): void {
    this.#failures = 0;
    const [receiver] = this.#waiting;
    if (receiver !== undefined) {
      this.#waiting.delete(receiver);
      return receiver(instance);
    }
    const [patient] = this.#patient;
    if (patient !== undefined && this.#ready.length >= this.#options.size) {
      this.#patient.delete(patient);
      return patient(instance);
    }
    this.#ready.push(instance);
    instance.gone.then(() => this.#lost(instance));
  }

  #lost(instance: Instance): void {
    const index = this.#ready.indexOf(instance);
    if (index < 0) return;
    this.#ready.splice(index, 1);
    this.#retryAt = Math.max(this.#retryAt, this.#options.clock.now() + REFILL_DELAY_MS);
    this.#startMissing();
  }
}
