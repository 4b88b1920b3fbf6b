/** Parameters as functions send them, and as Postgres reads them: text. */
import { z } from "zod";
import type { TypeCatalog } from "./type-catalog.ts";

/** A list or an object, as its JSON text. */
const jsonParameter = z.strictObject({ json: z.string() });

export const parameterSchema = z.union([
  z.null(),
  z.string(),
  z.number(),
  z.boolean(),
  jsonParameter,
]);

export type Parameter = z.infer<typeof parameterSchema>;

export const paramsSchema = z.union([
  z.array(parameterSchema),
  z.record(z.string(), parameterSchema),
]);

/** Whether what it becomes depends on the type its place wants. */
export function needsType(parameter: Parameter): boolean {
  return typeof parameter === "object" && parameter !== null && /^\s*\[/.test(parameter.json);
}

/** `typeId` is the type of the place; `undefined` when nothing depends on it. */
export function parameterText(
  parameter: Parameter,
  typeId: number | undefined,
  types: TypeCatalog,
): string | null {
  if (parameter === null) return null;
  if (typeof parameter !== "object") return String(parameter);
  if (typeId === undefined || !types.isArray(typeId)) return parameter.json;
  return arrayLiteral(JSON.parse(parameter.json, keepDigits as never)); // see keepDigits
}

/** A number with the digits it was written with. */
class Digits {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The third argument is newer than the types of JSON.parse know. */
function keepDigits(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  return typeof value === "number" ? new Digits(context.source ?? String(value)) : value;
}

function arrayLiteral(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  if (Array.isArray(value)) return `{${value.map(arrayLiteral).join(",")}}`;
  if (value instanceof Digits) return value.text;
  return quoteElement(typeof value === "object" ? jsonOf(value) : String(value));
}

function quoteElement(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function jsonOf(value: unknown): string {
  if (value instanceof Digits) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, inner]) =>
    `${JSON.stringify(key)}:${jsonOf(inner)}`
  );
  return `{${members.join(",")}}`;
}
