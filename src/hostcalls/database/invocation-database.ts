/**
 * What one invocation has of the database: connections for single statements, sessions, cursors. It all
 * ends with the invocation: statements are cancelled, transactions rolled back, connections given back.
 */
import { OrlaError } from "../../base/errors.ts";
import { databaseError, toHostError } from "./database-error.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { Lease } from "./lease.ts";
import { needsType, type Parameter, parameterText } from "./parameter.ts";
import type { NumberedStatement } from "./placeholders.ts";
import type { Field, RunResult } from "./portal-run.ts";
import type { TypeCatalog } from "./type-catalog.ts";

export interface InvocationDatabaseOptions {
  readonly pool: ConnectionPool;
  readonly types: TypeCatalog;
  readonly functionId: string;
  readonly signal: AbortSignal;
}

/** An acting role, or an open session. */
export type Target = { readonly role: string } | { readonly session: number };

interface Session {
  readonly lease: Lease;
  /** Opened by a transaction, and to be closed with it. */
  readonly endsWithTransaction: boolean;
}

interface Cursor {
  readonly lease: Lease;
  readonly portal: string;
  readonly fields: readonly Field[];
  /** The connection is the cursor's own. */
  readonly ownsConnection: boolean;
  /** Rows to ask for next: as many as make about {@link PAGE_BYTES}. */
  pageRows: number;
  done: boolean;
}

export interface Page {
  readonly fields: readonly Field[];
  readonly rows: RunResult["rows"];
  readonly done: boolean;
}

/** Large enough that round trips do not count, small enough for an instance of 16 MB. */
const PAGE_BYTES = 512 * 1024;
/** Nobody knows how long rows are: the first page has one, later ones grow by this factor at most. */
const PAGE_GROWTH = 8;
const MAX_PAGE_ROWS = 2000;

/** Sessions share the function's connections, cursors in a session share its. */
const MAX_CURSORS = 100;

/** A 16-bit number in the protocol. */
const MAX_PARAMETERS = 65_535;

export class InvocationDatabase {
  readonly #options: InvocationDatabaseOptions;
  readonly #sessions = new Map<number, Session>();
  readonly #cursors = new Map<number, Cursor>();
  readonly #leases = new Set<Lease>();
  #lastId = 0;

  constructor(options: InvocationDatabaseOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  async run(target: Target, statement: NumberedStatement<Parameter>): Promise<RunResult> {
    if ("session" in target) return await this.#run(this.#session(target.session), statement);
    const lease = await this.#acquire(target.role);
    try {
      const result = await this.#run(lease, statement);
      if (result.status === "I") return result;
      throw databaseError(
        "25001",
        "A transaction cannot begin without a connection of its own",
        "Use db.transaction(…), or a connection of getDbConnection().",
      );
    } finally {
      this.#release(lease);
    }
  }

  async openSession(role: string): Promise<number> {
    return this.#addSession(await this.#acquire(role), false);
  }

  closeSession(id: number): void {
    const lease = this.#session(id);
    this.#sessions.delete(id);
    for (const [cursorId, cursor] of this.#cursors) {
      if (cursor.lease === lease) this.#cursors.delete(cursorId);
    }
    this.#release(lease);
  }

  /** Begins a transaction, in the session or in a new one. `modes` is SQL after BEGIN. */
  async begin(target: Target, modes: string): Promise<number> {
    const isNew = "role" in target;
    const lease = isNew ? await this.#acquire(target.role) : this.#session(target.session);
    try {
      await this.#run(lease, { sql: `BEGIN ${modes}`, params: [] });
    } catch (thrown) {
      if (isNew) this.#release(lease);
      throw thrown;
    }
    return isNew ? this.#addSession(lease, true) : target.session;
  }

  async endTransaction(id: number, how: "COMMIT" | "ROLLBACK"): Promise<void> {
    const lease = this.#session(id);
    try {
      const { tag } = await this.#run(lease, { sql: how, params: [] });
      if (how === "COMMIT" && tag === "ROLLBACK") {
        throw databaseError("25P02", "The transaction failed before and was rolled back");
      }
    } finally {
      if (this.#sessions.get(id)?.endsWithTransaction === true) this.closeSession(id);
    }
  }

  async openCursor(
    target: Target,
    statement: NumberedStatement<Parameter>,
  ): Promise<{ readonly id: number; readonly fields: readonly Field[] }> {
    if (this.#cursors.size >= MAX_CURSORS) {
      throw new OrlaError("limit_exceeded", `A call may have ${MAX_CURSORS} cursors open`);
    }
    const ownsConnection = "role" in target;
    const lease = ownsConnection ? await this.#acquire(target.role) : this.#session(target.session);
    try {
      if (ownsConnection) await this.#run(lease, { sql: "BEGIN", params: [] });
      const portal = lease.takePortalName();
      const { fields, status } = await this.#run(lease, statement, { portal, rows: null });
      if (status !== "T") {
        // Outside a transaction the portal is gone already.
        throw databaseError(
          "25P01",
          "A session's stream needs a transaction",
          "Begin one, or stream without a session.",
        );
      }
      const id = ++this.#lastId;
      this.#cursors.set(id, {
        ...{ lease, portal, ownsConnection },
        fields: fields ?? [],
        pageRows: 1,
        done: false,
      });
      return { id, fields: fields ?? [] };
    } catch (thrown) {
      if (ownsConnection) this.#release(lease);
      throw thrown;
    }
  }

