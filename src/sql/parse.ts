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
} from "./ast.ts";
import { classify, type StatementParser } from "./classify.ts";
import { Cursor } from "./cursor.ts";
import { parseAlter, parseCreate, refuseSignature } from "./function-definition.ts";
import type { LexerOptions } from "./lexer.ts";
import { type Piece, splitStatements } from "./split.ts";

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
  const cursor = afterVerb(text, piece, options);
  const { start } = piece.tokens;
  cursor.advance(); // FUNCTION or FUNCTIONS
  switch (parser) {
    case "create":
      return parseCreate(cursor, start, piece.head[1] === "or");
    case "alter":
      return parseAlter(cursor, start);
    case "drop":
      return parseDrop(cursor, start);
    case "list":
      return parseList(cursor, start);
    case "execute":
      return parseExecute(cursor, start);
    case "rollback":
      return parseRollback(cursor, start);
  }
}

/** A cursor at the word after EDGE. */
function afterVerb(text: string, piece: Piece, options: LexerOptions): Cursor {
  const cursor = new Cursor(text, piece.tokens, options);
  while (!cursor.acceptWord("edge")) cursor.advance();
  return cursor;
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

function parseList(cursor: Cursor, start: number): ListObjects {
  let where: ListObjects["where"] = null;
  if (!cursor.atEnd) {
    cursor.expectWord("where");
    if (cursor.atEnd) throw cursor.expected(["a condition"]);
    where = parseRaw(cursor, () => cursor.atEnd);
  }
  return { kind: "list", objects: "functions", where, span: spanFrom(cursor, start) };
}

function parseExecute(cursor: Cursor, start: number): ExecuteFunction {
  const name = cursor.qualifiedName("a function name");
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
  const { token } = cursor;
  const versionSpan: Span = { start: token.start, end: token.end };
  const digits = cursor.text.slice(token.start, token.end);
  if (token.kind !== "number") throw cursor.expected(["a version number"]);
  const version = Number(digits);
  if (!/^\d+$/.test(digits) || version < 1 || version > maxVersion) {
    throw cursor.error("a version is a whole number from 1 up", token.start);
  }
  cursor.advance();
  cursor.expectEnd();
  const span = spanFrom(cursor, start);
  return { kind: "rollback_function", name, version, versionSpan, span };
}

/** SQL for Postgres to read, up to where `ends` says outside parentheses. These must balance. */
function parseRaw(cursor: Cursor, ends: () => boolean): { text: string; span: Span } {
  const { start } = cursor.token;
  let end = start;
  let depth = 0;
  while (!cursor.atEnd && !(depth === 0 && ends())) {
    if (cursor.isSymbol("(")) depth++;
    else if (cursor.isSymbol(")") && --depth < 0) {
      throw cursor.error('")" has no "("', cursor.token.start);
    }
    end = cursor.advance().end;
  }
  if (depth > 0) throw cursor.expected(['")"']);
  return { text: cursor.text.slice(start, end), span: { start, end } };
}

function spanFrom(cursor: Cursor, start: number): Span {
  return { start, end: cursor.previousEnd };
}
