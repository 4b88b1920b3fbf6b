/** The key-value store in the table `edge.kv`. */
import { z } from "zod";
import type { Queryable } from "../../catalog/queryable.ts";
import { type KeyValueStore, MAX_INTEGER, MAX_KEY_BYTES } from "./key-value-store.ts";

export interface PostgresStoreOptions {
  /** With the platform's rights. */
  readonly database: Queryable;
  readonly onError: (error: unknown) => void;
  /** How often what has expired is removed. */
  readonly sweepMs?: number;
}

/** Invisible at once, removed some time: the table need not be small to the second. */
const SWEEP_MS = 60_000;
/** Removed at a time, so that no statement holds many rows for long. */
const SWEEP_ROWS = 5_000;

const EXPIRES = "clock_timestamp() + $4::float8 * interval '1 ms'";
const IS_LIVE = "(kv.expires_at IS NULL OR kv.expires_at > clock_timestamp())";
const PLACE = "kv.namespace = $1 AND kv.key = $2";

const SUM = "kv.value::numeric + excluded.value::numeric";
const INCREMENT = `
  INSERT INTO edge.kv AS kv (namespace, key, value, expires_at) VALUES ($1, $2, $3, ${EXPIRES})
  ON CONFLICT (namespace, key) DO UPDATE SET
    value = CASE WHEN ${IS_LIVE} THEN (${SUM})::text ELSE excluded.value END,
    expires_at = CASE WHEN ${IS_LIVE} THEN kv.expires_at ELSE excluded.expires_at END
  WHERE CASE WHEN NOT ${IS_LIVE} THEN true
    WHEN kv.value ~ '^-?[0-9]{1,16}$' THEN abs(${SUM}) <= ${MAX_INTEGER} ELSE false END
  RETURNING value`;

const SWEEP = `
  DELETE FROM edge.kv WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM edge.kv WHERE expires_at <= clock_timestamp()
    LIMIT ${SWEEP_ROWS} FOR UPDATE SKIP LOCKED)) RETURNING 1`;

/** The highest character, often enough to be after every key with the prefix before it. */
const AFTER_ALL = "\u{10ffff}".repeat(MAX_KEY_BYTES / 4);

const keyRows = z.array(z.object({ key: z.string() }));
const valueRows = z.array(z.object({ value: z.string() }));

export class PostgresStore implements KeyValueStore {
  readonly #options: Required<PostgresStoreOptions>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: PostgresStoreOptions) {
    this.#options = { sweepMs: SWEEP_MS, ...options };
    this.#arm();
  }

  async get(namespace: string, key: string): Promise<string | null> {
    const sql = `SELECT value FROM edge.kv AS kv WHERE ${PLACE} AND ${IS_LIVE}`;
    return await this.#value(sql, [namespace, key]);
  }

  async set(namespace: string, key: string, value: string, ttlMs: number | null): Promise<void> {
    await this.#query(
      `INSERT INTO edge.kv AS kv (namespace, key, value, expires_at) VALUES ($1, $2, $3, ${EXPIRES})
       ON CONFLICT (namespace, key)
       DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`,
      [namespace, key, value, ttlMs],
    );
  }

  async delete(namespace: string, key: string): Promise<boolean> {
    const rows = await this.#query(
      `DELETE FROM edge.kv AS kv WHERE ${PLACE} RETURNING ${IS_LIVE} AS live`,
      [namespace, key],
    );
    return z.array(z.object({ live: z.boolean() })).parse(rows)[0]?.live ?? false;
  }

  async increment(
    namespace: string,
    key: string,
    by: number,
    ttlMs: number | null,
  ): Promise<number | null> {
    const value = await this.#value(INCREMENT, [namespace, key, String(by), ttlMs]);
    return value === null ? null : Number(value);
  }

  async compareAndSet(
    namespace: string,
    key: string,
    expected: string | null,
    value: string,
    ttlMs: number | null,
  ): Promise<boolean> {
    const rows = expected === null
      ? await this.#query(
        `INSERT INTO edge.kv AS kv (namespace, key, value, expires_at)
           VALUES ($1, $2, $3, ${EXPIRES})
         ON CONFLICT (namespace, key)
         DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at WHERE NOT ${IS_LIVE}
         RETURNING 1`,
        [namespace, key, value, ttlMs],
      )
      : await this.#query(
        `UPDATE edge.kv AS kv SET value = $3, expires_at = ${EXPIRES}
         WHERE ${PLACE} AND ${IS_LIVE} AND kv.value = $5 RETURNING 1`,
        [namespace, key, value, ttlMs, expected],
      );
    return rows.length > 0;
  }

  async list(namespace: string, prefix: string, after: string, limit: number): Promise<string[]> {
    const rows = await this.#query(
      `SELECT key FROM edge.kv AS kv
       WHERE namespace = $1 AND key >= $2 AND key <= $3 AND key > $4 AND ${IS_LIVE}
       ORDER BY key LIMIT $5`,
      [namespace, prefix, prefix + AFTER_ALL, after, limit],
    );
    return keyRows.parse(rows).map(({ key }) => key);
  }

  /** Removes what has expired. */
  async sweep(): Promise<void> {
    let removed: unknown[];
    do removed = await this.#query(SWEEP, []); while (
      removed.length === SWEEP_ROWS && !this.#closed
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
  }

  #arm(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#sweeping = this.sweep().catch(this.#options.onError).then(() => this.#arm());
    }, this.#options.sweepMs);
  }

  async #value(sql: string, values: unknown[]): Promise<string | null> {
    return valueRows.parse(await this.#query(sql, values))[0]?.value ?? null;
  }

  async #query(sql: string, values: unknown[]): Promise<unknown[]> {
    return (await this.#options.database.query(sql, values)).rows;
  }
}
