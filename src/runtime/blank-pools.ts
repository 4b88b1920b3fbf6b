/** The blank instances of every kind. */
import type { BlankPool } from "./blank-pool.ts";
import type { InstanceKind } from "./instance-kind.ts";

export class BlankPools implements AsyncDisposable {
  readonly #open: (kind: InstanceKind) => BlankPool;
  readonly #pools = new Map<string, BlankPool>();

  constructor(open: (kind: InstanceKind) => BlankPool) {
    this.#open = open;
  }

  /** Instances that are ready. */
  get size(): number {
    let size = 0;
    for (const pool of this.#pools.values()) size += pool.size;
    return size;
  }

  /** The pool of a kind, which begins to fill when it is first asked for. */
  of(kind: InstanceKind): BlankPool {
    let pool = this.#pools.get(kind.name);
    if (pool === undefined) {
      pool = this.#open(kind);
      this.#pools.set(kind.name, pool);
    }
    return pool;
  }

  /** Resolves when all pools there are now are full, or cannot be filled. */
  async filled(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.filled()));
  }

  upkeep(): void {
    for (const pool of this.#pools.values()) pool.upkeep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool[Symbol.asyncDispose]()));
  }
}
