/**
 * A connection that functions' statements run on. It logged in by a login of its acting role
 * (docs/decisions/0006) and can be made as good as new, whatever a function did to it.
 */
import { connect } from "node:net";
import pg from "pg";
import { OrlaError } from "../../base/errors.ts";
import {
  ParameterTypes,
  PortalClose,
  PortalRun,
  type RunOptions,
  type RunResult,
} from "./portal-run.ts";

export interface FunctionConnectionOptions {
  readonly config: pg.ClientConfig;
  /** The acting role. */
  readonly role: string;
  readonly login: string;
  readonly slot: number;
  /** Ends the server's side of it where a cancellation was not enough. */
  readonly terminate: (pid: number, login: string) => Promise<void>;
}

/** Postgres' answer to one statement: as much as a message to the function may have. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** A server that answers at all does so well within this time. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Statements that can be cancelled end within milliseconds. */
const CANCEL_GRACE_MS = 500;
/** Cleaning up takes half a millisecond. */
const RESET_TIMEOUT_MS = 2_000;

export class FunctionConnection {
  readonly role: string;
  readonly slot: number;
  readonly #options: FunctionConnectionOptions;
  readonly #client: pg.Client;
  /** What it is doing; settles when nothing any more. */
  #work: Promise<unknown> = Promise.resolve();
  #open = 0;
  #remainingBytes = 0;
  #overflowed = false;
  #ended = false;
  #portals = 0;

  private constructor(options: FunctionConnectionOptions, client: pg.Client) {
    this.#options = options;
    this.role = options.role;
    this.slot = options.slot;
    this.#client = client;
  }

  /** `onEnd` hears when it breaks or is closed. */
  static async open(
    options: FunctionConnectionOptions,
    onEnd: (connection: FunctionConnection) => void,
  ): Promise<FunctionConnection> {
    const client = new pg.Client({
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      ...options.config,
    });
    const connection = new FunctionConnection(options, client);
    client.on("error", () => {}); // told to whoever waits for an answer
    await client.connect();
    client.on("end", () => {
      connection.#ended = true;
      onEnd(connection);
    });
    connection.#stream.on("data", (chunk: Uint8Array) => connection.#received(chunk.length));
    return connection;
  }

  /** It can be used no more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** A name no portal of this connection has yet. */
  takePortalName(): string {
    return `orla_${++this.#portals}`;
  }

  run(options: RunOptions): Promise<RunResult> {
    return this.#submit(new PortalRun(this.#client, options));
  }

  parameterTypes(sql: string): Promise<readonly number[]> {
    return this.#submit(new ParameterTypes(sql));
  }

  closePortal(name: string): Promise<void> {
    return this.#submit(new PortalClose(name));
  }

  /** Ends what it is doing: cancels it, and where that does not help, ends the connection. */
  async stop(): Promise<void> {
    if (this.#open === 0 || this.#ended) return;
    const { processID, secretKey } = this.#backend;
    const work = this.#work;
    const over = await within(CANCEL_GRACE_MS, async () => {
      // Before the request's own end nobody knows that it will not hit the next statement.
      await requestCancel(this.#client, processID, secretKey);
      await work;
    });
    if (over) return;
    // Its code catches cancellations, or the server is busy where it does not look for them.
    await this.destroy();
  }

  /**
   * Makes it as good as new for another function of the same role. Resolves to whether that worked;
   * otherwise it is destroyed.
   */
  async reset(): Promise<boolean> {
    if (this.#ended) return false;
    const clean = await within(RESET_TIMEOUT_MS, async () => {
      await this.#work;
      const simple = (sql: string) => this.#client.query(sql);
      if (this.#client.getTransactionStatus() !== "I") await simple("ROLLBACK");
      // Temporary tables, prepared statements, settings, advisory locks, channels, cursors.
      await simple("DISCARD ALL");
      // DISCARD leaves the role where it is, and what a session begins as is what RESET returns to.
      const { rows } = await this.#client.query({
        text: "SELECT pg_catalog.set_config('role', $1, false) AS role",
        values: [this.role],
      });
      if (rows[0]?.role !== this.role) throw new Error("the connection is not what it was");
    });
    if (!clean) await this.destroy();
    return clean && !this.#ended;
  }

  /** Ends it, and what the server does for it: that a client is gone it may never notice. */
  async destroy(): Promise<void> {
    const isBusy = this.#open > 0;
    this.#ended = true;
    this.#stream.destroy();
    if (!isBusy) return;
    // Where the platform's own way to the database is broken, too, the server is gone.
    await this.#options.terminate(this.#backend.processID, this.#options.login).catch(() => {});
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    if (!await within(RESET_TIMEOUT_MS, () => this.#client.end())) await this.destroy();
  }

  /** `pg` does not declare them. */
  get #backend(): { readonly processID: number; readonly secretKey: number } {
    return this.#client as never;
  }

  get #stream(): {
    on(event: "data", listener: (chunk: Uint8Array) => void): void;
    destroy(): void;
  } {
    return (this.#client as unknown as { connection: { stream: never } }).connection.stream;
  }

  #received(bytes: number): void {
    this.#remainingBytes -= bytes;
    if (this.#remainingBytes >= 0 || this.#open === 0) return;
    // Postgres cannot be told to stop in the middle of a row, and a row may have a gigabyte.
    this.#overflowed = true;
    void this.destroy();
  }

  async #submit<T>(run: pg.Submittable & { readonly done: Promise<T> }): Promise<T> {
    if (this.#ended) throw lost();
    this.#open++;
    this.#remainingBytes = MAX_ANSWER_BYTES;
    this.#work = Promise.all([this.#work, run.done.catch(() => {})]);
    try {
      this.#client.query(run);
      return await run.done;
    } catch (thrown) {
      if (this.#overflowed) {
        throw new OrlaError("limit_exceeded", "The statement's result is larger than 32 MiB", {
          hint: "Read it in parts: db.stream(sql, params), or LIMIT.",
        });
      }
      if (thrown instanceof pg.DatabaseError || thrown instanceof OrlaError) throw thrown;
      throw lost(thrown);
    } finally {
      this.#open--;
    }
  }
}

function lost(cause?: unknown): OrlaError {
  return new OrlaError("unavailable", "The connection to the database was lost", { cause });
}

/** Whether the work was done in time and without a failure. */
async function within(timeoutMs: number, work: () => Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  try {
    return await Promise.race([work().then(() => true, () => false), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Protocol section "Canceling Requests in Progress"; resolves when the server has closed the line. */
function requestCancel(
  { host, port }: { readonly host: string; readonly port: number },
  processId: number,
  secretKey: number,
): Promise<void> {
  const request = new DataView(new ArrayBuffer(16));
  for (const [index, value] of [16, 80877102, processId, secretKey].entries()) {
    request.setInt32(4 * index, value);
  }
  const socket = host.startsWith("/")
    ? connect({ path: `${host}/.s.PGSQL.${port}` })
    : connect({ host, port });
  return new Promise((resolve) => {
    socket.on("error", () => resolve()).on("close", () => resolve());
    socket.on("connect", () => socket.end(new Uint8Array(request.buffer)));
    socket.resume();
  });
}
