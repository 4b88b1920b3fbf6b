/** The database as functions see it; what it does is done by the platform (`functions/host-services.ts`). */
import { encodeBytes } from "./bytea.ts";
import { hostCall } from "./host-client.ts";
import { decodeValue, encodeTypedResult } from "./value-codec.ts";

export type Row = Record<string, unknown>;
export type Params = readonly unknown[] | Readonly<Record<string, unknown>>;
export type Where = string | Readonly<Record<string, unknown>>;

export interface Field {
  readonly name: string;
  /** As `format_type` prints it. */
  readonly type: string;
  readonly typeId: number;
}

export interface QueryResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly fields: readonly Field[];
  readonly rows: Row[];
}

export interface TransactionOptions {
  readonly isolation?: "read committed" | "repeatable read" | "serializable";
  readonly readOnly?: boolean;
}

/** Whose rights apply, or the open session that has them already. */
export type Target = { readonly as: "caller" | "service" } | { readonly session: number };

interface WireResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly fields: readonly Field[];
  readonly rows: unknown[][];
}

interface WirePage {
  readonly rows: unknown[][];
  readonly done: boolean;
}

const { isArray } = Array;
const { isFinite } = Number;
const { keys, defineProperty } = Object;
const toText = String;
const isDate = (value: object): value is Date => value instanceof Date;
const ignore = () => {};

export class Database {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  async query(sql: string, params?: Params): Promise<QueryResult> {
    return await this.#run("db.query", { sql: toText(sql), params: encodeParams(params) });
  }

  /** The first row, or `null`. */
  async queryOne(sql: string, params?: Params): Promise<Row | null> {
    return (await this.query(sql, params)).rows[0] ?? null;
  }

  /** The rows one after the other, however many there are. */
  async *stream(sql: string, params?: Params): AsyncGenerator<Row, void, void> {
    const input = { ...this.#target, sql: toText(sql), params: encodeParams(params) };
    const { cursor, fields } = await hostCall("db.cursor.open", input) as {
      readonly cursor: number;
      readonly fields: readonly Field[];
    };
    const read = () => hostCall("db.cursor.read", { cursor }) as Promise<WirePage>;
    let next: Promise<WirePage> | undefined = read();
    try {
      while (next !== undefined) {
        const { rows, done }: WirePage = await next;
        // Fetched while this page is worked on.
        next = done ? undefined : read();
        next?.catch(ignore);
        for (let i = 0; i < rows.length; i++) yield toRow(rows[i] as unknown[], fields);
      }
    } finally {
      if (next !== undefined) {
        await next.catch(ignore);
        await hostCall("db.cursor.close", { cursor }).catch(ignore);
      }
    }
  }

  /** Inserts one row, or a list of them; returns what is in the table now, defaults included. */
  async insert(table: string, data: Row | readonly Row[]): Promise<Row | Row[] | null> {
    const list = isArray(data) ? data as readonly Row[] : [data as Row];
    if (list.length === 0) return [];
    const encoded: unknown[] = [];
    for (let i = 0; i < list.length; i++) encoded[i] = encodeRecord(list[i] as Row);
    const { rows } = await this.#run("db.insert", { table: toText(table), rows: encoded });
    return isArray(data) ? rows : rows[0] ?? null;
  }

  async select(table: string, where?: Where, params?: Params): Promise<Row[]> {
    const input = {
      table: toText(table),
      where: where === undefined || where === null ? undefined : encodeWhere(where),
      params: encodeParams(params),
    };
    return (await this.#run("db.select", input)).rows;
  }

  /** Returns how many rows it changed. */
  async update(table: string, data: Row, where: Where, params?: Params): Promise<number> {
    return await this.#count("db.update", {
      ...{ table: toText(table), set: encodeRecord(data), where: encodeWhere(where) },
      params: encodeParams(params),
    });
  }

  /** Returns how many rows it removed. */
  async remove(table: string, where: Where, params?: Params): Promise<number> {
    const input = { table: toText(table), where: encodeWhere(where), params: encodeParams(params) };
    return await this.#count("db.remove", input);
  }

