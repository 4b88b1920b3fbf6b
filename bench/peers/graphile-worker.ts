/** The queue's library by itself: a task that does nothing, in a schema of its own beside Orla's. */
import { Logger, run, type Runner } from "graphile-worker";
import { EventEmitter } from "node:events";
import pg from "pg";

export const PEER_SCHEMA = "bench_queue";

/** Connections of its own; Orla's queue has as many. */
const CONNECTIONS = 6;

export class GraphileWorker implements AsyncDisposable {
  /** When each job began, in milliseconds since 1970. */
  readonly startedAt = new Map<string, number>();
  readonly #pool: pg.Pool;
  #runner: Runner | undefined;

  private constructor(databaseUrl: string) {
    this.#pool = new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS });
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => client.on("error", () => {}));
  }

  static async start(databaseUrl: string, concurrency: number): Promise<GraphileWorker> {
    const peer = new GraphileWorker(databaseUrl);
    peer.#runner = await run({
      pgPool: peer.#pool,
      schema: PEER_SCHEMA,
      concurrency,
      noHandleSignals: true,
      logger: new Logger(() => () => {}),
      events: new EventEmitter(),
      taskList: {
        nothing: (_payload, { job }) => {
          peer.startedAt.set(job.id, performance.timeOrigin + performance.now());
        },
      },
    });
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner?.stop();
    await this.#pool.end();
  }
}
