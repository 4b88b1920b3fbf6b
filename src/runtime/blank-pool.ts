/**
 * Keeps blank instances ready. Taking one is synchronous; its replacement starts in the background,
 * a little later and few at a time, because starting a process takes 25 ms of a processor that the
 * taken instance is about to need.
 */
import { toOrlaError } from "../base/errors.ts";
import type { OrlaError } from "../base/errors.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Instance } from "./instance.ts";
import type { Urgency } from "./pool-services.ts";

interface BlankPoolOptions {
  readonly size: number;
  readonly clock: Clock;
  readonly start: () => Promise<Instance>;
  readonly onError: (error: OrlaError) => void;
}

export type Receiver = (taken: Instance | OrlaError) => void;

/** Processes started at the same time: more would only slow each other down. */
const MAX_STARTING = 2;

/** Lets the call that took an instance have the processor first. */
const REFILL_DELAY_MS = 20;

/** After a failed start, when nobody waits. */
const RETRY_DELAY_MS = 1000;

export class BlankPool implements AsyncDisposable {
  readonly #options: BlankPoolOptions;
  readonly #ready: Instance[] = [];
  readonly #waiting = new Set<Receiver>();
  /** Those that need theirs some time only: the pool itself comes first. */
  readonly #patient = new Set<Receiver>();
  readonly #starting = new Set<Promise<void>>();
  #refill: Timer | undefined;
  #closed = false;
  #failing = false;

  constructor(options: BlankPoolOptions) {
    this.#options = options;
    this.#startMissing();
  }

  get size(): number {
    return this.#ready.length;
  }

  /** The processes there are or will be soon. */
  get starting(): number {
    return this.#starting.size;
  }

  /** None is ready and the last one did not start: a call that needs one will hardly get it. */
  get failing(): boolean {
    return this.#failing && this.#ready.length === 0;
  }

  /** `undefined` when none is ready. */
  take(): Instance | undefined {
    for (;;) {
      const instance = this.#ready.shift();
      if (instance !== undefined) this.#refillLater(REFILL_DELAY_MS);
      if (instance === undefined || instance.state === "blank") return instance;
    }
  }

  /** Hands over the next instance that is started, or why there is none. */
  request(urgency: Urgency, receiver: Receiver): void {
    if (urgency === "later") {
      this.#patient.add(receiver);
      return this.#refillLater(REFILL_DELAY_MS);
    }
    const ready = this.take();
    if (ready !== undefined) return receiver(ready);
    this.#waiting.add(receiver);
    this.#startMissing();
  }

  /** Takes back one that was not used after all. */
  give(instance: Instance): void {
    if (this.#closed) instance.stop();
    else if (instance.state === "blank") this.#offer(instance);
  }

  /** Resolves when `size` instances are ready or cannot be started. */
  async filled(): Promise<void> {
    while (!this.#closed && this.#starting.size > 0) await Promise.all(this.#starting);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#refill?.cancel();
    this.#waiting.clear();
    this.#patient.clear();
    await Promise.all(this.#starting);
    await Promise.all(this.#ready.map((instance) => (instance.stop(), instance.gone)));
    this.#ready.length = 0;
  }

  #refillLater(delayMs: number): void {
    if (this.#closed) return;
    this.#refill ??= this.#options.clock.after(delayMs, () => {
      this.#refill = undefined;
      this.#startMissing();
    });
  }

  #startMissing(): void {
    // While starts fail one is tried again and again, though nobody may want it: to learn when they
    // work once more.
    const size = Math.max(this.#options.size, this.#failing ? 1 : 0);
    const wanted = this.#waiting.size + this.#patient.size + size - this.#ready.length;
    while (!this.#closed && this.#starting.size < Math.min(MAX_STARTING, wanted)) this.#startOne();
  }

  #startOne(): void {
    const starting = this.#options.start().then(
      (instance) => {
        if (this.#closed) instance.stop();
        else this.#offer(instance);
        return this.#closed ? instance.gone : undefined;
      },
      (error: unknown) => this.#failed(toOrlaError(error)),
    ).finally(() => {
      this.#starting.delete(starting);
      if (this.#refill === undefined) this.#startMissing();
    });
    this.#starting.add(starting);
  }

  #failed(error: OrlaError): void {
    this.#failing = true;
    this.#options.onError(error);
    const receivers = [...this.#waiting, ...this.#patient];
    this.#waiting.clear();
    this.#patient.clear();
    // Waits before it tries again: what failed now will hardly work at once.
    this.#refillLater(RETRY_DELAY_MS);
    for (const receiver of receivers) receiver(error);
  }

  #offer(instance: Instance): void {
    this.#failing = false;
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
    // One that dies while it waits is replaced.
    instance.gone.then(() => this.#lost(instance));
  }

  #lost(instance: Instance): void {
    const index = this.#ready.indexOf(instance);
    if (index < 0) return;
    this.#ready.splice(index, 1);
    this.#refillLater(REFILL_DELAY_MS);
  }
}
