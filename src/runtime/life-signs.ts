/** Whether an instance is alive: its pulse, on a clock that stands still while its process is paused. */
import type { Clock, Timer } from "./clock.ts";
import type { InstanceCpu } from "./instance-cpu.ts";
import { Pulse } from "./pulse.ts";

interface LifeSignsOptions {
  readonly clock: Clock;
  readonly cpu: InstanceCpu;
  readonly ping: () => void;
  /** Called when it did not answer although it had to. */
  readonly hung: () => void;
}

/** An idle instance that does not answer for so long computes for nobody. */
const IDLE_HANG_MS = 1000;

export class LifeSigns implements Disposable {
  readonly #options: LifeSignsOptions;
  readonly #pulse: Pulse;
  #grace: Timer | undefined;
  #over = false;

  constructor(options: LifeSignsOptions) {
    this.#options = options;
    const { clock, cpu, ping } = options;
    // It cannot answer while it is made to pause.
    const activeClock = {
      now: () => cpu.activeTime(clock.now()),
      after: (ms: number, run: () => void) => clock.after(ms, run),
    };
    this.#pulse = new Pulse(activeClock, ping);
  }

  get responsive(): boolean {
    return this.#pulse.responsive;
  }

  beat(): void {
    this.#pulse.beat();
  }

  /** After a pause in which nothing was asked of it. */
  restart(): void {
    this.#pulse.restart();
  }

  /** Returns whether the event loop hangs. */
  check(now: number): boolean {
    return this.#pulse.check(this.#options.cpu.activeTime(now));
  }

  /** It hangs for so long that even an idle one is of no use any more. */
  isLost(now: number): boolean {
    return this.#pulse.unansweredMs(this.#options.cpu.activeTime(now)) >= IDLE_HANG_MS;
  }

  /** After a time-out: an event loop that does not answer now, at full speed, is in an endless loop. */
  demand(): void {
    if (this.#grace !== undefined || this.#over) return;
    const { clock, cpu, hung } = this.#options;
    const asked = this.#pulse.ask();
    cpu.lift();
    this.#grace = clock.after(Pulse.GRACE_MS, () => {
      this.#grace = undefined;
      cpu.lower();
      if (!this.#pulse.answeredSince(asked)) hung();
    });
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#grace?.cancel();
  }
}
