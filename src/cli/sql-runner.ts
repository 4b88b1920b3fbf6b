/** Runs SQL on one connection and prints what comes back, much as psql does. */
import type pg from "pg";
import { splitStatements } from "../sql/split.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { formatError, isSqlError } from "./sql-error.ts";
import { formatTable } from "./sql-table.ts";
import { print, printError } from "./terminal.ts";

/** Values stay the text that Postgres sent. */
const asText = { getTypeParser: () => (value: unknown) => value };

export class SqlRunner {
  readonly #client: pg.Client;

  constructor(client: pg.Client) {
    this.#client = client;
    client.on("notice", (notice) => {
      printError(`${notice.severity ?? "NOTICE"}:  ${notice.message ?? ""}`);
      if (notice.hint !== undefined) printError(`HINT:  ${notice.hint}`);
    });
  }

  /** One query string. `false` when it failed, which has been printed then. */
  async run(text: string): Promise<boolean> {
    try {
      const answer: unknown = await this.#client.query({ text, rowMode: "array", types: asText });
      // Several statements in one string answer with several results, which pg's types do not say.
      for (const result of Array.isArray(answer) ? answer : [answer]) printResult(result);
      return true;
    } catch (thrown) {
      if (!isSqlError(thrown)) throw thrown;
      printError(formatError(thrown, text));
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

function printResult(result: pg.QueryArrayResult): void {
  if (result.fields.length === 0) {
    if (result.command !== null) print(commandTag(result));
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

/** pg keeps the words and the count of a tag such as `INSERT 0 3` apart. */
function commandTag({ command, rowCount, oid }: pg.QueryArrayResult): string {
  const withOid = command === "INSERT" ? ` ${oid ?? 0}` : "";
  return rowCount === null ? command : `${command}${withOid} ${rowCount}`;
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
