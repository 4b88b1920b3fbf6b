/**
 * How many jobs of each task run here, and which tasks may start no more for now: those at their
 * share of CONCURRENCY, and those whose RATE is used up. CONCURRENCY and RATE are the cluster's; each
 * living node takes an equal share of them, at least one job at a time.
 */
import type { Trigger } from "../trigger.ts";
import { optionOf } from "../trigger-options.ts";
import { taskOf } from "./job.ts";
import { parseRate, TokenBucket } from "./rate.ts";

interface Limit {
  readonly atMost: number;
  readonly rate: string | null;
  readonly bucket: TokenBucket | null;
}

export class JobLimits {
  readonly #running = new Map<string, number>();
  #limits = new Map<string, Limit>();

  /** To be told of every change of the triggers and of the number of nodes. */
  update(triggers: readonly Trigger[], nodes: number): void {
    const limits = new Map<string, Limit>();
    for (const trigger of triggers) {
      const task = taskOf(trigger);
      if (task === null) continue;
      const rate = optionOf(trigger, "RATE") as string | null; // checked where it was parsed
      const before = this.#limits.get(task);
      limits.set(task, {
        atMost: Math.max(1, Math.floor(Number(optionOf(trigger, "CONCURRENCY")) / nodes)),
        rate,
        bucket: before?.rate === rate ? before.bucket : bucketOf(rate, nodes),
      });
    }
    this.#limits = limits;
  }

  /** Tasks of which no job may start now. */
  closed(): string[] {
    const now = performance.now();
    const closed: string[] = [];
    for (const [task, { atMost, bucket }] of this.#limits) {
      const full = (this.#running.get(task) ?? 0) >= atMost;
      if (full || bucket?.has(now) === false) closed.push(task);
    }
    return closed;
  }

  /**
   * Whether a job that was fetched may really start: several fetches may be under way at once, each of
   * which saw the task open. `false` sends it back.
   */
  enter(task: string): boolean {
    const limit = this.#limits.get(task);
    const running = this.#running.get(task) ?? 0;
    if (limit !== undefined) {
      if (running >= limit.atMost || limit.bucket?.has(performance.now()) === false) return false;
      limit.bucket?.take();
    }
    this.#running.set(task, running + 1);
    return true;
  }

  leave(task: string): void {
    const left = (this.#running.get(task) ?? 1) - 1;
    if (left === 0) this.#running.delete(task);
    else this.#running.set(task, left);
  }
}

function bucketOf(rate: string | null, nodes: number): TokenBucket | null {
  if (rate === null) return null;
  const { count, perMs } = parseRate(rate);
  return new TokenBucket({ count: count / nodes, perMs }, performance.now());
}
