/** What a trigger passes to its function: `(NEW.*, OLD.email, 'literal', 3)`. */
import type { Cursor } from "./cursor.ts";
import type { TriggerArgument } from "./trigger-ast.ts";

const EXPECTED = ["NEW.*", "OLD.*", "NEW.column", "a literal"];

/** The cursor stands at the opening parenthesis. */
export function parseTriggerArguments(cursor: Cursor): TriggerArgument[] {
  cursor.expectSymbol("(");
  const list: TriggerArgument[] = [];
  if (cursor.acceptSymbol(")")) return list;
  do list.push(parseArgument(cursor)); while (cursor.acceptSymbol(","));
  if (!cursor.isSymbol(")")) throw cursor.expected(['","', '")"']);
  cursor.advance();
  return list;
}

function parseArgument(cursor: Cursor): TriggerArgument {
  const { start } = cursor.token;
  const { word } = cursor;
  if (word === "new" || word === "old") return parseRow(cursor, word, start);
  const literal = (value: string | number | boolean | null): TriggerArgument => {
    const span = { start, end: cursor.previousEnd };
    return { kind: "literal", value, text: cursor.text.slice(span.start, span.end), span };
  };
  if (word === "true" || word === "false" || word === "null") {
    cursor.advance();
    return literal(word === "null" ? null : word === "true");
  }
  if (cursor.isString) return literal(cursor.string("a literal").value);
  const sign = cursor.acceptSymbol("-") ? -1 : 1;
  if (cursor.token.kind !== "number") throw cursor.expected(EXPECTED);
  const number = cursor.advance();
  const value = Number(cursor.text.slice(number.start, number.end).replaceAll("_", ""));
  if (!Number.isFinite(value)) throw cursor.error("this number is not one", number.start);
  return literal(sign * value);
}

function parseRow(cursor: Cursor, row: "new" | "old", start: number): TriggerArgument {
  cursor.advance();
  const at = () => ({ start, end: cursor.previousEnd });
  // The whole row, in Postgres's words; `NEW` alone says the same.
  if (!cursor.acceptSymbol(".") || cursor.acceptSymbol("*")) {
    return { kind: "row", row, span: at() };
  }
  const { name } = cursor.identifier('a column or "*"');
  return { kind: "column", row, column: name, span: at() };
}
