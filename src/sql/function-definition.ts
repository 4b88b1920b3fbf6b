/** CREATE EDGE FUNCTION and ALTER EDGE FUNCTION. */
import { OrlaError } from "../base/errors.ts";
import { closestName } from "../base/closest-name.ts";
import type { AlterFunction, CodeNode, CreateFunction, ParameterNode } from "./ast.ts";
import { parseResultType } from "./column-type.ts";
import type { Cursor } from "./cursor.ts";
import { parseParameters } from "./function-signature.ts";
import { foldCase } from "./lexer.ts";
import { OptionList } from "./option-clause.ts";

/** Attributes of CREATE FUNCTION that mean nothing here; said aloud rather than misread as options. */
const postgresAttributes = new Set(
  ("immutable stable volatile strict leakproof not called security external cost rows support " +
    "parallel transform window set with return begin").split(" "),
);

/** What may follow the signature. */
type Clauses = Omit<CreateFunction, "kind" | "orReplace" | "name" | "parameters" | "span">;

/** The cursor stands after FUNCTION. */
export function parseCreate(cursor: Cursor, start: number, orReplace: boolean): CreateFunction {
  refuseIfNotExists(cursor);
  const name = cursor.qualifiedName("a function name");
  let parameters: ParameterNode[] | null = null;
  if (cursor.isSymbol("(")) parameters = parseParameters(cursor);
  const clauses = parseClauses(cursor);
  const span = { start, end: cursor.previousEnd };
  return { kind: "create_function", orReplace, name, parameters, ...clauses, span };
}

/** RETURNS, LANGUAGE, AS and options, in any order, with or without commas between. */
function parseClauses(cursor: Cursor): Clauses {
  let returns: Clauses["returns"] = null;
  let language: Clauses["language"] = null;
  let code: CodeNode | null = null;
  const options = new OptionList(cursor);
  for (let first = true; !cursor.atEnd; first = false) {
    if (!first) cursor.acceptSymbol(",");
    const missing = [
      ...(returns === null ? ["RETURNS"] : []),
      ...(language === null ? ["LANGUAGE"] : []),
      ...(code === null ? ["AS"] : []),
    ];
    const { word } = cursor;
    switch (word) {
      case null:
        throw cursor.expected([...missing, "an option"]);
      case "returns":
        if (returns !== null) throw givenTwice(cursor, "RETURNS");
        cursor.advance();
        if (cursor.word === "null" || cursor.word === "strict") throw attribute(cursor);
        returns = parseResultType(cursor);
        break;
      case "language":
        if (language !== null) throw givenTwice(cursor, "LANGUAGE");
        cursor.advance();
        cursor.acceptSymbol("=");
        language = parseLanguage(cursor);
        break;
      case "as":
        if (code !== null) throw givenTwice(cursor, "AS");
        cursor.advance();
        code = parseCode(cursor);
        break;
      case "code":
        throw cursor.error(
          "CODE belongs to ALTER EDGE FUNCTION",
          cursor.token.start,
          "In CREATE EDGE FUNCTION the code follows AS.",
        );
      default:
        if (postgresAttributes.has(word)) throw attribute(cursor);
        // No option's name is near these, so this is a misspelt clause.
        if (closestName(word, ["returns", "language"]) !== undefined) {
          throw cursor.expected(missing);
        }
        options.add();
    }
  }
  return { returns, language, options: options.list, code };
}

/** The cursor stands after FUNCTION. */
export function parseAlter(cursor: Cursor, start: number): AlterFunction {
  const name = cursor.qualifiedName("a function name");
  refuseSignature(cursor);
  cursor.expectWord("set");
  let code: CodeNode | null = null;
  const options = new OptionList(cursor);
  do {
    cursor.acceptWord("set");
    if (cursor.word === null) throw cursor.expected(["an option", "CODE"]);
    if (cursor.word === "code") {
      if (code !== null) throw givenTwice(cursor, "CODE");
      cursor.advance();
      cursor.acceptSymbol("=");
      code = parseCode(cursor);
    } else options.add();
    if (cursor.acceptSymbol(",") && cursor.atEnd) throw cursor.expected(["an option", "CODE"]);
  } while (!cursor.atEnd);
  const span = { start, end: cursor.previousEnd };
  return { kind: "alter_function", name, options: options.list, code, span };
}

/** Refuses `f(text)` where only the name tells functions apart. */
export function refuseSignature(cursor: Cursor): void {
  if (!cursor.isSymbol("(")) return;
  throw cursor.error(
    "an edge function is named without its parameters here",
    cursor.token.start,
    "Edge functions are not overloaded: the name alone says which one.",
  );
}

function parseLanguage(cursor: Cursor): NonNullable<CreateFunction["language"]> {
  const { start } = cursor.token;
  const name = cursor.isString
    ? cursor.string("a language").value
    : cursor.identifier("a language").name;
  return { name: foldCase(name), span: { start, end: cursor.previousEnd } };
}

function parseCode(cursor: Cursor): CodeNode {
  const { value, start, end } = cursor.string("the code, as $$…$$ or '…'");
  const verbatim = cursor.text.slice(start, end) === value;
  return { text: value, span: { start, end }, verbatim };
}

function refuseIfNotExists(cursor: Cursor): void {
  if (cursor.word !== "if" || cursor.peekWord() !== "not") return;
  throw new OrlaError("not_supported", "IF NOT EXISTS is not supported for edge functions", {
    position: cursor.token.start,
    hint: "Use CREATE OR REPLACE EDGE FUNCTION.",
  });
}

function attribute(cursor: Cursor): OrlaError {
  const { start, end } = cursor.token;
  const name = cursor.text.slice(start, end).toUpperCase();
  return new OrlaError("not_supported", `${name} is not supported for edge functions`, {
    position: start,
  });
}

function givenTwice(cursor: Cursor, what: string): OrlaError {
  return cursor.error(`${what} is given twice`, cursor.token.start);
}
