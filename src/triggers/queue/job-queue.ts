/**
 * The queue: every asynchronous trigger's invocations, as jobs of graphile-worker
 * (https://worker.graphile.org). The library keeps, claims and locks jobs; this decides which tasks
 * this node takes, how many at once, what running one means, and when a failed one comes back.
 *
 * Modes: *idle* while no trigger needs the queue, when nothing of the library is even loaded; *working*
 * with a runner for the tasks of the enabled triggers. Another set of tasks means another runner; the
 * one before finishes what it has begun.
 */
import type { Runner, Task, WorkerEvents } from "graphile-worker";
import type pg from "pg";
import { z } from "zod";
import type { Logger } from "../../base/log.ts";
import { qualifiedName } from "../../functions/function.ts";
import type { Trigger } from "../trigger.ts";
import type { TriggerDirectory } from "../trigger-directory.ts";
import { optionOf } from "../trigger-options.ts";
import { taskOf } from "./job.ts";
import { JobLimits, type Place } from "./job-limits.ts";
import { type Job, type JobRunnerOptions, runJob } from "./job-runner.ts";
import { OutboxRelay } from "./outbox-relay.ts";
import { QUEUE_SCHEMA } from "./queue-schema.ts";
import { retryDelay } from "./retry.ts";

export interface JobQueueOptions extends JobRunnerOptions {
  /** How long payloads are kept for replay. */
  readonly keepPayloadDays: number;
  readonly pool: pg.Pool;
  readonly directory: TriggerDirectory;
  readonly nodeId: string;
  readonly log: Logger;
  /** Jobs that this node runs at the same time. */
  readonly concurrency: number;
}

/** How late a delayed or failed job may be, and how long a task at its limit stays closed. */
const POLL_MS = 500;

/** Nodes that died are noticed after 30 seconds; see edge.free_lost_jobs. */
const HOUSEKEEPING_MS = 10_000;

/** After the database went away. */
const RETRY_MS = 500;

/** A job whose trigger was just switched off is back this soon, if nobody forbids it by then. */
const SENT_BACK_MS = 100;

/** Freeing a job is one query. */
const FREED_WITHIN_MS = 2_000;

const earlierRow = z.object({ at: z.date().nullable() });

const placeRow = z.object({ nodes: z.int(), before: z.int() });

interface QueuedJob extends Job {
  /** Set for messages with a key. */
  readonly job_queue_id: number | null;
  readonly run_at: Date;
}

/** Thrown back to the library, which counts the attempt; `runAt` and `attempts` put it right. */
class JobFailed extends Error {
  readonly runAt: Date;
  /** What the count shall be; this attempt does not count when it never ran. */
  readonly attempts: number;

  constructor(message: string, runAt: Date, attempts: number) {
    super(message);
    this.runAt = runAt;
    this.attempts = attempts;
  }
}

