/**
 * Keeps what jobs were called with, for `EXECUTE EDGE FUNCTION … REPLAY`: in batches, off the job's way,
 * without the values of REDACTed keys, and not of payloads beyond a size.
 */
import type { Logger } from "../../base/log.ts";
import type { Queryable } from "../../catalog/queryable.ts";

/** Larger ones are worth more where they came from than in a copy. */
export const MAX_CAPTURED_BYTES = 65_536;

const WRITE_EVERY_MS = 250;

/** While the database is away nothing more is kept: the jobs matter, not their copies. */
const MOST_WAITING = 5_000;

export interface Captured {
  readonly executionId: string;
  readonly functionId: string;
  readonly triggerName: string;
  readonly eventId: string;
  readonly shape: "payload" | "arguments";
  /** JSON text. */
  readonly input: string;
  /** Keys whose values are left out, at any depth. */
  readonly redact: readonly string[];
}

export class PayloadCapture implements AsyncDisposable {
  readonly #database: Queryable;
  readonly #log: Logger;
  #waiting: Captured[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(database: Queryable, log: Logger) {
    this.#database = database;
    this.#log = log;
  }

  add(captured: Captured): void {
    if (captured.input.length > MAX_CAPTURED_BYTES || this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push(captured);
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY_MS);
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length > 0) this.#writing = this.#writing.then(() => this.#write(batch));
    return this.#writing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.flush();
  }

  async #write(batch: readonly Captured[]): Promise<void> {
    const rows = batch.map(({ input, redact, ...rest }) => ({
      ...rest,
      input: redacted(JSON.parse(input), new Set(redact)),
    }));
    try {
      await this.#database.query(
        `INSERT INTO edge.captured_payloads
           (execution_id, function_id, trigger_name, event_id, shape, input)
         SELECT (r ->> 'executionId')::uuid, (r ->> 'functionId')::bigint, r ->> 'triggerName',
           r ->> 'eventId', r ->> 'shape', r -> 'input'
         FROM pg_catalog.jsonb_array_elements($1::jsonb) r ON CONFLICT DO NOTHING`,
        [JSON.stringify(rows)],
      );
    } catch (error) {
      this.#log.warn("payloads of jobs cannot be kept for replay", { count: rows.length, error });
    }
  }
}

export function redacted(value: unknown, keys: ReadonlySet<string>): unknown {
  if (keys.size === 0 || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => redacted(item, keys));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      keys.has(key) ? "[redacted]" : redacted(inner, keys),
    ]),
  );
}
