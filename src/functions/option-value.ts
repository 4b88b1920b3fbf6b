/** One option's value: from what was written to what it means, by the option's type. */
import { closestName } from "../base/closest-name.ts";
import { MAX_NET_RULES, parseNetRule } from "./net-rule.ts";
import type { OptionType } from "./option-table.ts";

/** A value as the SQL parser or a JSON body has it. Units stay attached to numbers. */
export type RawValue =
  | { readonly kind: "number"; readonly text: string; readonly unit: string | null }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "word"; readonly value: string }
  | { readonly kind: "list"; readonly items: readonly string[] };

export type ParsedValue =
  | number
  | string
  | boolean
  | null
  | readonly string[]
  | Readonly<Record<string, string>>;

/** Why a value cannot be: a sentence that goes on from the option's name. */
export class ValueError {
  readonly message: string;
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    this.message = message;
    this.hint = hint;
  }
}

/** Durations come out in milliseconds. */
export function parseValue(type: OptionType, raw: RawValue): ParsedValue | ValueError {
  switch (type.kind) {
    case "size":
      return parseSize(type, raw);
    case "duration":
      return type.nullable === true && isNull(raw) ? null : parseDuration(type, raw);
    case "integer":
      return parseNumber(type, raw, true);
    case "number":
      return parseNumber(type, raw, false);
    case "percent":
      return isNull(raw) ? null : parseNumber(type, raw, false);
    case "boolean":
      return type.nullable === true && isNull(raw) ? null : parseBoolean(raw);
    case "choice":
      return parseChoice(type.choices, raw);
    case "text":
      return parseText(type, raw);
    case "list":
      return raw.kind === "list" ? raw.items : takes("a list such as ('a', 'b')", raw);
    case "net-rules":
      return parseRules(raw);
    case "object":
      return parseObject(raw);
    case "variables":
      return parseVariables(raw);
  }
}

/** `16MB`, `4GB`: bytes in the largest unit that keeps them whole. */
export function formatSize(bytes: number): string {
  for (const [unit, factor] of [["GB", 2 ** 30], ["MB", 2 ** 20], ["KB", 2 ** 10]] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}

/** `15min`, `30s`, `1ms`. */
export function formatDuration(ms: number): string {
  if (ms > 0 && ms % 60_000 === 0) return `${ms / 60_000}min`;
  return ms > 0 && ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** The values a type takes, for people. */
export function describeType(type: OptionType): string {
  switch (type.kind) {
    case "size":
      return `size from ${formatSize(type.min)} to ${formatSize(type.max)}`;
    case "duration":
      return `duration from ${formatDuration(type.min)} to ${formatDuration(type.max)}`;
    case "integer":
    case "number":
      return `${type.kind} from ${type.min} to ${type.max}`;
    case "choice":
      return type.choices.map((choice) => `'${choice}'`).join(" | ");
    case "text":
      return `text of at most ${type.maxLength} characters`;
    case "percent":
      return `number from ${type.min} to ${type.max}, or NULL`;
    case "object":
      return "JSON object";
    case "variables":
      return "JSON object of names and values";
    case "net-rules":
      return "list of destinations";
    case "boolean":
    case "list":
      return type.kind;
  }
}

const sizeUnits: ReadonlyMap<string, number> = new Map([
  ["b", 1],
  ["kb", 2 ** 10],
  ["kib", 2 ** 10],
  ["mb", 2 ** 20],
  ["mib", 2 ** 20],
  ["gb", 2 ** 30],
  ["gib", 2 ** 30],
]);

const durationUnits: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["sec", 1000],
  ["second", 1000],
  ["seconds", 1000],
  ["min", 60_000],
  ["minute", 60_000],
  ["minutes", 60_000],
  ["h", 3_600_000],
  ["hour", 3_600_000],
  ["hours", 3_600_000],
  ["d", 86_400_000],
  ["day", 86_400_000],
  ["days", 86_400_000],
]);

function parseSize(
  type: { readonly min: number; readonly max: number; readonly in: "bytes" | "megabytes" },
  raw: RawValue,
): number | ValueError {
  const quantity = readQuantity(raw);
  if (quantity === undefined) return takes("a size such as 256MB", raw);
  const factor = sizeUnits.get(
    quantity.unit?.toLowerCase() ?? (type.in === "bytes" ? "b" : "mb"),
  );
  if (factor === undefined) return unknownUnit(quantity.unit, "B, KB, MB or GB");
  const bytes = quantity.number * factor;
  if (bytes < type.min || bytes > type.max) {
    return outOfRange(formatSize(type.min), formatSize(type.max), raw);
  }
  if (type.in === "bytes") return Math.round(bytes);
  if (bytes % 2 ** 20 !== 0) {
    return new ValueError(`must be a whole number of megabytes, got ${written(raw)}`);
  }
  return bytes / 2 ** 20;
}

function parseDuration(
  type: { readonly min: number; readonly max: number; readonly plainUnit: number },
  raw: RawValue,
): number | ValueError {
  const quantity = readQuantity(raw);
  if (quantity === undefined) return takes("a duration such as 5000 (ms), 30s or 2min", raw);
  const factor = quantity.unit === null
    ? type.plainUnit
    : durationUnits.get(quantity.unit.toLowerCase());
  if (factor === undefined) return unknownUnit(quantity.unit, "ms, s, min, h or d");
  const ms = quantity.number * factor;
  if (ms < type.min || ms > type.max) {
    return outOfRange(formatDuration(type.min), formatDuration(type.max), raw);
  }
  if (!Number.isInteger(ms)) {
    return new ValueError(`must be a whole number of milliseconds, got ${written(raw)}`);
  }
  return ms;
}

