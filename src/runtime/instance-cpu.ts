/**
 * The processor time of one instance: its calls are charged for it (`cpu-account.ts`), its process is
 * held to CPU_LIMIT (by the kernel or `cpu-governor.ts`), and calls past CPU_TIME are found.
 */
import type { FunctionOptions } from "../functions/function.ts";
import type { Clock, Timer } from "./clock.ts";
import { CpuAccount } from "./cpu-account.ts";
import { CpuGovernor } from "./cpu-governor.ts";
import type { InstanceProcess } from "./launcher.ts";
import type { Limiter } from "./limits.ts";

/** The last looks before a call's time is up are this far apart, and so is what it may overdraw. */
const MIN_CHECK_MS = 5;
const MAX_CHECK_MS = 50;

interface InstanceCpuOptions {
  readonly process: InstanceProcess;
  readonly limiter: Limiter;
  readonly clock: Clock;
  /** How much the open call that is charged most is charged, in milliseconds; 0 without any. */
  readonly highestCharge: (now: number) => number;
  /** To be called back as long as `highestCharge` is past CPU_TIME. */
  readonly overspent: (cpuTimeMs: number) => void;
}

export class InstanceCpu implements Disposable {
  readonly #options: InstanceCpuOptions;
  readonly #account: CpuAccount;
  #governor: CpuGovernor | undefined;
  #cpuTimeMs: number | null = null;
  #check: Timer | undefined;
  #over = false;

  constructor(options: InstanceCpuOptions) {
    this.#options = options;
    const { process, limiter, clock } = options;
    this.#account = new CpuAccount(() => limiter.cpuMsOf(process.pid), clock.now());
  }

  /** The function is known: its limits hold from now on. */
  begin({ cpuLimitPercent, cpuTimeMs }: FunctionOptions): void {
    const { process, limiter, clock } = this.#options;
    if (this.#account.known) this.#cpuTimeMs = cpuTimeMs;
    if (cpuLimitPercent === null || process.limitCpu?.(cpuLimitPercent) === true) return;
    const hold = limiter.hold(process.pid);
    if (hold === null) return;
    this.#governor = new CpuGovernor({
      share: cpuLimitPercent / 100,
      cpuMs: () => limiter.cpuMsOf(process.pid),
      hold,
      clock,
    });
  }

  /** To be told before as many calls are open as `calls` says. */
  share(calls: number, now: number): void {
    this.#account.change(calls, now);
    if (calls === 0) return;
    this.#governor?.woken();
    this.#watch(0);
  }

  /** What a call open since the beginning is charged by now. */
  get shared(): number {
    return this.#account.shared;
  }

  /** What a call is charged that began when `shared` was `from`; `null` where nobody counts. */
  chargeSince(from: number, now: number): number | null {
    if (!this.#account.known) return null;
    this.#account.refresh(now);
    return Math.max(0, this.#account.shared - from);
  }

  /** Time that stands still while the process is made to pause. */
  activeTime(now: number): number {
    return now - (this.#governor?.pausedMs(now) ?? 0);
  }

  /** Lets the process run at full speed, for it to show that it is alive. */
  lift(): void {
    this.#governor?.lift();
  }

  lower(): void {
    this.#governor?.lower();
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#check?.cancel();
    this.#governor?.[Symbol.dispose]();
  }

  #watch(charge: number): void {
    if (this.#cpuTimeMs === null || this.#check !== undefined || this.#over) return;
    // A process may use several processors.
    const wait = Math.max(MIN_CHECK_MS, Math.min((this.#cpuTimeMs - charge) / 2, MAX_CHECK_MS));
    this.#check = this.#options.clock.after(wait, () => {
      this.#check = undefined;
      this.#checkTime();
    });
  }

  #checkTime(): void {
    const { highestCharge, overspent } = this.#options;
    if (this.#cpuTimeMs === null) return;
    const charge = highestCharge(this.#options.clock.now());
    if (charge > this.#cpuTimeMs) overspent(this.#cpuTimeMs);
    if (charge > 0) this.#watch(charge);
  }
}
