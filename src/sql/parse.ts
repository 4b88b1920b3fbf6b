/**
 * The edge dialect: the SQL statements that Orla adds to Postgres's own.
 *
 * `parseStatements` cuts a query string into statements, leaves Postgres's alone and reads ours.
 * Everything here is pure and linear in the length of the text: each character is looked at a fixed
 * number of times (once to split, once more in a statement of ours), whatever it is.
 */
import { OrlaError } from "../base/errors.ts";
import type {
  DropFunction,
  EdgeStatement,
  ExecuteFunction,
  ListObjects,
  QualifiedName,
  RollbackFunction,
  Span,
  Statement,
  WarmFunction,
} from "./ast.ts";
import { classify, type StatementParser } from "./classify.ts";
import { Cursor } from "./cursor.ts";
import { parseAlter, parseCreate, refuseSignature } from "./function-definition.ts";
import type { LexerOptions } from "./lexer.ts";
import { parseRaw } from "./raw-text.ts";
import { type Piece, splitStatements } from "./split.ts";
import type { PlacedText, ReplayExecution } from "./trigger-ast.ts";
import {
  parseAlterTrigger,
  parseCreateTrigger,
  parseDropTrigger,
  parseFireTrigger,
  parseSwitchTrigger,
  parseText,
} from "./trigger-definition.ts";

/** Versions are Postgres integers. */
const maxVersion = 2 ** 31 - 1;

/**
 * The statements of a query string, in order; those of only whitespace and comments are left out.
 *
 * A `Statement`'s span reaches from one `;` to the next, comments included, so that slices of plain
 * statements are what the client wrote. Throws {@link OrlaError} with a position when a statement of
 * the dialect is malformed (`syntax_error`) or not available in this release (`not_supported`);
 * never because of anything in a plain one.
 */
export function parseStatements(text: string, options: LexerOptions = {}): Statement[] {
  return splitStatements(text, options).map((piece): Statement => {
    const found = classify(piece);
    switch (found.kind) {
      case "plain":
        return { kind: "plain", span: piece.span };
      case "edge": {
        const statement = parseEdge(text, piece, found.parser, options);
        return { kind: "edge", statement, span: piece.span };
      }
      case "unsupported":
        throw new OrlaError("not_supported", `${found.name} is not supported yet`, {
          position: found.position,
        });
      case "unknown":
        throw afterVerb(text, piece, options).expected(found.expected);
    }
  });
}

function parseEdge(
  text: string,
  piece: Piece,
  parser: StatementParser,
  options: LexerOptions,
): EdgeStatement {
  const { start } = piece.tokens;
  const orReplace = piece.head[1] === "or";
  const cursor = isAboutTrigger(parser)
    ? afterWord("trigger", text, piece, options)
    : afterVerb(text, piece, options);
  if (!isAboutTrigger(parser)) cursor.advance(); // FUNCTION, FUNCTIONS or TRIGGERS
  switch (parser) {
    case "create_trigger":
      return parseCreateTrigger(cursor, start, orReplace);
    case "alter_trigger":
      return parseAlterTrigger(cursor, start);
    case "drop_trigger":
      return parseDropTrigger(cursor, start);
    case "enable_trigger":
    case "disable_trigger":
      return parseSwitchTrigger(cursor, start, parser === "enable_trigger");
    case "execute_trigger":
      return parseFireTrigger(cursor, start);
    case "create":
      return parseCreate(cursor, start, orReplace);
    case "alter":
      return parseAlter(cursor, start);
    case "drop":
      return parseDrop(cursor, start);
    case "list":
      return parseList(cursor, start, piece.head[2] === "triggers" ? "triggers" : "functions");
    case "execute":
      return parseExecute(cursor, start);
    case "rollback":
      return parseRollback(cursor, start);
    case "warm":
      return parseWarm(cursor, start);
  }
}

/** A cursor at the word after EDGE. */
function afterVerb(text: string, piece: Piece, options: LexerOptions): Cursor {
  return afterWord("edge", text, piece, options);
}

function afterWord(word: string, text: string, piece: Piece, options: LexerOptions): Cursor {
  const cursor = new Cursor(text, piece.tokens, options);
  while (!cursor.acceptWord(word)) cursor.advance();
  return cursor;
}

