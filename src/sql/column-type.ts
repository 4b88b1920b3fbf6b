/**
 * Types of parameters and results: Postgres's grammar for them, read only to find where a type ends.
 * What the type means is for Postgres to say.
 */
import { OrlaError } from "../base/errors.ts";
import type { Span } from "./ast.ts";
import type { Cursor } from "./cursor.ts";

export interface TypeNode {
  /** As written, from its first token to its last. */
  readonly type: string;
  readonly span: Span;
}

const intervalFields = ["year", "month", "day", "hour", "minute", "second"];

/**
 * Words that begin a type of several words; as a parameter's name they need quotes, so that
 * `f(double precision)` is one unnamed parameter as it is in Postgres.
 */
const typeContinuations: Readonly<Record<string, readonly string[]>> = {
  double: ["precision"],
  character: ["varying"],
  char: ["varying"],
  nchar: ["varying"],
  bit: ["varying"],
  national: ["character", "char"],
  time: ["with", "without"],
  timestamp: ["with", "without"],
  interval: intervalFields,
};

/** Whether the current token and the next together begin one type. */
export function startsLongType(cursor: Cursor): boolean {
  const word = cursor.word;
  const next = cursor.peekWord();
  return word !== null && next !== null && Object.hasOwn(typeContinuations, word) &&
    (typeContinuations[word] ?? []).includes(next);
}

/** A name that the printer must quote before a type. */
export function mayStartLongType(word: string): boolean {
  return Object.hasOwn(typeContinuations, word);
}

export function parseType(cursor: Cursor): TypeNode {
  const { start } = cursor.token;
  const first = cursor.word;
  const simple = parseTypeName(cursor, first);
  if (cursor.acceptSymbol("%")) cursor.expectWord("type");
  if (cursor.isSymbol("(")) parseModifiers(cursor);
  if (simple && (first === "time" || first === "timestamp") && isTimeZone(cursor)) {
    cursor.advance();
    cursor.expectWord("time");
    cursor.expectWord("zone");
  }
  if (simple && first === "interval" && nextIs(cursor, intervalFields)) parseIntervalFields(cursor);
  parseArrayBounds(cursor);
  const span = { start, end: cursor.previousEnd };
  return { type: cursor.text.slice(span.start, span.end), span };
}

/** Returns whether the name was one unqualified word, or one of the standard's several. */
function parseTypeName(cursor: Cursor, first: string | null): boolean {
  const long = startsLongType(cursor);
  cursor.identifier("a type");
  if (first === "national" && long) {
    cursor.advance();
    cursor.acceptWord("varying");
  } else if (long && (cursor.word === "precision" || cursor.word === "varying")) cursor.advance();
  let qualified = false;
  while (cursor.acceptSymbol(".")) {
    cursor.identifier("a type");
    qualified = true;
  }
  return !qualified;
}

const unsupportedResults = ["setof", "table", "trigger", "event_trigger"];

/** The type after RETURNS. Refuses sets, and results that only Postgres itself may ask for. */
export function parseResultType(cursor: Cursor): TypeNode {
  const { start } = cursor.token;
  const word = cursor.word;
  if (word !== null && unsupportedResults.includes(word)) {
    throw new OrlaError("not_supported", `RETURNS ${word.toUpperCase()} is not supported`, {
      position: start,
      hint: "An edge function returns one value, such as JSONB.",
    });
  }
  return parseType(cursor);
}

function nextIs(cursor: Cursor, words: readonly string[]): boolean {
  const { word } = cursor;
  return word !== null && words.includes(word);
}

function isTimeZone(cursor: Cursor): boolean {
  return nextIs(cursor, ["with", "without"]) && cursor.peekWord() === "time";
}

/** `YEAR TO MONTH`, `SECOND (3)`. */
function parseIntervalFields(cursor: Cursor): void {
  cursor.advance();
  if (cursor.acceptWord("to")) {
    if (!nextIs(cursor, intervalFields)) {
      throw cursor.expected(intervalFields.map((field) => field.toUpperCase()));
    }
    cursor.advance();
  }
  if (cursor.isSymbol("(")) parseModifiers(cursor);
}

/** `(10,2)`, `(Point, 4326)`, `('a')`: flat, so that no other SQL hides in them. */
function parseModifiers(cursor: Cursor): void {
  cursor.expectSymbol("(");
  do {
    cursor.acceptSymbol("-");
    switch (cursor.token.kind) {
      case "number":
        cursor.advance();
        break;
      case "word":
      case "quoted_identifier":
        cursor.identifier("a type modifier");
        break;
      case "string":
        cursor.string("a type modifier");
        break;
      default:
        throw cursor.expected(["a type modifier"]);
    }
  } while (cursor.acceptSymbol(","));
  cursor.expectSymbol(")");
}

function parseArrayBounds(cursor: Cursor): void {
  if (cursor.acceptWord("array") && !cursor.isSymbol("[")) return;
  while (cursor.acceptSymbol("[")) {
    if (cursor.token.kind === "number") cursor.advance();
    cursor.expectSymbol("]");
  }
}
