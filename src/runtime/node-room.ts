/**
 * Room for instances on this node: how many there may be, and how much memory they may have together.
 *
 * For a call that needs room, idle instances are given up, those first that were used longest ago,
 * and of these those first that no option asks for. They count no more from then on: an idle process
 * that is killed is gone within milliseconds. Memory is what was measured last, plus an estimate for
 * what has begun since.
 */
import type { Instance } from "./instance.ts";
import type { Urgency } from "./pool-services.ts";

const MB = 1 << 20;

/** What an instance is taken to need until it has been measured: a Deno that has run a few calls. */
const NEW_INSTANCE_BYTES = 14 * MB;

export interface Evictable {
  readonly instance: Instance;
  readonly kept: boolean;
  readonly evict: () => void;
}

interface NodeRoomOptions {
  readonly maxInstances: number;
  /** `null` where memory cannot be measured or nobody limits it. */
  readonly memoryBudgetBytes: number | null;
  readonly memoryOf: (pid: number) => number | null;
  /** Idle instances of all functions. */
  readonly evictables: () => Iterable<Evictable>;
}

export class NodeRoom {
  readonly #options: NodeRoomOptions;
  /** Bytes by instance, blank ones included. */
  readonly #measured = new Map<Instance, number>();
  #total = 0;
  #taken = 0;
  readonly #evicted = new WeakSet<Instance>();

  constructor(options: NodeRoomOptions) {
    this.#options = options;
  }

  /** Instances that have a function, and those promised to one. */
  get taken(): number {
    return this.#taken;
  }

  get memoryBytes(): number {
    return this.#total;
  }

  /** Memory for what nobody needs yet. */
  get hasPlenty(): boolean {
    const { memoryBudgetBytes } = this.#options;
    return memoryBudgetBytes === null || this.#total < memoryBudgetBytes / 2;
  }

  /** Counts one more, unless there is no room. */
  take(urgency: Urgency): boolean {
    while (this.whyFull() !== undefined) {
      if (urgency !== "call" || !this.#evictOne()) return false;
    }
    this.#taken++;
    return true;
  }

  /** One that was counted is gone, or was not needed. */
  free(instance?: Instance): void {
    if (instance === undefined || !this.#evicted.delete(instance)) this.#taken--;
  }

  /** Which limit is reached. A node always has room for one. */
  whyFull(): string | undefined {
    const { maxInstances, memoryBudgetBytes } = this.#options;
    if (this.#taken >= maxInstances) {
      return `this node may run ${maxInstances} (ORLA_MAX_INSTANCES), all busy`;
    }
    if (memoryBudgetBytes === null || this.#taken === 0) return undefined;
    if (this.#total + NEW_INSTANCE_BYTES <= memoryBudgetBytes) return undefined;
    const budget = Math.round(memoryBudgetBytes / MB);
    return `those of this node may use ${budget}MB of memory (ORLA_MEMORY_BUDGET), none is idle`;
  }

  started(instance: Instance): void {
    this.#note(instance, NEW_INSTANCE_BYTES);
  }

  ended(instance: Instance): void {
    this.#total -= this.#measured.get(instance) ?? 0;
    this.#measured.delete(instance);
  }

  /** Measures everything, 7 µs an instance, and gives up idle instances beyond the budget. */
  measure(): void {
    for (const instance of this.#measured.keys()) {
      const bytes = this.#options.memoryOf(instance.pid);
      if (bytes !== null) this.#note(instance, bytes);
    }
    const { memoryBudgetBytes } = this.#options;
    if (memoryBudgetBytes === null) return;
    while (this.#total > memoryBudgetBytes && this.#evictOne());
  }

  #note(instance: Instance, bytes: number): void {
    this.#total += bytes - (this.#measured.get(instance) ?? 0);
    this.#measured.set(instance, bytes);
  }

  #evictOne(): boolean {
    let best: Evictable | undefined;
    for (const one of this.#options.evictables()) {
      if (best === undefined || comesBefore(one, best)) best = one;
    }
    if (best === undefined) return false;
    const { instance, evict } = best;
    evict();
    this.#evicted.add(instance);
    this.#taken--;
    this.ended(instance);
    return true;
  }
}

function comesBefore(one: Evictable, other: Evictable): boolean {
  if (one.kept !== other.kept) return !one.kept;
  return one.instance.idleSince < other.instance.idleSince;
}
