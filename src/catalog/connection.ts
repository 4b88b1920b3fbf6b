/**
 * One connection that is always wanted: opened, watched, and opened again when it breaks.
 *
 *     connecting → open → (error or end) → waiting → connecting …      close() from any of them
 *
 * `onOpen` runs on each new connection before anybody else may use it; if it fails, the connection
 * counts as broken.
 */
import pg from "pg";
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";

export interface ConnectionOptions {
  readonly config: pg.ClientConfig;
  readonly log: Logger;
  readonly onOpen: (client: pg.Client) => Promise<void>;
}

/** A query of ours takes milliseconds; this long means that the server, or the way to it, is gone. */
const QUERY_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** A Postgres restart takes a fraction of a second: be back soon, then be polite. */
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;
/** How long a caller waits for the connection to come back. */
const OPEN_DEADLINE_MS = 5_000;
/** A polite end needs one round trip; a frozen server gives none. */
const END_DEADLINE_MS = 1_000;

export class Connection implements AsyncDisposable {
  readonly #options: ConnectionOptions;
  #client: pg.Client | undefined;
  #opened = Promise.withResolvers<pg.Client>();
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = FIRST_RETRY_MS;
  #attempt: Promise<void> | undefined;
  #closed = false;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Throws when the first attempt fails: a wrong address should be said at once. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    await connection.#connect();
    return connection;
  }

  get isOpen(): boolean {
    return this.#client !== undefined;
  }

  /** The open connection, waiting a little for it to come back. */
  async client(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new OrlaError("unavailable", "the database is not reachable")),
      OPEN_DEADLINE_MS,
    );
    try {
      return await Promise.race([this.#opened.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    const client = await this.client();
    try {
      return await client.query(text, values);
    } catch (thrown) {
      if (isAnswer(thrown)) throw thrown;
      this.#broken(client, thrown);
      throw new OrlaError("unavailable", "the connection to the database was lost", {
        cause: thrown,
      });
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#opened.promise.catch(() => {});
    this.#opened.reject(new OrlaError("unavailable", "this node is stopping"));
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await end(client);
    await this.#attempt;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
      ...this.#options.config,
    });
    client.on("error", (error) => this.#broken(client, error));
    client.on("end", () => this.#broken(client, new Error("the connection ended")));
    try {
      await client.connect();
      await this.#options.onOpen(client);
    } catch (thrown) {
      await end(client);
      throw thrown;
    }
    if (this.#closed) return await end(client);
    this.#client = client;
    this.#retryMs = FIRST_RETRY_MS;
    this.#opened.resolve(client);
  }

  #broken(client: pg.Client, reason: unknown): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#opened = Promise.withResolvers();
    this.#options.log.warn("lost the connection to the database", { reason });
    end(client);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#retryTimer = setTimeout(() => {
      this.#attempt = this.#connect().then(
        () => this.#options.log.info("connected to the database again"),
        (thrown) => {
          this.#options.log.debug("the database is still not reachable", { reason: thrown });
          this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
          this.#retryLater();
        },
      );
    }, this.#retryMs);
  }
}

/** An error of the statement, rather than a server's farewell: by code, as severity is translated. */
function isAnswer(thrown: unknown): boolean {
  return thrown instanceof pg.DatabaseError && !/^(08|57P)/.test(thrown.code ?? "");
}

async function end(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), END_DEADLINE_MS);
  try {
    await client.end();
  } catch {
    // Already gone, which is what was wanted.
  } finally {
    clearTimeout(timer);
  }
}