function parseNumber(
  type: { readonly min: number; readonly max: number },
  raw: RawValue,
  whole: boolean,
): number | ValueError {
  const quantity = readQuantity(raw);
  if (quantity === undefined || (whole && !Number.isInteger(quantity.number))) {
    return takes(whole ? "a whole number" : "a number", raw);
  }
  if (quantity.unit !== null) return new ValueError(`has no unit, got ${written(raw)}`);
  if (quantity.number < type.min || quantity.number > type.max) {
    return outOfRange(String(type.min), String(type.max), raw);
  }
  return quantity.number;
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["on", true],
  ["yes", true],
  ["false", false],
  ["off", false],
  ["no", false],
]);

function parseBoolean(raw: RawValue): boolean | ValueError {
  if (raw.kind === "boolean") return raw.value;
  const word = readWord(raw)?.toLowerCase() ?? "";
  return booleans.get(word) ?? takes("true or false", raw);
}

function parseChoice(choices: readonly string[], raw: RawValue): string | ValueError {
  const word = readWord(raw)?.toLowerCase() ?? "";
  if (choices.includes(word)) return word;
  const quoted = choices.map((choice) => `'${choice}'`);
  const guess = closestName(word, choices);
  return new ValueError(
    `must be ${quoted.slice(0, -1).join(", ")} or ${quoted[quoted.length - 1]}, got ${
      written(raw)
    }`,
    guess && `Did you mean '${guess}'?`,
  );
}

function parseText(
  type: { readonly maxLength: number; readonly nullable: boolean },
  raw: RawValue,
): string | null | ValueError {
  if (type.nullable && raw.kind === "word" && raw.value === "null") return null;
  if (raw.kind !== "string") return takes("a string", raw);
  if (raw.value.includes("\0")) return new ValueError("must not hold a NUL character");
  if (raw.value.length <= type.maxLength) return raw.value;
  return new ValueError(
    `must have at most ${type.maxLength} characters, got ${raw.value.length}`,
  );
}

function parseObject(raw: RawValue): string | ValueError {
  if (raw.kind !== "string") return takes("a JSON object in a string", raw);
  try {
    const parsed: unknown = JSON.parse(raw.value);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return raw.value;
  } catch {
    // Said below: not JSON, or not an object, is the same mistake to the writer.
  }
  return takes("a JSON object in a string", raw);
}

/** Names of POSIX, "Environment Variable Definition". */
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

function parseVariables(raw: RawValue): Readonly<Record<string, string>> | ValueError {
  const object = parseObject(raw);
  if (typeof object !== "string") return object;
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries<unknown>(JSON.parse(object))) {
    if (!variableName.test(name)) {
      return new ValueError(`has the name "${cut(name)}", which no environment variable can have`);
    }
    if (typeof value === "object") return new ValueError(`has no text as the value of ${name}`);
    const text = String(value);
    if (text.includes("\0")) return new ValueError(`has a NUL character in the value of ${name}`);
    variables[name] = text;
  }
  return variables;
}

/** The word, not a string. */
function isNull(raw: RawValue): boolean {
  return raw.kind === "word" && raw.value === "null";
}

/** In their canonical spelling, each once. */
function parseRules(raw: RawValue): readonly string[] | ValueError {
  if (raw.kind !== "list") return takes("a list such as ('api.internal:8080', '10.0.0.0/8')", raw);
  if (raw.items.length > MAX_NET_RULES) {
    return new ValueError(`has at most ${MAX_NET_RULES} entries, got ${raw.items.length}`);
  }
  const rules = new Set<string>();
  for (const written of raw.items) {
    const rule = parseNetRule(written);
    if (typeof rule === "string") return new ValueError(`has a wrong entry: ${rule}`);
    rules.add(rule.text);
  }
  return [...rules];
}

/** A number with its unit; a string may hold one too: `'256MB'`. */
function readQuantity(raw: RawValue): { number: number; unit: string | null } | undefined {
  if (raw.kind === "number") return { number: Number(raw.text), unit: raw.unit };
  if (raw.kind !== "string" || raw.value.length > 40) return undefined;
  const match = /^\s*([+-]?\d+(?:\.\d+)?)\s*([A-Za-z]+)?\s*$/.exec(raw.value);
  return match === null ? undefined : { number: Number(match[1]), unit: match[2] ?? null };
}

function readWord(raw: RawValue): string | undefined {
  return raw.kind === "word" || raw.kind === "string" ? raw.value : undefined;
}

function takes(what: string, raw: RawValue): ValueError {
  return new ValueError(`takes ${what}, got ${written(raw)}`);
}

function outOfRange(min: string, max: string, raw: RawValue): ValueError {
  return new ValueError(`must be between ${min} and ${max}, got ${written(raw)}`);
}

function unknownUnit(unit: string | null, units: string): ValueError {
  return new ValueError(`has no unit "${unit}"`, `Its units are ${units}.`);
}

/** The value as its author wrote it, cut to a line. */
function written(raw: RawValue): string {
  switch (raw.kind) {
    case "number":
      return `${raw.text}${raw.unit ?? ""}`;
    case "string":
      return `'${cut(raw.value)}'`;
    case "boolean":
      return String(raw.value);
    case "word":
      return cut(raw.value);
    case "list":
      return "a list";
  }
}

function cut(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
