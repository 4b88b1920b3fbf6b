/** Puts messages into queues on behalf of the platform's own callers. */
import type pg from "pg";
import { z } from "zod";
import { OrlaError } from "../../base/errors.ts";

export interface PublishedMessage {
  readonly payload: unknown;
  readonly delayMs: number;
  readonly key: string | null;
  readonly priority: number;
  readonly uniqueKey: string | null;
}

const row = z.object({ id: z.string() });

/** SQLSTATEs by which edge.enqueue refuses what it was given. */
const refusals: ReadonlySet<string> = new Set(["22023", "54000", "42704"]);

export class Publisher {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async publish(queue: string, message: PublishedMessage): Promise<string> {
    const { payload, delayMs, key, priority, uniqueKey } = message;
    try {
      const { rows } = await this.#pool.query(
        `SELECT edge.enqueue($1, $2, delay => $3 * interval '1 ms', key => $4, priority => $5,
           unique_key => $6)::text AS id`,
        [queue, JSON.stringify(payload), delayMs, key, priority, uniqueKey],
      );
      return row.parse(rows[0]).id;
    } catch (cause) {
      if (!(cause instanceof Error) || !("code" in cause)) throw cause;
      if (refusals.has(String(cause.code))) {
        throw new OrlaError("invalid_request", cause.message, { cause });
      }
      throw new OrlaError("unavailable", "The message could not be stored.", {
        cause,
        retryAfterSeconds: 1,
      });
    }
  }
}
