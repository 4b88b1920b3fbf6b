/**
 * One exchange with Postgres in the extended protocol: prepare and bind a statement to a portal, run the
 * portal for some or all rows, or both. The extended protocol takes one statement at a time, so text
 * with several is refused by Postgres itself.
 */
import type pg from "pg";
import { OrlaError } from "../../base/errors.ts";

export interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

export interface RunResult {
  /** `null` where the portal was described before, or has no rows. */
  readonly fields: readonly Field[] | null;
  readonly rows: readonly (readonly (string | null)[])[];
  /** Such as `INSERT 0 1`; `null` while the portal has more rows, and for an empty statement. */
  readonly tag: string | null;
  /** `I` idle, `T` in a transaction, `E` in a failed one. */
  readonly status: string | null;
}

export interface RunOptions {
  /** Absent: the portal was bound before. */
  readonly statement?: { readonly sql: string; readonly values: readonly (string | null)[] };
  /** Empty for the one that lasts until the next. */
  readonly portal: string;
  /** At most so many; 0 for all, `null` to run nothing yet. */
  readonly rows: number | null;
}

/** What `pg` keeps to itself about its connection: the messages, one method each. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  parse(message: { name: string; text: string; types: number[] }): void;
  bind(message: { portal: string; statement: string; values: readonly unknown[] }): void;
  describe(message: { type: "P" | "S"; name: string }): void;
  execute(message: { portal: string; rows: number }): void;
  close(message: { type: "P"; name: string }): void;
  sync(): void;
  sendCopyFail(reason: string): void;
  once(event: "parameterDescription", listener: (message: { dataTypeIDs: number[] }) => void): void;
}

abstract class Run<T> implements pg.Submittable {
  readonly done: Promise<T>;
  protected resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: unknown): void {
    const wire = connection as Wire;
    wire.stream.cork();
    this.send(wire);
    wire.sync();
    wire.stream.uncork();
  }

  protected abstract send(wire: Wire): void;
  abstract handleReadyForQuery(): void;

  handleError(error: unknown): void {
    this.#reject(error);
  }

  handleRowDescription(_message: { readonly fields: readonly Field[] }): void {}
  handleDataRow(_message: { readonly fields: readonly (string | null)[] }): void {}
  handlePortalSuspended(): void {}
  handleCommandComplete(_message: { readonly text: string }): void {}
  handleEmptyQuery(): void {}
  handleCopyInResponse(_connection: unknown): void {}
  handleCopyData(): void {}
}

export class PortalRun extends Run<RunResult> {
  readonly #client: pg.Client;
  readonly #options: RunOptions;
  readonly #rows: (readonly (string | null)[])[] = [];
  #fields: readonly Field[] | null = null;
  #tag: string | null = null;
  #copies = false;

  constructor(client: pg.Client, options: RunOptions) {
    super();
    this.#client = client;
    this.#options = options;
  }

  protected send(wire: Wire): void {
    const { statement, portal, rows } = this.#options;
    if (statement !== undefined) {
      wire.parse({ name: "", text: statement.sql, types: [] });
      wire.bind({ portal, statement: "", values: statement.values });
      wire.describe({ type: "P", name: portal });
    }
    if (rows !== null) wire.execute({ portal, rows });
  }

  override handleRowDescription({ fields }: { readonly fields: readonly Field[] }): void {
    this.#fields = fields.map(({ name, dataTypeID }) => ({ name, dataTypeID }));
  }

  override handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.#rows.push(fields);
  }

  override handleCommandComplete({ text }: { readonly text: string }): void {
    this.#tag = text;
  }

  override handleCopyInResponse(connection: unknown): void {
    const wire = connection as Wire;
    wire.sendCopyFail("COPY FROM STDIN is not available in edge functions");
    // The one already sent was swallowed as part of the copy.
    wire.sync();
  }

  override handleCopyData(): void {
    this.#copies = true;
  }

  handleReadyForQuery(): void {
    if (this.#copies) {
      this.handleError(
        new OrlaError("not_supported", "COPY TO STDOUT is not available in functions"),
      );
    }
    this.resolve({
      fields: this.#fields,
      rows: this.#rows,
      tag: this.#tag,
      status: this.#client.getTransactionStatus(),
    });
  }
}

/** Closes a portal of this name. */
export class PortalClose extends Run<void> {
  readonly #portal: string;

  constructor(portal: string) {
    super();
    this.#portal = portal;
  }

  protected send(wire: Wire): void {
    wire.close({ type: "P", name: this.#portal });
  }

  handleReadyForQuery(): void {
    this.resolve();
  }
}

/** Asks for the types of a statement's parameters. */
export class ParameterTypes extends Run<readonly number[]> {
  readonly #sql: string;
  #types: readonly number[] = [];

  constructor(sql: string) {
    super();
    this.#sql = sql;
  }

  protected send(wire: Wire): void {
    wire.once("parameterDescription", ({ dataTypeIDs }) => this.#types = dataTypeIDs);
    wire.parse({ name: "", text: this.#sql, types: [] });
    wire.describe({ type: "S", name: "" });
  }

  handleReadyForQuery(): void {
    this.resolve(this.#types);
  }
}
