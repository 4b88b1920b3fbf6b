/**
 * How many jobs of each task run here, and which tasks may start no more for now: those at their
 * share of CONCURRENCY, and those whose RATE is used up. CONCURRENCY and RATE are the cluster's: the
 * living nodes share them out. What cannot be divided goes to some of them, to others for each trigger;
 * with fewer jobs at once than nodes, a node may have no share at all.
 */
import type { Trigger } from "../trigger.ts";
import { optionOf } from "../trigger-options.ts";
import { taskOf } from "./job.ts";
import { parseRate, TokenBucket } from "./rate.ts";

/** This node among those that live. */
export interface Place {
  readonly nodes: number;
  /** From 0; another one for each. */
  readonly index: number;
}

interface Limit {
  readonly atMost: number;
  /** The node's share of the rate. */
  readonly rate: string | null;
  readonly bucket: TokenBucket | null;
}

export class JobLimits {
  readonly #running = new Map<string, number>();
  #limits = new Map<string, Limit>();

  /** To be told of every change of the triggers and of the nodes. */
  update(triggers: readonly Trigger[], place: Place): void {
    const limits = new Map<string, Limit>();
    for (const trigger of triggers) {
      const task = taskOf(trigger);
      if (task === null) continue;
      const whole = optionOf(trigger, "RATE") as string | null; // checked where it was parsed
      const rate = whole === null ? null : `${whole} by ${place.nodes}`;
      const before = this.#limits.get(task);
      limits.set(task, {
        atMost: shareOf(Number(optionOf(trigger, "CONCURRENCY")), Number(trigger.triggerId), place),
        rate,
        bucket: before?.rate === rate ? before.bucket : bucketOf(whole, place.nodes),
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

function shareOf(whole: number, triggerId: number, { nodes, index }: Place): number {
  const turn = (index + triggerId) % nodes;
  return Math.floor(whole / nodes) + (turn < whole % nodes ? 1 : 0);
}

function bucketOf(rate: string | null, nodes: number): TokenBucket | null {
  if (rate === null) return null;
  const { count, perMs } = parseRate(rate);
  return new TokenBucket({ count: count / nodes, perMs }, performance.now());
}
