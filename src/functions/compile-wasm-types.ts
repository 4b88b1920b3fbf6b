/** Which SQL types go with which of WebAssembly's. */
import type { WasmNumberType, WasmScalar, WasmTextForm } from "../protocol/wasm-plan.ts";
import type { ValueType } from "./compile-wasm-binary.ts";

export function isNumber(type: ValueType): type is WasmNumberType {
  return type === "i32" || type === "i64" || type === "f32" || type === "f64";
}

/** Types that hold every value of the SQL type. */
export const argumentTypes: Readonly<Record<WasmScalar, readonly WasmNumberType[]>> = {
  smallint: ["i32", "i64", "f32", "f64"],
  integer: ["i32", "i64", "f64"],
  bigint: ["i64"],
  real: ["f32", "f64"],
  double: ["f64"],
  boolean: ["i32"],
  number: [],
};

/** Types whose values can be values of the SQL type; those that are out of its range fail the call. */
export const resultTypes: Readonly<Record<WasmScalar, readonly WasmNumberType[]>> = {
  smallint: ["i32", "i64"],
  integer: ["i32", "i64"],
  bigint: ["i32", "i64"],
  real: ["f32", "f64", "i32"],
  double: ["f32", "f64", "i32"],
  boolean: ["i32"],
  number: ["i32", "i64", "f32", "f64"],
};

const scalars: ReadonlyMap<string, WasmScalar> = new Map([
  ["smallint", "smallint"],
  ["int2", "smallint"],
  ["integer", "integer"],
  ["int", "integer"],
  ["int4", "integer"],
  ["bigint", "bigint"],
  ["int8", "bigint"],
  ["real", "real"],
  ["float4", "real"],
  ["double precision", "double"],
  ["float8", "double"],
  ["float", "double"],
  ["boolean", "boolean"],
  ["bool", "boolean"],
  ["numeric", "number"],
  ["decimal", "number"],
  ["json", "number"],
  ["jsonb", "number"],
]);

/** `number`: a type whose values may be numbers, but are not all numbers of WebAssembly. */
export function scalarOf(type: string | null): WasmScalar | null {
  return type === null ? "number" : scalars.get(plainType(type)) ?? null;
}

const rawText = new Set(
  ("text varchar character bpchar char name uuid date time timetz timestamp timestamptz interval " +
    "numeric decimal inet cidr macaddr xml citext").split(" "),
);

export function textForm(type: string | null): WasmTextForm {
  if (type === null) return "json";
  const plain = plainType(type);
  if (plain.endsWith("[]")) return "json";
  if (plain === "json" || plain === "jsonb") return "json";
  if (plain === "bytea") return "bytes";
  const [first = ""] = plain.split(" ");
  if (rawText.has(first)) return "text";
  return scalars.has(plain) ? "json" : "any";
}

/** As written by people: any case, modifiers, and perhaps the schema. */
function plainType(type: string): string {
  return type.toLowerCase().replace(/\([^)]*\)/g, "").replace(/^\s*pg_catalog\s*\.\s*/, "")
    .replaceAll('"', "").replace(/\s+/g, " ").trim();
}
