/**
 * Values at the SQL seam. Arguments arrive as `to_jsonb` renders them, with their declared types;
 * results leave as JSON text.
 *
 * JSON numbers are parsed without loss: where a JavaScript number cannot hold the digits, the digits
 * decide (V8 hands the reviver the source text). See docs/guide.md for the table of types.
 */
import { uncurryThis } from "../../protocol/primordials.ts";
import { decodeBytes, encodeBytes } from "./bytea.ts";

const { parse, stringify } = JSON;
const { isArray } = Array;
const { isFinite, isSafeInteger } = Number;
const { keys } = Object;
const { apply } = Reflect;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
// Not `test` nor `replace`: those look up `exec` on the prototype, where anything may be.
const exec = uncurryThis(RegExp.prototype.exec);
const test = (pattern: RegExp, text: string) => exec(pattern, text) !== null;
const indexOf = uncurryThis(String.prototype.indexOf) as (text: string, part: string) => number;
const endsWith = uncurryThis(String.prototype.endsWith);
const slice = uncurryThis(String.prototype.slice);
const toText = String;
const toNumber = Number;
const toBigInt = BigInt;

/** A number in the text that a JavaScript number does not hold exactly. */
class LongNumber {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }
}

/** Fifteen digits always fit a double; only longer runs need the slow, exact way of parsing. */
const maybeLong = /\d[\d.]{14}/;

export function parseExact(text: string): unknown {
  if (!test(maybeLong, text)) return parse(text);
  return parse(text, exactNumbers as never); // the reviver's third argument is newer than the types
}

function exactNumbers(_key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== "number" || context.source === undefined) return value;
  return roundTrips(value, context.source) ? value : new LongNumber(context.source);
}

function roundTrips(value: number, digits: string): boolean {
  if (isSafeInteger(value)) return true;
  return canonical(toText(value)) === canonical(digits);
}

/** `1.10` and `1.1` are the same number. Exponents stay as they are: Postgres prints none here. */
function canonical(digits: string): string {
  if (indexOf(digits, ".") < 0) return digits;
  let end = digits.length;
  while (digits[end - 1] === "0") end--;
  return slice(digits, 0, digits[end - 1] === "." ? end - 1 : end);
}

/** Turns one parsed argument into what the function sees. */
export function decodeValue(value: unknown, type: string): unknown {
  if (value === null || value === undefined) return null;
  if (endsWith(type, "[]")) {
    if (!isArray(value)) return widen(value);
    const element = slice(type, 0, -2);
    const decoded: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      // A dimension more is an array within the array; its type is written the same.
      decoded[i] = decodeValue(value[i], isArray(value[i]) ? type : element);
    }
    return decoded;
  }
  switch (baseType(type)) {
    case "smallint":
    case "integer":
    case "real":
    case "double precision":
      return typeof value === "string" && value !== "" ? numberOr(value) : plain(value);
    case "bigint":
      if (value instanceof LongNumber) return toBigInt(value.digits);
      return typeof value === "string" ? integerOr(value) : value;
    case "numeric":
      if (value instanceof LongNumber) return value.digits;
      return value;
    case "bytea":
      return typeof value === "string" ? decodeBytes(value) : plain(value);
    case "json":
    case "jsonb":
      return plain(value);
    default:
      return widen(value);
  }
}

/** Without its modifier: `numeric(10,2)` is a numeric. */
function baseType(type: string): string {
  const modifier = indexOf(type, "(");
  const base = modifier < 0 ? type : slice(type, 0, modifier);
  switch (base) {
    case "int2":
      return "smallint";
    case "int":
    case "int4":
      return "integer";
    case "int8":
      return "bigint";
    case "float4":
      return "real";
    case "float8":
    case "float":
      return "double precision";
    case "decimal":
      return "numeric";
    default:
      return base;
  }
}

function numberOr(text: string): number | string {
  const number = toNumber(text);
  return number === number || text === "NaN" ? number : text;
}

function integerOr(text: string): unknown {
  try {
    const big = toBigInt(text);
    const number = toNumber(big);
    return isSafeInteger(number) ? number : big;
  } catch {
    return text;
  }
}

/** What `JSON.parse` alone would have made of it: json and jsonb mean just that. */
export function plain<T>(value: T): T {
  // Only numbers are replaced, by numbers.
  return mapNumbers(value, (digits) => toNumber(digits)) as T;
}

const integer = /^-?\d+$/;

/** Where no type says more (composites, domains): integers become BigInt, decimals stay text. */
function widen(value: unknown): unknown {
  return mapNumbers(value, (digits) => test(integer, digits) ? toBigInt(digits) : digits);
}

function mapNumbers(value: unknown, convert: (digits: string) => unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof LongNumber) return convert(value.digits);
  const container = value as Record<string, unknown>;
  const names = keys(container);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string; // in range
    const inner = container[name];
    if (typeof inner === "object" && inner !== null) container[name] = mapNumbers(inner, convert);
  }
  return value;
}

/** JSON text of a result. Throws for what JSON cannot say, such as a circle. */
export function encodeResult(value: unknown): string {
  return encode(value, encodeInner);
}

/** The same for SQL to read as some type, whose numbers have NaN and the infinities, by name. */
export function encodeTypedResult(value: unknown): string {
  return encode(value, encodeTypedInner);
}

function encode(value: unknown, inner: typeof encodeInner): string {
  switch (typeof value) {
    case "boolean":
      return value ? "true" : "false";
    case "string":
      return stringify(value);
    default:
      return stringify(value, inner) ?? "null";
  }
}

function encodeInner(this: Record<string, unknown>, key: string, value: unknown): unknown {
  if (typeof value === "bigint") return rawJson(toText(value));
  // Asked of the holder, because a Buffer has already been through its own toJSON.
  const original = this[key];
  if (typeof original === "object" && original !== null) return encodeBytes(original) ?? value;
  return value;
}

function encodeTypedInner(this: Record<string, unknown>, key: string, value: unknown): unknown {
  if (typeof value === "number") return isFinite(value) ? value : toText(value);
  return apply(encodeInner, this, [key, value]);
}
