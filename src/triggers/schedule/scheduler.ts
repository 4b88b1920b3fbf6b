/**
 * Turns ticks into jobs, each exactly once over all nodes.
 *
 * The next tick of a trigger is a row of the database. Every node looks for rows that are due; whoever
 * locks one first adds the tick's job and moves the row on to the next tick, in one transaction.
 */
import type pg from "pg";
import { z } from "zod";
import type { Logger } from "../../base/log.ts";
import { inTransaction } from "../../catalog/transaction.ts";
import type { TriggerOf } from "../trigger.ts";
import type { TriggerDirectory } from "../trigger-directory.ts";
import { optionOf } from "../trigger-options.ts";
import { type CatchUp, dueTicks } from "./due-ticks.ts";
import { parseSchedule } from "./schedule.ts";

export interface SchedulerOptions {
  readonly pool: pg.Pool;
  readonly directory: TriggerDirectory;
  readonly log: Logger;
  /** Ticks are due by this clock. */
  readonly now?: () => Date;
}

/** Schedules have seconds at the finest. */
const LOOK_EVERY_MS = 250;

const stateRow = z.object({ next_run_at: z.date().nullable() });

export class Scheduler implements AsyncDisposable {
  readonly #options: SchedulerOptions;
  readonly #log: Logger;
  readonly #now: () => Date;
  /** What this node believes about the next ticks: whether a look at the database is worth it. */
  readonly #next = new Map<string, number>();
  readonly #stopFollowing: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#log = options.log.with({ part: "scheduler" });
    this.#now = options.now ?? (() => new Date());
    // What changed may be due earlier than believed.
    this.#stopFollowing = options.directory.onChange(() => this.#next.clear());
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.look().finally(() => this.#looking = undefined);
    }, LOOK_EVERY_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stopFollowing();
    await this.#looking;
  }

  /** Deals with everything that is due. Never rejects. */
  async look(): Promise<void> {
    const now = this.#now();
    for (const trigger of this.#options.directory.ofKind("schedule")) {
      if (!trigger.enabled || (this.#next.get(trigger.triggerId) ?? 0) > now.getTime()) continue;
      try {
        await this.#advance(trigger, now);
      } catch (error) {
        this.#log.warn("cannot look after a schedule; trying again", {
          trigger: trigger.name,
          error,
        });
      }
    }
  }

  async #advance(trigger: TriggerOf<"schedule">, now: Date): Promise<void> {
    const cron = parseSchedule(trigger.spec.schedule, String(optionOf(trigger, "TIMEZONE")));
    const next = await inTransaction(
      this.#options.pool,
      (client) => advanceIn(client, trigger, cron, now),
    );
    if (next !== undefined) this.#next.set(trigger.triggerId, next);
  }
}

/** The time of the next tick, `Infinity` for none; `undefined` when another node deals with it now. */
async function advanceIn(
  client: pg.PoolClient,
  trigger: TriggerOf<"schedule">,
  cron: ReturnType<typeof parseSchedule>,
  now: Date,
): Promise<number | undefined> {
  const id = trigger.triggerId;
  await client.query(
    `INSERT INTO edge.trigger_state (trigger_id) SELECT t.trigger_id FROM edge.triggers t
     WHERE t.trigger_id = $1 ON CONFLICT DO NOTHING`,
    [id],
  );
  const { rows } = await client.query(
    "SELECT next_run_at FROM edge.trigger_state WHERE trigger_id = $1 FOR UPDATE SKIP LOCKED",
    [id],
  );
  if (rows.length === 0) return undefined;
  const from = stateRow.parse(rows[0]).next_run_at;
  const catchUp = optionOf(trigger, "CATCH_UP") as CatchUp; // one of its choices
  const { run, next } = from === null
    // New, changed or switched on again: it begins from here.
    ? { run: [], next: cron.nextRun(now) }
    : dueTicks(cron, from, now, catchUp);
  for (const tick of run) await addTick(client, trigger, tick);
  if (from?.getTime() !== next?.getTime()) {
    await client.query("UPDATE edge.trigger_state SET next_run_at = $2 WHERE trigger_id = $1", [
      id,
      next,
    ]);
  }
  return next?.getTime() ?? Infinity;
}

async function addTick(
  client: pg.PoolClient,
  trigger: TriggerOf<"schedule">,
  tick: Date,
): Promise<void> {
  const task = `trigger/${trigger.triggerId}`;
  const overlap = optionOf(trigger, "OVERLAP");
  const scheduledAt = tick.toISOString();
  const { input } = trigger.options;
  const payload = {
    message: typeof input === "string" ? JSON.parse(input) : { trigger: trigger.name, scheduledAt },
    eventId: `${trigger.triggerId}/${scheduledAt}`,
  };
  await client.query(
    `SELECT edge.add_job($1, $2, queue_name => $3)
     WHERE NOT $4 OR NOT EXISTS (SELECT FROM edge_queue.jobs j WHERE j.task_identifier = $1)`,
    [task, JSON.stringify(payload), overlap === "queue" ? task : null, overlap === "skip"],
  );
}
