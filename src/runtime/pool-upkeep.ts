/**
 * Keeps the number of a version's instances what its options want it to be, calls aside: starts what
 * is missing, ends what has been idle for long, and has instances that grew old or large replaced
 * before they end, so that no call waits for it.
 */
import type { Clock, Timer } from "./clock.ts";
import type { Instance } from "./instance.ts";
import type { EndReason, InstanceSet, Role } from "./instance-set.ts";
import { NO_INSTANCES, type PoolSize } from "./pool-size.ts";

interface PoolUpkeepOptions {
  readonly set: InstanceSet;
  readonly size: () => PoolSize;
  readonly clock: Clock;
  readonly idleTimeoutMs: number;
  /** Orders an instance; returns whether one may come. */
  readonly order: (role: Role) => boolean;
  readonly end: (instance: Instance, reason: EndReason) => void;
}

export class PoolUpkeep {
  readonly #options: PoolUpkeepOptions;
  #idleTimer: Timer | undefined;

  constructor(options: PoolUpkeepOptions) {
    this.#options = options;
  }

  /** Whether the options want another, not counting those ordered for other reasons. */
  misses(role: Role): boolean {
    const { set, size } = this.#options;
    if (set.replaced !== undefined && role === "serving") return true;
    return this.#missing(role, size()) > -set.ordered[role];
  }

  /** Orders what is missing. */
  fill(): void {
    const { size, order } = this.#options;
    for (const role of ["serving", "spare"] as const) {
      for (let missing = this.#missing(role, size()); missing > 0; missing--) {
        if (!order(role)) return;
      }
    }
  }

  /** To be called now and then. */
  look(now: number): void {
    this.fill();
    const { set } = this.#options;
    if (set.replaced !== undefined) return;
    for (const [instance, tenure] of set.tenures()) {
      if (instance.state === "ready" && tenure.isOver(now)) return this.#replace(instance);
    }
  }

  imported(instance: Instance): void {
    const { set, end } = this.#options;
    const { replaced } = set;
    if (replaced === undefined || instance === replaced) return;
    end(replaced, "recycled");
  }

  /** It has nothing to do any more. `isOver`: nobody will need it either. */
  idle(instance: Instance, isOver: boolean): void {
    const { set, size, end, idleTimeoutMs } = this.#options;
    if (isOver) end(instance, "retired");
    else if (set.serving.length > size().least) this.#arm(idleTimeoutMs);
  }

  /** Ends what has been idle for that long, the longest idle first; some become spare instead. */
  endIdle(afterMs: number): void {
    const { set, size, clock, end } = this.#options;
    const { least } = size();
    if (size() === NO_INSTANCES) { for (const spare of [...set.spare]) end(spare, "retired"); }
    for (const instance of set.idle()) {
      if (set.serving.length <= least) return;
      const left = instance.idleSince + afterMs - clock.now();
      if (left > 0) return this.#arm(left);
      if (instance.state === "ready" && this.#missing("spare", size(), 1) > 0) {
        set.move(instance, "spare");
      } else end(instance, size() === NO_INSTANCES ? "retired" : "idle");
    }
  }

  stop(): void {
    this.#idleTimer?.cancel();
  }

  /** `leaving`: as if so many fewer served. */
  #missing(role: Role, { least, most, spare }: PoolSize, leaving = 0): number {
    const { set } = this.#options;
    if (role === "serving") return least - set.serving.length - set.ordered.serving;
    const room = most - set.size + leaving;
    return Math.min(spare - set.spare.length - set.ordered.spare, room);
  }

  /** Its successor comes first. One that nothing is expected of just ends. */
  #replace(instance: Instance): void {
    const { set, size, end, order } = this.#options;
    const isNeeded = !instance.idle || set.spare.includes(instance) ||
      set.serving.length <= size().least;
    if (!isNeeded) return end(instance, "recycled");
    set.replaced = instance;
    if (!order(set.spare.includes(instance) ? "spare" : "serving")) set.replaced = undefined;
  }

  #arm(waitMs: number): void {
    const { clock, idleTimeoutMs } = this.#options;
    this.#idleTimer ??= clock.after(Math.max(1, waitMs), () => {
      this.#idleTimer = undefined;
      this.endIdle(idleTimeoutMs);
    });
  }
}