function isAboutTrigger(parser: StatementParser): boolean {
  return parser.endsWith("_trigger");
}

function parseDrop(cursor: Cursor, start: number): DropFunction {
  const ifExists = cursor.word === "if" && cursor.peekWord() === "exists";
  if (ifExists) {
    cursor.advance();
    cursor.advance();
  }
  const names: QualifiedName[] = [];
  do {
    names.push(cursor.qualifiedName("a function name"));
    refuseSignature(cursor);
  } while (cursor.acceptSymbol(","));
  let behavior: DropFunction["behavior"] = "restrict";
  if (cursor.acceptWord("cascade")) behavior = "cascade";
  else if (!cursor.acceptWord("restrict") && !cursor.atEnd) {
    throw cursor.expected(['","', "CASCADE", "RESTRICT"]);
  }
  cursor.expectEnd();
  return { kind: "drop_function", ifExists, names, behavior, span: spanFrom(cursor, start) };
}

function parseList(
  cursor: Cursor,
  start: number,
  objects: ListObjects["objects"],
): ListObjects {
  let where: ListObjects["where"] = null;
  if (!cursor.atEnd) {
    cursor.expectWord("where");
    if (cursor.atEnd) throw cursor.expected(["a condition"]);
    where = parseRaw(cursor, () => cursor.atEnd);
  }
  return { kind: "list", objects, where, span: spanFrom(cursor, start) };
}

function parseExecute(cursor: Cursor, start: number): ExecuteFunction | ReplayExecution {
  const name = cursor.qualifiedName("a function name");
  if (cursor.acceptWord("replay")) return parseReplay(cursor, start, name);
  const open = cursor.expectSymbol("(");
  parseRaw(cursor, () => cursor.isSymbol(")"));
  const close = cursor.expectSymbol(")");
  cursor.expectEnd();
  // All between the parentheses: a line comment there keeps its line break.
  const span = { start: open.end, end: close.start };
  const text = cursor.text.slice(span.start, span.end);
  return {
    kind: "execute_function",
    name,
    arguments: { text, span },
    span: spanFrom(cursor, start),
  };
}

function parseRollback(cursor: Cursor, start: number): RollbackFunction {
  const name = cursor.qualifiedName("a function name");
  refuseSignature(cursor);
  cursor.expectWord("to");
  cursor.expectWord("version");
  const { version, span: versionSpan } = parseVersion(cursor);
  cursor.expectEnd();
  const span = spanFrom(cursor, start);
  return { kind: "rollback_function", name, version, versionSpan, span };
}

function parseWarm(cursor: Cursor, start: number): WarmFunction {
  const name = cursor.qualifiedName("a function name");
  refuseSignature(cursor);
  let regions: PlacedText[] | null = null;
  if (cursor.acceptWord("in")) {
    cursor.expectWord("regions");
    cursor.expectSymbol("(");
    regions = [];
    do {
      regions.push(parseText(cursor, "a region in quotes"));
    } while (cursor.acceptSymbol(","));
    if (!cursor.acceptSymbol(")")) throw cursor.expected(['","', '")"']);
  } else if (!cursor.atEnd) throw cursor.expected(["IN REGIONS", "the end of the statement"]);
  cursor.expectEnd();
  return { kind: "warm_function", name, regions, span: spanFrom(cursor, start) };
}

/** The cursor stands after REPLAY. */
function parseReplay(cursor: Cursor, start: number, name: QualifiedName): ReplayExecution {
  const executionId = parseText(cursor, "an execution id in quotes");
  const version = cursor.acceptWord("version") ? parseVersion(cursor).version : null;
  cursor.expectEnd();
  return { kind: "replay_execution", name, executionId, version, span: spanFrom(cursor, start) };
}

function parseVersion(cursor: Cursor): { version: number; span: Span } {
  const { token } = cursor;
  const span = { start: token.start, end: token.end };
  const digits = cursor.text.slice(token.start, token.end);
  if (token.kind !== "number") throw cursor.expected(["a version number"]);
  const version = Number(digits);
  if (!/^\d+$/.test(digits) || version < 1 || version > maxVersion) {
    throw cursor.error("a version is a whole number from 1 up", token.start);
  }
  cursor.advance();
  return { version, span };
}

function spanFrom(cursor: Cursor, start: number): Span {
  return { start, end: cursor.previousEnd };
}
