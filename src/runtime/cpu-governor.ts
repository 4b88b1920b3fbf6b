/**
 * Holds a process to a share of the processor by making it pause (SIGSTOP) and go on (SIGCONT),
 * where no control group does.
 *
 * It has a balance of processor time. Wall time adds to it by the process's share, up to what
 * {@link BURST_MS} of it bring; what the process uses is taken away. Below zero the process pauses
 * until it is worth while to go on. So the average holds whatever the process does between two
 * looks, of which there are more the sooner the balance could be used up.
 *
 * *Lifted*, it lets the process run and goes on counting: after a time-out a process must be able
 * to show that it is alive.
 */
import type { Clock, Timer } from "./clock.ts";
import type { ProcessHold } from "./limits.ts";

/** As long as the kernel's own quotas are counted by default. */
const BURST_MS = 100;

/** Goes on when so much wall time's share is there again: fewer pauses than looks. */
const RESUME_MS = 25;

/** As many processors a look counts on being used until the next. */
const PACE = 2;

const MIN_WAIT_MS = 2;
const MAX_WAIT_MS = 25;
/** For a process that has done nothing for so many looks. */
const IDLE_WAIT_MS = 250;
const RESTS_AFTER = 4;
/** A share of a hundredth has a pause this long after 10 ms. */
const MAX_PAUSE_MS = 1000;

interface CpuGovernorOptions {
  /** Of one processor: 0.5 is half of one, 2 are two. */
  readonly share: number;
  readonly cpuMs: () => number | null;
  readonly hold: ProcessHold;
  readonly clock: Clock;
}

export class CpuGovernor implements Disposable {
  readonly #options: CpuGovernorOptions;
  #balance: number;
  #used: number;
  #lookedAt: number;
  #timer: Timer | undefined;
  #idleLooks = 0;
  #resting = false;
  #pausedAt: number | undefined;
  #pausedMs = 0;
  #lifted = false;
  #over = false;

  constructor(options: CpuGovernorOptions) {
    this.#options = options;
    this.#balance = options.share * BURST_MS;
    this.#used = options.cpuMs() ?? 0;
    this.#lookedAt = options.clock.now();
    this.#arm(MIN_WAIT_MS);
  }

  /** All the time during which the process could not run. */
  pausedMs(now: number): number {
    return this.#pausedMs + (this.#pausedAt === undefined ? 0 : now - this.#pausedAt);
  }

  /** The process has got something to do: a look that was far off comes soon. */
  woken(): void {
    this.#idleLooks = 0;
    if (!this.#resting) return;
    this.#timer?.cancel();
    this.#arm(MIN_WAIT_MS);
  }

  lift(): void {
    this.#lifted = true;
    if (this.#pausedAt !== undefined) this.#resume(this.#options.clock.now());
  }

  lower(): void {
    this.#lifted = false;
  }

  /** The process is over, or on its own from now on. */
  [Symbol.dispose](): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    if (this.#pausedAt !== undefined) this.#resume(this.#options.clock.now());
    this.#options.hold[Symbol.dispose]();
  }

  #arm(waitMs: number, resting = false): void {
    this.#resting = resting;
    this.#timer = this.#options.clock.after(waitMs, () => this.#look());
  }

  #look(): void {
    const { share, clock, cpuMs, hold } = this.#options;
    const cpu = cpuMs();
    if (cpu === null) return; // It is gone.
    const now = clock.now();
    const used = cpu - this.#used;
    const earned = (now - this.#lookedAt) * share;
    this.#balance = Math.min(share * BURST_MS, this.#balance + earned) - used;
    this.#used = cpu;
    this.#lookedAt = now;
    if (this.#pausedAt !== undefined) {
      const missing = share * RESUME_MS - this.#balance;
      if (missing > 0) return this.#arm(between(MIN_WAIT_MS, missing / share, MAX_PAUSE_MS));
      this.#resume(now);
    } else if (this.#balance <= 0 && !this.#lifted) {
      hold.stop();
      this.#pausedAt = now;
      const missing = share * RESUME_MS - this.#balance;
      return this.#arm(between(MIN_WAIT_MS, missing / share, MAX_PAUSE_MS));
    }
    const idle = used < earned / 10 && this.#balance >= share * BURST_MS / 2;
    this.#idleLooks = idle ? this.#idleLooks + 1 : 0;
    if (this.#idleLooks >= RESTS_AFTER) this.#arm(IDLE_WAIT_MS, true);
    else this.#arm(between(MIN_WAIT_MS, this.#balance / PACE, MAX_WAIT_MS));
  }

  #resume(now: number): void {
    this.#options.hold.resume();
    this.#pausedMs += now - (this.#pausedAt ?? now);
    this.#pausedAt = undefined;
  }
}

function between(low: number, value: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}
