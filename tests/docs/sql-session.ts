/** Runs the SQL of a document on one connection, and prints what psql would. */
import { EventEmitter } from "node:events";
import pg from "pg";
import { formatError, isSqlError } from "../../src/cli/sql-error.ts";
import { formatTable } from "../../src/cli/sql-table.ts";
import { splitStatements } from "../../src/sql/split.ts";

export interface DocumentedStatement {
  readonly text: string;
  /** From a comment `-- ERROR 22023` in the statement or behind it. */
  readonly sqlState: string | null;
}

export function statementsOf(sql: string): DocumentedStatement[] {
  return splitStatements(sql).map(({ tokens: { start, end } }) => {
    const lineEnd = sql.indexOf("\n", end);
    const line = sql.slice(start, lineEnd === -1 ? undefined : lineEnd);
    return {
      text: sql.slice(start, end),
      sqlState: /--\s*ERROR ([0-9A-Z]{5})\b/.exec(line)?.[1] ?? null,
    };
  });
}

export interface SqlOutcome {
  readonly output: string;
  /** What went otherwise than the comments say. */
  readonly surprises: readonly string[];
}

export class SqlSession implements AsyncDisposable {
  readonly #client: pg.Client;
  #output: string[] = [];

  private constructor(client: pg.Client) {
    this.#client = client;
    client.on("notice", ({ severity, message, detail }) => {
      this.#output.push(`${severity}:  ${message}${detail ? `\nDETAIL:  ${detail}` : ""}`);
    });
    // pg keeps only the first word of a tag such as `CREATE EDGE FUNCTION`: hear it from below.
    const connection: unknown = Reflect.get(client, "connection");
    if (connection instanceof EventEmitter) {
      connection.on("commandComplete", ({ text }: { readonly text: string }) => {
        if (!/^(SELECT|EXECUTE|SHOW) ?\d*$/.test(text)) this.#output.push(text);
      });
    }
  }

  static async open(url: string): Promise<SqlSession> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return new SqlSession(client);
  }

  async run(sql: string): Promise<SqlOutcome> {
    this.#output = [];
    const surprises: string[] = [];
    for (const { text, sqlState } of statementsOf(sql)) {
      const got = await this.#runOne(text);
      if (got === sqlState) continue;
      const wanted = sqlState === null ? "succeed" : `fail with ${sqlState}`;
      surprises.push(
        `should ${wanted}, but ${got === null ? "did not fail" : `got ${got}`}: ${text}`,
      );
    }
    return { output: this.#output.join("\n"), surprises };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }

  /** The SQLSTATE, `null` for a success. */
  async #runOne(text: string): Promise<string | null> {
    try {
      const { fields, rows } = await this.#client.query<unknown[]>({
        text,
        rowMode: "array",
        types: { getTypeParser: () => (value: unknown) => value },
      });
      if (fields.length > 0) this.#output.push(tableOf(fields, rows));
      return null;
    } catch (thrown) {
      if (!isSqlError(thrown)) throw thrown;
      this.#output.push(formatError(thrown, text));
      return thrown.code;
    }
  }
}

/** int8, int2, int4, oid, float4, float8, numeric: flush right. */
const NUMERIC_TYPES = new Set([20, 21, 23, 26, 700, 701, 1700]);

function tableOf(fields: readonly pg.FieldDef[], rows: readonly unknown[][]): string {
  return formatTable(
    fields.map(({ name, dataTypeID }) => ({ name, numeric: NUMERIC_TYPES.has(dataTypeID) })),
    rows.map((row) => row.map((value) => value === null ? null : String(value))),
  );
}
