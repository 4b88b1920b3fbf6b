/**
 * The instances of one version by what they are there for.
 *
 * *Serving* ones get calls. *Spare* ones have imported the module and wait until another is needed
 * to serve. *Draining* ones end with their last call. Ordered ones, whose process is not there yet,
 * are only counted.
 */
import type { Instance } from "./instance.ts";
import type { Tenure } from "./tenure.ts";

export type Role = "serving" | "spare";

/** Why an instance ends: how often for each is told by `/metrics`. */
export const endReasons = ["idle", "retired", "recycled", "evicted", "failed", "stopped"] as const;

export type EndReason = typeof endReasons[number];

export class InstanceSet {
  readonly serving: Instance[] = [];
  readonly spare: Instance[] = [];
  readonly draining = new Map<Instance, EndReason>();
  readonly ordered: Record<Role, number> = { serving: 0, spare: 0 };
  /** One whose successor is on its way; not counted any more. */
  replaced: Instance | undefined;
  readonly #tenures = new Map<Instance, Tenure>();

  /** All that MAX_INSTANCES is about. */
  get size(): number {
    const { serving, spare, ordered, replaced } = this;
    return serving.length + spare.length + ordered.serving + ordered.spare -
      (replaced === undefined ? 0 : 1);
  }

  get empty(): boolean {
    const { serving, spare, ordered, draining } = this;
    return serving.length + spare.length + ordered.serving + ordered.spare + draining.size === 0;
  }

  /** No calls, and none is about to end. */
  get quiet(): boolean {
    return this.draining.size === 0 && this.serving.every(({ idle }) => idle);
  }

  /** Those that run or may run calls. */
  *running(): Iterable<Instance> {
    yield* this.serving;
    yield* this.draining.keys();
  }

  /** Calls that hold a place. */
  get load(): number {
    let load = 0;
    for (const instance of this.running()) load += instance.load;
    return load;
  }

  /** Processors used at the moment. */
  get cpuShare(): number {
    let share = 0;
    for (const tenure of this.#tenures.values()) share += tenure.cpuShare;
    return share;
  }

  /** Serving and spare ones with what is known of them. */
  tenures(): Iterable<[Instance, Tenure]> {
    return this.#tenures;
  }

  tenureOf(instance: Instance): Tenure | undefined {
    return this.#tenures.get(instance);
  }

  add(instance: Instance, role: Role, tenure: Tenure): void {
    this[role].push(instance);
    this.#tenures.set(instance, tenure);
  }

  /** Returns why it was to end, if it was. */
  remove(instance: Instance): EndReason | undefined {
    const reason = this.draining.get(instance);
    if (!take(this.serving, instance)) take(this.spare, instance);
    this.draining.delete(instance);
    this.#tenures.delete(instance);
    if (this.replaced === instance) this.replaced = undefined;
    return reason;
  }

  move(instance: Instance, to: Role): void {
    if (take(this[to === "serving" ? "spare" : "serving"], instance)) this[to].push(instance);
  }

  drain(instance: Instance, reason: EndReason): void {
    this.remove(instance);
    this.draining.set(instance, reason);
  }

  /** The serving one with the fewest calls that has room. */
  pick(concurrency: number): Instance | undefined {
    let best: Instance | undefined;
    for (const instance of this.serving) {
      if (!instance.hasRoom(concurrency)) continue;
      if (best === undefined || instance.load < best.load) best = instance;
      if (best.load === 0) break;
    }
    return best;
  }

  /** How many of a serving one's calls others could begin earlier, if each had its share. */
  surplusOf(instance: Instance, concurrency: number): number {
    let [calls, instances] = [0, 0];
    for (const each of this.serving) {
      if (each !== instance && !each.hasRoom(concurrency)) continue;
      calls += each.load;
      instances++;
    }
    return instances < 2 ? 0 : Math.max(0, instance.load - Math.ceil(calls / instances));
  }

  /** Makes a spare one serve: one that has imported its module, or else will have soon. */
  takeSpare(): Instance | undefined {
    const usable = this.spare.filter(({ state }) => state === "ready" || state === "assigned");
    const taken = usable.find(({ state }) => state === "ready") ?? usable[0];
    if (taken !== undefined) this.move(taken, "serving");
    return taken;
  }

  /** The idle one that was used longest ago; `kept` if it is one of the `least` serving, or spare. */
  oldestIdle(least: number): { readonly instance: Instance; readonly kept: boolean } | undefined {
    const [idle] = this.idle();
    if (idle !== undefined && this.serving.length > least) return { instance: idle, kept: false };
    const instance = this.spare[0] ?? idle;
    return instance === undefined ? undefined : { instance, kept: true };
  }

  /** Idle serving ones, the longest idle first. */
  idle(): Instance[] {
    return this.serving.filter(({ idle }) => idle).sort((a, b) => a.idleSince - b.idleSince);
  }
}

function take(list: Instance[], instance: Instance): boolean {
  const index = list.indexOf(instance);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
