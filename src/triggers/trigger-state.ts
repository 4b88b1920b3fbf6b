/** Counts what became of each trigger's runs, and tells the database now and then. */
import type { Logger } from "../base/log.ts";
import type { Queryable } from "../catalog/queryable.ts";

/** How far `system.edge_triggers` may be behind. */
const WRITE_EVERY_MS = 500;

interface Counts {
  succeeded: number;
  failed: number;
  lastRunAt: number;
  lastError: string | null;
}

export class TriggerState implements AsyncDisposable {
  readonly #database: Queryable;
  readonly #log: Logger;
  #counts = new Map<string, Counts>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(database: Queryable, log: Logger) {
    this.#database = database;
    this.#log = log;
  }

  /** `error` of `null`: it succeeded. */
  ran(triggerId: string, error: string | null): void {
    let counts = this.#counts.get(triggerId);
    if (counts === undefined) {
      counts = { succeeded: 0, failed: 0, lastRunAt: 0, lastError: null };
      this.#counts.set(triggerId, counts);
    }
    counts.lastRunAt = Date.now();
    if (error === null) counts.succeeded++;
    else {
      counts.failed++;
      counts.lastError = error;
    }
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY_MS);
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counts = this.#counts;
    this.#counts = new Map();
    if (counts.size > 0) this.#writing = this.#writing.then(() => this.#write(counts));
    return this.#writing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.flush();
  }

  async #write(counts: ReadonlyMap<string, Counts>): Promise<void> {
    const rows = [...counts].map(([triggerId, row]) => ({ triggerId, ...row }));
    try {
      await this.#database.query(
        `INSERT INTO edge.trigger_state AS s (trigger_id, last_run_at, succeeded, failed, last_error)
         SELECT (r ->> 'triggerId')::bigint, pg_catalog.to_timestamp((r ->> 'lastRunAt')::float8 / 1000),
           (r ->> 'succeeded')::bigint, (r ->> 'failed')::bigint, r ->> 'lastError'
         FROM pg_catalog.jsonb_array_elements($1::jsonb) r
         WHERE EXISTS (SELECT FROM edge.triggers t WHERE t.trigger_id = (r ->> 'triggerId')::bigint)
         ON CONFLICT (trigger_id) DO UPDATE SET
           last_run_at = greatest(s.last_run_at, excluded.last_run_at),
           succeeded = s.succeeded + excluded.succeeded, failed = s.failed + excluded.failed,
           last_error = coalesce(excluded.last_error, s.last_error)`,
        [JSON.stringify(rows)],
      );
    } catch (error) {
      this.#log.warn("cannot write the state of triggers", { error });
    }
  }
}