  /** Commits when `work` succeeds, rolls back and throws on when it throws. */
  async transaction<T>(
    work: (transaction: Database) => Promise<T> | T,
    options: TransactionOptions = {},
  ): Promise<T> {
    const { isolation, readOnly } = options;
    const begun = await hostCall("db.begin", { ...this.#target, isolation, readOnly });
    const { session } = begun as { readonly session: number };
    let result: T;
    try {
      result = await work(new Transaction({ session }));
    } catch (error) {
      await hostCall("db.rollback", { session }).catch(ignore);
      throw error;
    }
    await hostCall("db.commit", { session });
    return result;
  }

  /** A shared way to the database holds nothing to give back. */
  release(): Promise<void> {
    return Promise.resolve();
  }

  end(): Promise<void> {
    return this.release();
  }

  async #run(op: string, input: Readonly<Record<string, unknown>>): Promise<QueryResult> {
    const result = await hostCall(op, { ...this.#target, ...input }) as WireResult;
    const { command, rowCount, fields } = result;
    const rows: Row[] = [];
    for (let i = 0; i < result.rows.length; i++) {
      rows[i] = toRow(result.rows[i] as unknown[], fields);
    }
    return { command, rowCount, fields, rows };
  }

  async #count(op: string, input: Readonly<Record<string, unknown>>): Promise<number> {
    return (await this.#run(op, input)).rowCount ?? 0;
  }
}

/** A connection of one's own: settings, temporary tables and transactions stay with it. */
class Session extends Database {
  readonly #session: number;
  #released = false;

  constructor(session: number) {
    super({ session });
    this.#session = session;
  }

  /** Gives the connection back; the end of the call does so, too. */
  override async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    // Often not awaited, and of no consequence: what fails here is closed anyway.
    await hostCall("db.close", { session: this.#session }).catch(ignore);
  }
}

let savepoints = 0;

class Transaction extends Database {
  /** Within a transaction: undone alone when it fails. */
  override async transaction<T>(work: (transaction: Database) => Promise<T> | T): Promise<T> {
    const savepoint = `orla_${++savepoints}`;
    await this.query(`SAVEPOINT ${savepoint}`);
    try {
      const result = await work(this);
      await this.query(`RELEASE SAVEPOINT ${savepoint}`);
      return result;
    } catch (error) {
      await this.query(`ROLLBACK TO SAVEPOINT ${savepoint}`);
      throw error;
    }
  }
}

export interface ConnectOptions {
  /** `"service"` for the function's owner, where SERVICE_ROLE allows it. */
  readonly role?: "caller" | "service";
}

export function openDatabase({ role = "caller" }: ConnectOptions = {}): Database {
  if (role !== "caller" && role !== "service") {
    throw new TypeError(`role must be "caller" or "service", not ${toText(role)}`);
  }
  return new Database({ as: role });
}

export async function openSession(options: ConnectOptions = {}): Promise<Database> {
  openDatabase(options);
  const opened = await hostCall("db.open", { as: options.role ?? "caller" });
  return new Session((opened as { readonly session: number }).session);
}

function toRow(values: unknown[], fields: readonly Field[]): Row {
  const row: Row = {};
  for (let i = 0; i < fields.length; i++) {
    const { name, type } = fields[i] as Field; // in range
    const value = decodeValue(values[i], type);
    if (name === "__proto__") defineProperty(row, name, { value, enumerable: true });
    else row[name] = value;
  }
  return row;
}

function encodeParams(params: Params | undefined): unknown {
  if (params === undefined || params === null) return undefined;
  if (typeof params !== "object") {
    throw new TypeError("parameters must be a list, or an object of names and values");
  }
  if (!isArray(params)) return encodeRecord(params as Row);
  const encoded: unknown[] = [];
  for (let i = 0; i < params.length; i++) encoded[i] = encodeParameter(params[i]);
  return encoded;
}

function encodeWhere(where: Where): unknown {
  return typeof where === "object" && where !== null ? encodeRecord(where) : toText(where ?? "");
}

function encodeRecord(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const encoded: Record<string, unknown> = Object.create(null);
  if (typeof record !== "object" || record === null) {
    throw new TypeError("columns must be an object of names and values");
  }
  const names = keys(record);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string; // in range
    encoded[name] = encodeParameter(record[name]);
  }
  return encoded;
}

function encodeParameter(value: unknown): unknown {
  switch (typeof value) {
    case "undefined":
      return null;
    case "string":
    case "boolean":
      return value;
    case "number":
      return isFinite(value) ? value : toText(value);
    case "bigint":
      return toText(value);
    case "object": {
      if (value === null) return null;
      const bytes = encodeBytes(value);
      if (bytes !== undefined) return bytes;
      return isDate(value) ? value.toISOString() : { json: encodeTypedResult(value) };
    }
    default:
      throw new TypeError(`a ${typeof value} cannot be a parameter`);
  }
}
