/** Results as JSON text, value by value as `to_jsonb` renders them. */
import { setImmediate } from "node:timers/promises";
import type { Field, RunResult } from "./portal-run.ts";
import type { TypeCatalog } from "./type-catalog.ts";

/** Rows turned at a stretch: the node has other things to do as well. */
const ROWS_AT_ONCE = 1000;

export async function resultToJson(result: RunResult, types: TypeCatalog): Promise<string> {
  const { tag, fields, rows } = result;
  await types.load(fields?.map(({ dataTypeID }) => dataTypeID) ?? []);
  const parts = [
    `"command":${JSON.stringify(commandOf(tag))}`,
    `"rowCount":${rowCountOf(tag)}`,
    `"fields":${fieldsToJson(fields ?? [], types)}`,
    `"rows":${await rowsToJson(rows, fields ?? [], types)}`,
  ];
  return `{${parts.join(",")}}`;
}

/** The types must have been loaded. */
export function fieldsToJson(fields: readonly Field[], types: TypeCatalog): string {
  return JSON.stringify(fields.map(({ name, dataTypeID }) => ({
    name,
    type: types.nameOf(dataTypeID),
    typeId: dataTypeID,
  })));
}

/** The types must have been loaded. */
export async function rowsToJson(
  rows: RunResult["rows"],
  fields: readonly Field[],
  types: TypeCatalog,
): Promise<string> {
  const columns = fields.map(({ dataTypeID }) => types.toJson(dataTypeID));
  const texts: string[] = [];
  for (const row of rows) {
    let text = "[";
    for (const [index, toJson] of columns.entries()) {
      const value = row[index] ?? null;
      text += `${index === 0 ? "" : ","}${value === null ? "null" : toJson(value)}`;
    }
    texts.push(`${text}]`);
    if (texts.length % ROWS_AT_ONCE === 0) await setImmediate();
  }
  return `[${texts.join(",")}]`;
}

/** `INSERT` of `INSERT 0 1`, `CREATE TABLE` of itself, nothing of an empty statement. */
function commandOf(tag: string | null): string {
  return (tag ?? "").replace(/( \d+)+$/, "");
}

function rowCountOf(tag: string | null): number | null {
  const count = /(\d+)$/.exec(tag ?? "")?.[1];
  return count === undefined ? null : Number(count);
}
