/** One Orla under measurement: started on a data directory, spoken to by its public ports only. */
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import type { Endpoint } from "./contender.ts";
import { Child } from "./process.ts";
import { orlaProgram } from "./programs.ts";

/** How often the state file and `/readyz` are looked at: the error of a start-up time. */
const pollMs = 5;
/** A first start runs initdb, on a busy machine. */
const startTimeoutMs = 60_000;

/** `orla.state.json`, as far as it is needed here. */
interface State {
  readonly http: string;
  readonly sql: string;
  readonly databaseUrl: string;
  readonly anonKey: string;
}

export class Orla implements AsyncDisposable {
  readonly pid: number;
  readonly state: State;
  /** From the command's start to the first 200 of `/readyz`. */
  readonly startMs: number;
  readonly #child: Child;

  private constructor(child: Child, state: State, startMs: number) {
    this.#child = child;
    this.pid = child.pid;
    this.state = state;
    this.startMs = startMs;
  }

  static async start(directory: string): Promise<Orla> {
    const startedAt = performance.now();
    const log = `${directory}/orla.log`;
    const child = new Child({
      command: "sh",
      args: ["-c", 'exec "$@" >>"$0" 2>&1', log, orlaProgram, "start"],
      env: {
        ORLA_HTTP_PORT: "0",
        ORLA_SQL_PORT: "0",
        ORLA_DATA_DIR: `${directory}/data`,
      },
      output: "ignored",
    });
    let ended = false;
    void child.status.then(() => ended = true);
    for (;;) {
      const state = await readState(`${directory}/data/orla.state.json`, child.pid);
      if (state !== undefined && await isReady(state.http)) {
        return new Orla(child, state, performance.now() - startedAt);
      }
      if (ended || performance.now() - startedAt > startTimeoutMs) {
        await child.stop();
        const said = await Deno.readTextFile(log).catch(() => "");
        throw new Error(`Orla did not start:\n${said.slice(-2000)}`);
      }
      await pause(pollMs);
    }
  }

  /** Where a function is called over HTTP, with the key an application would hold. */
  endpoint(name: string): Endpoint {
    return {
      url: `${this.state.http.replace(/\/$/, "")}/functions/v1/${name}`,
      headers: { apikey: this.state.anonKey },
    };
  }

  /** A client through the SQL gateway, or straight to the Postgres behind it. */
  async connect(to: "gateway" | "postgres" = "gateway"): Promise<SqlClient> {
    const client = new pg.Client({
      connectionString: to === "gateway" ? this.state.sql : this.state.databaseUrl,
    });
    await client.connect();
    return new SqlClient(client);
  }

  /** Runs statements through the SQL gateway. */
  async sql(...statements: readonly string[]): Promise<void> {
    await using client = await this.connect();
    for (const statement of statements) await client.query(statement);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
  }
}

export class SqlClient implements AsyncDisposable {
  readonly #client: pg.Client;

  constructor(client: pg.Client) {
    this.#client = client;
  }

  async query(text: string): Promise<Record<string, unknown>[]> {
    const result = await this.#client.query<Record<string, unknown>>(text);
    return result.rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }
}

/** A directory for one Orla, removed with everything in it. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "orla-bench-" });
  // Started by root, Postgres runs as another user and has to pass through.
  await Deno.chmod(path, 0o711);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Starts an Orla on a new directory; both end with the scope. */
export async function startFreshOrla(): Promise<
  AsyncDisposable & { readonly orla: Orla; readonly directory: string }
> {
  const stack = new AsyncDisposableStack();
  try {
    const directory = stack.use(await temporaryDirectory());
    const orla = stack.use(await Orla.start(directory.path));
    return {
      orla,
      directory: directory.path,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** The state `pid` wrote, not one left by an earlier process. */
async function readState(file: string, pid: number): Promise<State | undefined> {
  try {
    const state = JSON.parse(await Deno.readTextFile(file)) as State & { pid: number };
    return state.pid === pid ? state : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function isReady(base: string): Promise<boolean> {
  try {
    const response = await fetch(new URL("/readyz", base));
    await response.body?.cancel();
    return response.status === 200;
  } catch (error) {
    if (error instanceof TypeError) return false; // not listening yet
    throw error;
  }
}
