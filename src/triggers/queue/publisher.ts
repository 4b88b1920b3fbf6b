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

const row = z.object({ ids: z.array(z.string()) });

/**
 * SQLSTATEs by which edge.enqueue and edge.publish refuse what they were given; the last two are jsonb's own, for `\u0000`
 * and halves of surrogate pairs, which JSON may have and Postgres's text may not.
 */
const refusals: ReadonlySet<string> = new Set(["22023", "54000", "42704", "22P02", "22P05"]);

export class Publisher {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** All of them in one transaction; the jobs' ids. The same with the same key adds nothing. */
  async publish(
    queue: string,
    messages: readonly PublishedMessage[],
    idempotencyKey: string | null,
  ): Promise<readonly string[]> {
    try {
      const { rows } = await this.#pool.query(
        "SELECT edge.publish($1, $2, $3)::text[] AS ids",
        [queue, JSON.stringify(messages), idempotencyKey],
      );
      return row.parse(rows[0]).ids;
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
