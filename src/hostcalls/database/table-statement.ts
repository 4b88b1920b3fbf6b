/** INSERT, SELECT, UPDATE and DELETE from their parts. Names are quoted, values are parameters. */
import { z } from "zod";
import { OrlaError } from "../../base/errors.ts";
import { type Parameter, parameterSchema, paramsSchema } from "./parameter.ts";
import { type NumberedStatement, numberPlaceholders } from "./placeholders.ts";

const name = z.string().min(1).max(200);
const columns = z.record(name, parameterSchema);
const where = z.union([z.string(), columns]);

export const insertSchema = { table: name, rows: z.array(columns).min(1) };
export const selectSchema = {
  table: name,
  where: where.optional(),
  params: paramsSchema.optional(),
};
export const updateSchema = { table: name, set: columns, where, params: paramsSchema.optional() };
export const removeSchema = { table: name, where, params: paramsSchema.optional() };

type Where = z.infer<typeof where>;
type Params = z.infer<typeof paramsSchema>;
type Statement = NumberedStatement<Parameter>;

export function insertStatement(
  table: string,
  rows: readonly Record<string, Parameter>[],
): Statement {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const params: Parameter[] = [];
  const place = (row: Record<string, Parameter>, column: string) =>
    // A column that only other rows have keeps its default.
    Object.hasOwn(row, column) ? `$${params.push(row[column] ?? null)}` : "DEFAULT";
  const values = rows.map((row) => `(${names.map((column) => place(row, column)).join(", ")})`);
  const target = quoteTable(table);
  const sql = names.length > 0
    ? `INSERT INTO ${target} (${names.map(quoteName).join(", ")}) VALUES ${
      values.join(", ")
    } RETURNING *`
    : `INSERT INTO ${target} DEFAULT VALUES RETURNING *`;
  if (names.length === 0 && rows.length > 1) {
    throw new OrlaError("invalid_request", "db.insert: rows without columns go one at a time");
  }
  return { sql, params };
}

export function selectStatement(table: string, where?: Where, params?: Params): Statement {
  const condition = where === undefined ? undefined : conditionOf(where, params);
  const rest = condition === undefined ? "" : ` WHERE ${condition.sql}`;
  return { sql: `SELECT * FROM ${quoteTable(table)}${rest}`, params: condition?.params ?? [] };
}

export function updateStatement(
  table: string,
  set: Readonly<Record<string, Parameter>>,
  where: Where,
  params?: Params,
): Statement {
  const condition = required("db.update", where, params);
  const all = [...condition.params];
  const assignments = Object.entries(set).map(([column, value]) =>
    `${quoteName(column)} = $${all.push(value)}`
  );
  if (assignments.length === 0) {
    throw new OrlaError("invalid_request", "db.update: there are no columns to set");
  }
  const sql = `UPDATE ${quoteTable(table)} SET ${assignments.join(", ")} WHERE ${condition.sql}`;
  return { sql, params: all };
}

export function removeStatement(table: string, where: Where, params?: Params): Statement {
  const condition = required("db.remove", where, params);
  return {
    sql: `DELETE FROM ${quoteTable(table)} WHERE ${condition.sql}`,
    params: condition.params,
  };
}

/** Forgetting the condition must not cost the table. */
function required(op: string, where: Where, params?: Params): Statement {
  const condition = conditionOf(where, params);
  if (condition !== undefined) return condition;
  throw new OrlaError("invalid_request", `${op} needs a condition, and this one is empty`, {
    hint: 'Write "true" where all rows are meant.',
  });
}

function conditionOf(where: Where, params: Params = []): Statement | undefined {
  if (typeof where === "string") {
    if (where.trim() === "") return undefined;
    const { sql, params: numbered } = numberPlaceholders(where, params);
    // On a line of its own, so that a comment in it ends before the parenthesis.
    return { sql: `(${sql}\n)`, params: numbered };
  }
  const values: Parameter[] = [];
  const conditions = Object.entries(where).map(([column, value]) => {
    const quoted = quoteName(column);
    if (value === null) return `${quoted} IS NULL`;
    const isList = typeof value === "object" && value.json.trimStart().startsWith("[");
    return isList
      ? `${quoted} = ANY ($${values.push(value)})`
      : `${quoted} = $${values.push(value)}`;
  });
  return conditions.length === 0 ? undefined : { sql: conditions.join(" AND "), params: values };
}

function quoteTable(table: string): string {
  const dot = table.indexOf(".");
  if (dot < 0) return quoteName(table);
  return `${quoteName(table.slice(0, dot))}.${quoteName(table.slice(dot + 1))}`;
}

export function quoteName(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
