/** What a node does about triggers: knows them all, and runs the queue of those that come later. */
import type pg from "pg";
import type { Logger } from "../base/log.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { Invoker } from "../functions/call.ts";
import { JobQueue } from "../triggers/queue/job-queue.ts";
import { PayloadCapture } from "../triggers/payload-capture.ts";
import { Publisher } from "../triggers/queue/publisher.ts";
import { prepareQueueSchema } from "../triggers/queue/queue-schema.ts";
import { Scheduler } from "../triggers/schedule/scheduler.ts";
import { TriggerDirectory } from "../triggers/trigger-directory.ts";
import type { TriggerRuns } from "../triggers/trigger-runs.ts";
import { TriggerState } from "../triggers/trigger-state.ts";
import type { Config } from "./config.ts";
import { type Database, openPool } from "./database.ts";

/** Claiming and ending jobs is quick: a few connections serve many workers. */
const CONNECTIONS = 6;

export interface TriggersOptions {
  readonly config: Config;
  readonly database: Database;
  readonly runs: TriggerRuns;
  readonly log: Logger;
}

export class Triggers implements AsyncDisposable {
  readonly directory: TriggerDirectory;
  readonly publisher: Publisher;
  readonly capture: PayloadCapture;
  readonly #options: TriggersOptions;
  readonly #pool: pg.Pool;
  readonly #state: TriggerState;
  #scheduler: Scheduler | undefined;
  #queue: JobQueue | undefined;

  private constructor(options: TriggersOptions, directory: TriggerDirectory, pool: pg.Pool) {
    this.#options = options;
    this.directory = directory;
    this.#pool = pool;
    this.publisher = new Publisher(pool);
    this.capture = new PayloadCapture(pool, options.log);
    this.#state = new TriggerState(pool, options.log);
    options.runs.follow(directory, this.#state);
  }

  static async open(options: TriggersOptions): Promise<Triggers> {
    const { database, log } = options;
    const pool = openPool(database, log, { max: CONNECTIONS, application_name: "orla queue" });
    try {
      await prepareQueueSchema(pool, log);
      const directory = await TriggerDirectory.open({ connection: database.connection, log });
      return new Triggers(options, directory, pool);
    } catch (thrown) {
      await pool.end();
      throw thrown;
    }
  }

  /** Begins to run jobs. The node must be registered: others free the jobs of nodes that are not. */
  startQueue(
    { nodeId, catalog, invoker }: {
      readonly nodeId: string;
      readonly catalog: Catalog;
      readonly invoker: Invoker;
    },
  ): JobQueue {
    const { log, config } = this.#options;
    const { directory, capture } = this;
    const pool = this.#pool;
    this.#scheduler = new Scheduler({ pool, directory, log });
    this.#scheduler.start();
    return this.#queue = new JobQueue({
      ...{ pool, directory, capture, nodeId, log, invoker, functions: catalog },
      concurrency: config.queueConcurrency,
      keepPayloadDays: config.executionDays,
    });
  }

  /** Counts a run that left no execution. */
  ran(triggerId: string, error: string): void {
    this.#state.ran(triggerId, error);
  }

  /** The jobs under way are finished first. */
  async stopQueue(): Promise<void> {
    await this.#scheduler?.[Symbol.asyncDispose]();
    await this.#queue?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopQueue();
    await this.capture[Symbol.asyncDispose]();
    await this.#state[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
    await this.#pool.end();
  }
}