  async readCursor(id: number): Promise<Page> {
    const cursor = this.#cursor(id);
    const { lease, portal, fields } = cursor;
    const { rows, tag } = await this.#guard(
      lease,
      () => lease.run({ portal, rows: cursor.pageRows }),
    );
    cursor.pageRows = nextPageRows(rows, cursor.pageRows);
    const done = tag !== null;
    if (done) await this.closeCursor(id);
    return { fields, rows, done };
  }

  async closeCursor(id: number): Promise<void> {
    const { lease, portal, ownsConnection } = this.#cursor(id);
    this.#cursors.delete(id);
    if (ownsConnection) {
      try {
        // What a RETURNING changed stays; an error of a deferred check must be heard.
        await this.#run(lease, { sql: "COMMIT", params: [] });
      } finally {
        this.#release(lease);
      }
    } else await lease.closePortal(portal);
  }

  async #run(
    lease: Lease,
    { sql, params }: NumberedStatement<Parameter>,
    portal: { readonly portal: string; readonly rows: number | null } = { portal: "", rows: 0 },
  ): Promise<RunResult> {
    checkLimits(sql, params);
    return await this.#guard(lease, async () => {
      const placeTypes = params.some(needsType) ? await lease.parameterTypes(sql) : [];
      const { types } = this.#options;
      await types.load(placeTypes);
      const values = params.map((param, index) => parameterText(param, placeTypes[index], types));
      return await lease.run({ statement: { sql, values }, ...portal });
    });
  }

  async #guard<T>(lease: Lease, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw toHostError(thrown, lease.role);
    }
  }

  async #acquire(role: string): Promise<Lease> {
    const { pool, functionId, signal } = this.#options;
    signal.throwIfAborted();
    const lease = await pool.acquire({ role, functionId, signal });
    if (signal.aborted) {
      void pool.release(lease);
      signal.throwIfAborted();
    }
    this.#leases.add(lease);
    return lease;
  }

  /** Nobody waits for its cleaning. */
  #release(lease: Lease): void {
    if (this.#leases.delete(lease)) void this.#options.pool.release(lease);
  }

  #addSession(lease: Lease, endsWithTransaction: boolean): number {
    const id = ++this.#lastId;
    this.#sessions.set(id, { lease, endsWithTransaction });
    return id;
  }

  #session(id: number): Lease {
    const session = this.#sessions.get(id);
    if (session !== undefined) return session.lease;
    throw new OrlaError("invalid_request", "This database connection is closed");
  }

  #cursor(id: number): Cursor {
    const cursor = this.#cursors.get(id);
    if (cursor !== undefined) return cursor;
    throw new OrlaError("invalid_request", "This cursor is closed");
  }

  #end(): void {
    const { pool } = this.#options;
    this.#sessions.clear();
    this.#cursors.clear();
    for (const lease of this.#leases) void pool.release(lease, { stop: true });
    this.#leases.clear();
  }
}

/** What the protocol itself cannot say. */
function checkLimits(sql: string, params: readonly unknown[]): void {
  if (sql.includes("\0")) {
    throw new OrlaError("invalid_request", "a statement cannot contain the character NUL");
  }
  if (params.length > MAX_PARAMETERS) {
    throw new OrlaError(
      "invalid_request",
      `a statement has ${MAX_PARAMETERS} parameters at most, not ${params.length}`,
    );
  }
}

function nextPageRows(rows: RunResult["rows"], current: number): number {
  if (rows.length === 0) return current;
  let longest = 1;
  for (const row of rows) {
    let length = 0;
    for (const value of row) length += value?.length ?? 0;
    if (length > longest) longest = length;
  }
  const fitting = Math.floor(PAGE_BYTES / longest);
  return Math.max(1, Math.min(fitting, PAGE_GROWTH * current, MAX_PAGE_ROWS));
}
