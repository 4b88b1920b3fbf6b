/** The further parameters that handler styles receive. */
import type { Assignment } from "../../protocol/messages.ts";
import { Database, type Params, type Row, type TransactionOptions } from "./database.ts";
import { ownVariables } from "./environment.ts";
import { contextOf } from "./execution-context.ts";
import { kv } from "./key-value.ts";
import { storage } from "./object-storage.ts";
import type { RunningCall } from "./running-call.ts";

/** As `Database`, but for `query`, which returns the rows alone. */
class SdkDatabase {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async query(sql: string, params?: Params): Promise<Row[]> {
    return (await this.#database.query(sql, params)).rows;
  }

  queryOne(sql: string, params?: Params): Promise<Row | null> {
    return this.#database.queryOne(sql, params);
  }

  query_one(sql: string, params?: Params): Promise<Row | null> {
    return this.#database.queryOne(sql, params);
  }

  stream(sql: string, params?: Params): AsyncGenerator<Row, void, void> {
    return this.#database.stream(sql, params);
  }

  insert(...args: Parameters<Database["insert"]>): ReturnType<Database["insert"]> {
    return this.#database.insert(...args);
  }

  select(...args: Parameters<Database["select"]>): Promise<Row[]> {
    return this.#database.select(...args);
  }

  update(...args: Parameters<Database["update"]>): Promise<number> {
    return this.#database.update(...args);
  }

  remove(...args: Parameters<Database["remove"]>): Promise<number> {
    return this.#database.remove(...args);
  }

  transaction<T>(
    work: (transaction: SdkDatabase) => Promise<T> | T,
    options?: TransactionOptions,
  ): Promise<T> {
    return this.#database.transaction((inner) => work(new SdkDatabase(inner)), options);
  }
}

export function makeSdk(assignment: Assignment) {
  return {
    env: ownVariables(),
    projectId: assignment.namespace,
    db: new SdkDatabase(new Database({ as: "caller" })),
    kv,
    storage,
  };
}

/** `client` and `serviceClient`: the caller's rights, or the owner's where SERVICE_ROLE allows it. */
export function makeClient(as: "caller" | "service"): Database {
  return new Database({ as });
}

export function makeUtilities(call: RunningCall) {
  return {
    isCancelled: () => call.cancelled,
    getExecutionContext: () => contextOf(call.head),
  };
}
