/** Runs SQL on one connection and prints what comes back, much as psql does. */
import { EventEmitter } from "node:events";
import type pg from "pg";
import { splitStatements } from "../sql/split.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { OrlaError } from "../base/errors.ts";
import { formatError, isSqlError } from "./sql-error.ts";
import { type InlinedText, inlineSources } from "./sql-source.ts";
import { formatTable } from "./sql-table.ts";
import { print, printError } from "./terminal.ts";

/** Values stay the text that Postgres sent. */
const asText = { getTypeParser: () => (value: unknown) => value };

export class SqlRunner {
  readonly #client: pg.Client;
  /** Command tags of the query string under way, in order. */
  #tags: string[] = [];

  constructor(client: pg.Client) {
    this.#client = client;
    onCommandTag(client, (tag) => this.#tags.push(tag));
    client.on("notice", (notice) => {
      printError(`${notice.severity ?? "NOTICE"}:  ${notice.message ?? ""}`);
      if (notice.hint !== undefined) printError(`HINT:  ${notice.hint}`);
    });
  }

  /** One query string. `false` when it failed, which has been printed then. */
  async run(text: string): Promise<boolean> {
    this.#tags = [];
    let sent: InlinedText | undefined;
    try {
      sent = await inlineSources(text);
      const query = { text: sent.text, rowMode: "array", types: asText } as const;
      const answer: unknown = await this.#client.query(query);
      // Several statements in one string answer with several results, which pg's types do not say.
      const results: pg.QueryArrayResult[] = Array.isArray(answer) ? answer : [answer];
      results.forEach((result, index) => printResult(result, this.#tags[index]));
      return true;
    } catch (thrown) {
      if (thrown instanceof OrlaError) printError(`orla: ${thrown.message}`);
      else if (!isSqlError(thrown)) throw thrown;
      else {
        const position = sent?.writtenPosition(Number(thrown.position));
        printError(formatError(thrown, text, position));
      }
      return false;
    }
  }

  /** Statement by statement, up to the first that fails. */
  async runScript(text: string): Promise<ExitCode> {
    for (const { tokens } of splitStatements(text)) {
      if (!await this.run(text.slice(tokens.start, tokens.end))) return exitCodes.failed;
    }
    return exitCodes.ok;
  }

  /** psql's `\d`: tables, views and functions of ours; or the columns of one relation. */
  async describe(name: string | undefined): Promise<void> {
    if (name === undefined) {
      await this.run(RELATIONS);
      return;
    }
    await this.run(COLUMNS.replace("$1", `'${name.replaceAll("'", "''")}'`));
  }
}

function printResult(result: pg.QueryArrayResult, tag: string | undefined): void {
  if (result.fields.length === 0) {
    // None for an empty query.
    if (tag !== undefined) print(tag);
    return;
  }
  print(formatTable(
    result.fields.map((field) => ({
      name: field.name,
      numeric: NUMERIC_TYPES.has(field.dataTypeID),
    })),
    result.rows.map((row) => row.map((value) => value === null ? null : String(value))),
  ));
}

/** pg keeps only the first word of a tag such as `CREATE EDGE FUNCTION`: hear it from the connection. */
function onCommandTag(client: pg.Client, take: (tag: string) => void): void {
  // Not in pg's types; an EventEmitter with one event for each message of the protocol.
  const connection: unknown = Reflect.get(client, "connection");
  if (!(connection instanceof EventEmitter)) return;
  connection.on("commandComplete", ({ text }: { readonly text: string }) => take(text));
}

/** int8, int2, int4, oid, float4, float8, numeric: flush right. */
const NUMERIC_TYPES = new Set([20, 21, 23, 26, 700, 701, 1700]);

const RELATIONS = `
SELECT n.nspname AS "Schema", c.relname AS "Name",
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' END AS "Type"
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT c.relispartition
  AND (pg_catalog.pg_table_is_visible(c.oid) OR n.nspname = 'system')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'edge', 'pg_toast')
ORDER BY 1, 2`;

const COLUMNS = `
SELECT a.attname AS "Column", pg_catalog.format_type(a.atttypid, a.atttypmod) AS "Type",
  CASE WHEN a.attnotnull THEN 'not null' ELSE '' END AS "Nullable",
  pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS "Default"
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`;
