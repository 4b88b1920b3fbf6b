/**
 * Writes one batch exactly once.
 *
 * A batch has a number. Its transaction begins by moving the writer's row in `edge.execution_writers`
 * to that number; if the number is there already, an earlier attempt did commit although its answer
 * never arrived, and there is nothing left to do. While such an attempt still hangs in the server, the
 * row's lock makes the next one wait for its outcome.
 *
 * When the database refuses a row itself, the batch is cut in halves until the row is alone; it is
 * counted and left out.
 */
import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import type { Logger } from "../base/log.ts";
import { EXECUTION_COLUMNS, LOG_COLUMNS } from "./copy-text.ts";
import { type RowBytes, splitRows } from "./row-bytes.ts";

/** What is used of `pg.Pool`. */
export interface WriterPool {
  connect(): Promise<pg.PoolClient>;
  query(text: string, values?: unknown[]): Promise<unknown>;
}

export interface Batch {
  /** `running` rows to take away: execution id → start in milliseconds since the epoch. */
  readonly replaced: ReadonlyMap<string, number>;
  readonly executions: RowBytes;
  readonly logs: RowBytes;
}

export interface WriterCounters {
  readonly written: { executions: number; logs: number };
  /** Lost because the database could not keep up, or was away. */
  readonly dropped: { executions: number; logs: number };
  /** Lost because the database refused the row itself. */
  readonly refused: { executions: number; logs: number };
}

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;
/** A batch takes milliseconds; a connection that gives no answer for this long is replaced. */
const ATTEMPT_DEADLINE_MS = 30_000;

export class BatchWriter {
  readonly #pool: WriterPool;
  readonly #log: Logger;
  readonly #counters: WriterCounters;
  readonly #writerId = crypto.randomUUID();
  readonly #abandoned = new AbortController();
  #lastBatch = 0;

  constructor(pool: WriterPool, log: Logger, counters: WriterCounters) {
    this.#pool = pool;
    this.#log = log;
    this.#counters = counters;
  }

  /** From now on a batch that fails is dropped, not tried again. */
  abandon(): void {
    this.#abandoned.abort();
  }

  /** Resolves when the batch is written, or given up and counted. Never rejects. */
  async write(batch: Batch): Promise<void> {
    const number = ++this.#lastBatch;
    let retryMs = FIRST_RETRY_MS;
    while (true) {
      try {
        await this.#attempt(number, batch);
        this.#counters.written.executions += batch.executions.count;
        this.#counters.written.logs += batch.logs.count;
        return;
      } catch (thrown) {
        if (isRefusal(thrown)) {
          this.#log.error("the database refuses a record of an execution", { reason: thrown });
          return await this.#isolate(batch);
        }
        if (this.#abandoned.signal.aborted) {
          this.#counters.dropped.executions += batch.executions.count;
          this.#counters.dropped.logs += batch.logs.count;
          return;
        }
        this.#log.warn("records of executions cannot be written yet", { reason: thrown, retryMs });
        await pause(retryMs, this.#abandoned.signal);
        retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
      }
    }
  }

  async #attempt(number: number, batch: Batch): Promise<void> {
    const client = await this.#pool.connect();
    const cut = () => client.connection.stream.destroy();
    const deadline = setTimeout(cut, ATTEMPT_DEADLINE_MS);
    this.#abandoned.signal.addEventListener("abort", cut);
    // The pool listens to idle clients only. A connection that breaks between two queries of ours
    // would end the process; the next query fails of it instead.
    client.on("error", ignore);
    let broken: Error | undefined;
    try {
      await client.query("BEGIN");
      const { rows } = await client.query(
        `INSERT INTO edge.execution_writers AS w (writer_id, last_batch) VALUES ($1, $2)
         ON CONFLICT (writer_id) DO UPDATE
           SET last_batch = excluded.last_batch, written_at = pg_catalog.clock_timestamp()
           WHERE w.last_batch < excluded.last_batch
         RETURNING last_batch`,
        [this.#writerId, number],
      );
      if (rows.length > 0) {
        await removeRunning(client, batch.replaced);
        await copy(client, "system.edge_function_executions", EXECUTION_COLUMNS, batch.executions);
        await copy(client, "system.edge_function_logs", LOG_COLUMNS, batch.logs);
      }
      await client.query("COMMIT");
    } catch (thrown) {
      broken = thrown instanceof Error ? thrown : new Error(String(thrown));
      throw thrown;
    } finally {
      clearTimeout(deadline);
      this.#abandoned.signal.removeEventListener("abort", cut);
      // A broken one may tell so once more after this.
      if (broken === undefined) client.off("error", ignore);
      // A connection that failed in a transaction is not worth repairing.
      client.release(broken);
    }
  }

  async #isolate(batch: Batch): Promise<void> {
    const size = batch.executions.count + batch.logs.count;
    if (size <= 1) {
      this.#counters.refused.executions += batch.executions.count;
      this.#counters.refused.logs += batch.logs.count;
      return;
    }
    const half = Math.ceil(size / 2);
    const [executions, otherExecutions] = splitRows(batch.executions, half);
    const [logs, otherLogs] = splitRows(batch.logs, half - executions.count);
    await this.write({ replaced: batch.replaced, executions, logs });
    await this.write({ replaced: new Map(), executions: otherExecutions, logs: otherLogs });
  }
}

/** Data exception, integrity violation: sending the same rows again cannot help. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof pg.DatabaseError && /^2[23]/.test(thrown.code ?? "");
}

async function removeRunning(
  client: pg.PoolClient,
  replaced: ReadonlyMap<string, number>,
): Promise<void> {
  if (replaced.size === 0) return;
  // The times let Postgres skip the other days' partitions.
  const times = [...replaced.values()];
  await client.query(
    `DELETE FROM system.edge_function_executions
     WHERE execution_id = ANY ($1::uuid[]) AND "timestamp" BETWEEN $2 AND $3`,
    [[...replaced.keys()], new Date(Math.min(...times)), new Date(Math.max(...times))],
  );
}

async function copy(
  client: pg.PoolClient,
  table: string,
  columns: string,
  { count, bytes }: RowBytes,
): Promise<void> {
  if (count === 0) return;
  const stream: Writable = client.query(copyFrom(`COPY ${table} (${columns}) FROM STDIN`));
  const done = new Promise<void>((resolve, reject) => {
    stream.once("finish", resolve);
    stream.once("error", reject);
  });
  stream.end(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  await done;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    signal.addEventListener("abort", finish);
  });
}

function ignore(): void {}
