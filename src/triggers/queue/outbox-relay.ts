/**
 * Moves events that tables recorded into the queue: when the database says that there are some, and
 * from time to time in case it could not say so.
 */
import { z } from "zod";
import type { Logger } from "../../base/log.ts";
import type { Queryable } from "../../catalog/queryable.ts";

/** Bounds one transaction: 5,000 events take some 100 ms. */
const EVENTS_AT_ONCE = 5_000;

/** Bounds how long a lost notification goes unnoticed. */
const LOOK_EVERY_MS = 5_000;

const RETRY_MS = 1_000;

const row = z.object({ more: z.boolean() });

export class OutboxRelay implements AsyncDisposable {
  readonly #database: Queryable;
  readonly #log: Logger;
  readonly #timer: ReturnType<typeof setInterval>;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(database: Queryable, log: Logger) {
    this.#database = database;
    this.#log = log;
    this.#timer = setInterval(() => this.wake(), LOOK_EVERY_MS);
    this.wake();
  }

  wake(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => this.#running = undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        const { rows } = await this.#database.query(
          "SELECT edge.relay_events($1) AS more",
          [EVENTS_AT_ONCE],
        );
        if (row.parse(rows[0]).more) this.#again = true;
      }
    } catch (error) {
      this.#log.warn("cannot move events into the queue; trying again", { error });
      if (!this.#stopped) this.#retry = setTimeout(() => this.wake(), RETRY_MS);
    }
  }
}