export class JobQueue implements AsyncDisposable {
  readonly #options: JobQueueOptions;
  readonly #log: Logger;
  readonly #limits = new JobLimits();
  readonly #relay: OutboxRelay;
  readonly #stopping: (() => void)[] = [];
  #runner: Runner | undefined;
  #tasks = "";
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Workers of ours that ended while the database was away, with jobs they may still hold. */
  readonly #lost: string[] = [];
  #place: Place = { nodes: 1, index: 0 };
  #changing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: JobQueueOptions) {
    const { directory, pool, log } = options;
    this.#options = options;
    this.#log = log.with({ part: "queue" });
    this.#relay = new OutboxRelay(pool, this.#log);
    const timer = setInterval(() => void this.#keepHouse(), HOUSEKEEPING_MS);
    this.#stopping.push(
      directory.onChange(() => this.#follow()),
      directory.onEvents(() => this.#relay.wake()),
      () => clearInterval(timer),
    );
    // What this node's share is comes first; with the database away, it is everything.
    void this.#keepHouse();
  }

  /** Jobs under way are finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stopping) stop();
    clearTimeout(this.#retry);
    await this.#relay[Symbol.asyncDispose]();
    await this.#changing;
    await this.#runner?.stop();
    await this.#options.pool.query(
      "DELETE FROM edge.queue_workers WHERE node_id = $1",
      [this.#options.nodeId],
    ).catch((error) => this.#log.warn("cannot say that this node's workers ended", { error }));
  }

  /** Takes up what the directory now says. */
  #follow(): void {
    const triggers = this.#options.directory.all.filter(({ enabled }) => enabled);
    this.#limits.update(triggers, this.#place);
    const tasks = triggers.map(taskOf).filter((task) => task !== null).sort();
    const key = tasks.join("\n");
    if (key === this.#tasks || this.#stopped) return;
    this.#tasks = key;
    this.#changing = this.#changing.then(() => this.#replaceRunner(tasks)).catch((error) => {
      this.#tasks = "";
      this.#log.warn("cannot run the queue; trying again", { error });
      this.#retrySoon();
    });
  }

  async #replaceRunner(tasks: readonly string[]): Promise<void> {
    if (this.#stopped) return;
    const before = this.#runner;
    if (this.#lost.length > 0) {
      await this.#options.pool.query("SELECT edge_queue.force_unlock_workers($1)", [this.#lost]);
      this.#lost.length = 0;
    }
    this.#runner = tasks.length === 0 ? undefined : await this.#start(tasks);
    // It ends by itself when its last job does; nobody waits for that.
    before?.stop().catch((error) => this.#log.warn("an earlier runner's end failed", { error }));
  }

  async #start(tasks: readonly string[]): Promise<Runner> {
    const { EventEmitter } = await import("node:events");
    const { run } = await import("graphile-worker");
    const { graphileLogger } = await import("./graphile-logger.ts");
    const { pool, concurrency } = this.#options;
    const events: WorkerEvents = new EventEmitter();
    let workerId = "";
    // The library locks jobs by its pool's name.
    events.on("pool:create", ({ workerPool }) => {
      workerId = workerPool.id;
      void this.#register(workerPool.id);
    });
    // When the library is about to write what it makes of the failure.
    events.on("job:complete", ({ job, error }) => void this.#reschedule(job.id, error));
    const task: Task = (payload, { job }) => this.#run(job.task_identifier, { ...job, payload });
    const runner = await run({
      pgPool: pool,
      schema: QUEUE_SCHEMA,
      concurrency,
      pollInterval: POLL_MS,
      noHandleSignals: true,
      // Without batches nobody waits for these writes, and one that fails would end this process.
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
      logger: graphileLogger(this.#log),
      events,
      taskList: Object.fromEntries(tasks.map((name) => [name, task])),
      forbiddenFlags: () => this.#limits.closed(),
    });
    runner.promise.then(() => this.#ended(runner, workerId), (error) => {
      this.#log.warn("a runner of the queue ended", { error });
      return this.#ended(runner, workerId);
    });
    return runner;
  }

  /** Because it was replaced, or because it could not write what became of its jobs. */
  async #ended(runner: Runner, workerId: string): Promise<void> {
    if (this.#runner === runner) {
      this.#runner = undefined;
      this.#tasks = "";
    }
    try {
      // Those that it still holds have run, but nobody knows: they run again.
      await this.#options.pool.query(
        `SELECT edge_queue.force_unlock_workers(ARRAY[$1]);`,
        [workerId],
      );
    } catch {
      // The database is away. The rows of this node's workers are how they are freed later.
      this.#lost.push(workerId);
    }
    if (!this.#stopped && this.#tasks === "") this.#retrySoon();
  }

  #retrySoon(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#follow();
    }, RETRY_MS);
  }

  async #run(task: string, job: QueuedJob): Promise<void> {
    const trigger = this.#triggerOf(task);
    const sendBack = (why: string, runAt: Date) => new JobFailed(why, runAt, job.attempts - 1);
    if (trigger === undefined) {
      throw sendBack("its trigger was just switched off", new Date(Date.now() + SENT_BACK_MS));
    }
    const earlier = await this.#earlierOfItsKey(job);
    if (earlier !== null) throw sendBack("an earlier one of its key", earlier);
    // At its old place: nobody fetches jobs of this trigger until one of them has ended.
    if (!this.#limits.enter(task)) throw sendBack("its trigger is at its limit", job.run_at);
    try {
      const outcome = await runJob(trigger, job, this.#options);
      switch (outcome.kind) {
        case "succeeded":
          return;
        case "retry": {
          const { message, code } = outcome.error;
          const delayMs = retryDelay({
            retryDelayMs: Number(optionOf(trigger, "RETRY_DELAY")),
            maxRetryDelayMs: Number(optionOf(trigger, "MAX_RETRY_DELAY")),
          }, job.attempts);
          throw new JobFailed(`${code}: ${message}`, new Date(Date.now() + delayMs), job.attempts);
        }
        case "dead":
          await this.#bury(trigger, task, job, outcome.error.message);
          return;
      }
    } finally {
      this.#limits.leave(task);
    }
  }

  /**
   * Messages of one key are in order, also when one fails: those after it wait for its next attempt.
   * The library alone would let them overtake it. Those that were made to wait count as well; only a
   * delay of the sender's own lets later ones go first.
   */
  async #earlierOfItsKey(job: QueuedJob): Promise<Date | null> {
    if (job.job_queue_id === null) return null;
    const { rows } = await this.#options.pool.query(
      `SELECT min(e.run_at) AS at FROM edge_queue.jobs e JOIN edge_queue.jobs me USING (queue_name)
       WHERE me.id = $1 AND e.id < me.id AND e.last_error IS NOT NULL`,
      [job.id],
    );
    return earlierRow.parse(rows[0]).at;
  }

  #triggerOf(task: string): Trigger | undefined {
    return this.#options.directory.all.find((trigger) =>
      trigger.enabled && taskOf(trigger) === task
    );
  }

  /** The job is removed by the library right after; if that fails, the same letter is written again. */
  async #bury(
    trigger: Trigger,
    task: string,
    job: { readonly id: string; readonly payload: unknown; readonly attempts: number },
    error: string,
  ): Promise<void> {
    this.#log.warn("a job is dead", { trigger: qualifiedName(trigger), job: job.id, error });
    await this.#options.pool.query(
      `INSERT INTO edge.dead_letters
         (job_id, task, trigger_name, function_id, payload, attempts, error, created_at)
       SELECT $1, $2, $3, $4, $5, $6, $7, coalesce((
         SELECT j.created_at FROM edge_queue.jobs j WHERE j.id = $1), pg_catalog.now())
       ON CONFLICT (job_id) DO UPDATE SET error = excluded.error, attempts = excluded.attempts`,
      [
        ...[job.id, task, qualifiedName(trigger), trigger.functionId],
        ...[JSON.stringify(job.payload), job.attempts, error],
      ],
    );
  }

  /** The library frees the job with a delay of its own choice, a moment after it says so. */
  async #reschedule(jobId: string, error: unknown): Promise<void> {
    if (!(error instanceof JobFailed)) return;
    try {
      for (let waitMs = 4; waitMs < FREED_WITHIN_MS && !this.#stopped; waitMs *= 2) {
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        const { rowCount } = await this.#options.pool.query(
          "SELECT FROM edge_queue.reschedule_jobs(ARRAY[$1::bigint], run_at => $2, attempts => $3)",
          [jobId, error.runAt, Math.max(0, error.attempts)],
        );
        if (rowCount === 1) return;
      }
    } catch (thrown) {
      // It comes back all the same, when the library thinks fit.
      this.#log.warn("cannot choose when a failed job comes back", { job: jobId, error: thrown });
    }
  }

  async #register(workerId: string): Promise<void> {
    try {
      await this.#options.pool.query(
        "INSERT INTO edge.queue_workers VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [workerId, this.#options.nodeId],
      );
    } catch (error) {
      this.#log.warn("cannot register a worker of the queue", { error });
    }
  }

  async #keepHouse(): Promise<void> {
    try {
      const { rows } = await this.#options.pool.query(
        `SELECT count(*)::int AS nodes, count(*) FILTER (WHERE n.node_id < $1)::int AS before,
           edge.free_lost_jobs() AS freed, edge.forget_dropped_triggers() AS forgotten
         FROM edge.nodes n
         WHERE n.heartbeat_at > pg_catalog.clock_timestamp() - interval '30 s'`,
        [this.#options.nodeId],
      );
      const { nodes, before } = placeRow.parse(rows[0]);
      this.#place = { nodes: Math.max(1, nodes), index: before };
      this.#follow();
      await this.#options.pool.query(
        `DELETE FROM edge.captured_payloads
         WHERE captured_at < pg_catalog.clock_timestamp() - $1 * interval '1 day'`,
        [this.#options.keepPayloadDays],
      );
      await this.#options.pool.query(
        `DELETE FROM edge.published_messages
         WHERE published_at < pg_catalog.clock_timestamp() - interval '1 day'`,
      );
    } catch (error) {
      this.#follow();
      this.#log.warn("cannot look after the queue", { error });
    }
  }
}
