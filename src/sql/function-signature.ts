/** `(a text, b numeric(10,2))`: the parameters of CREATE EDGE FUNCTION. */
import { OrlaError } from "../base/errors.ts";
import type { ParameterNode } from "./ast.ts";
import { parseType, startsLongType } from "./column-type.ts";
import type { Cursor } from "./cursor.ts";

export function parseParameters(cursor: Cursor): ParameterNode[] {
  cursor.expectSymbol("(");
  const parameters: ParameterNode[] = [];
  if (cursor.acceptSymbol(")")) return parameters;
  const names = new Set<string>();
  do {
    const parameter = parseParameter(cursor);
    if (parameter.name !== null) {
      if (names.has(parameter.name)) {
        throw cursor.error(
          `parameter "${parameter.name}" is declared twice`,
          parameter.span.start,
        );
      }
      names.add(parameter.name);
    }
    parameters.push(parameter);
  } while (cursor.acceptSymbol(","));
  if (!cursor.isSymbol(")")) throw cursor.expected(['","', '")"']);
  cursor.advance();
  return parameters;
}

/** `[IN] [name] type` or `name IN type`. */
function parseParameter(cursor: Cursor): ParameterNode {
  const { start } = cursor.token;
  const mode = parseMode(cursor);
  let name: string | null = null;
  if (isName(cursor)) {
    name = cursor.identifier("a parameter").name;
    if (!mode) parseMode(cursor);
  }
  if (cursor.token.kind !== "word" && cursor.token.kind !== "quoted_identifier") {
    throw cursor.expected([name === null ? "a parameter" : `the type of parameter "${name}"`]);
  }
  const { type, span } = parseType(cursor);
  if (cursor.word === "default" || cursor.isSymbol("=") || cursor.isSymbol(":")) {
    throw new OrlaError("not_supported", "parameters cannot have default values yet", {
      position: cursor.token.start,
    });
  }
  return { name, type, span: { start, end: span.end } };
}

/** Whether a name stands before the type: two words that are not one type. */
function isName(cursor: Cursor): boolean {
  const { kind } = cursor.token;
  if (kind !== "word" && kind !== "quoted_identifier") return false;
  const next = cursor.peek();
  if (next.kind === "quoted_identifier") return true;
  const word = cursor.peekWord();
  if (word === null || word === "default" || word === "array") return false;
  return kind === "quoted_identifier" || !startsLongType(cursor);
}

/** Takes IN; refuses the modes that a call over HTTP or SQL could not fill. */
function parseMode(cursor: Cursor): boolean {
  const { word } = cursor;
  switch (word) {
    case "in":
      if (cursor.peekWord() !== "out") {
        cursor.advance();
        return true;
      }
      throw unsupportedMode("IN OUT", cursor.token.start);
    case "out":
    case "inout":
    case "variadic":
      throw unsupportedMode(word.toUpperCase(), cursor.token.start);
    default:
      return false;
  }
}

function unsupportedMode(mode: string, position: number): OrlaError {
  return new OrlaError("not_supported", `${mode} parameters are not supported`, {
    position,
    hint: "Edge functions take IN parameters and return one value.",
  });
}
