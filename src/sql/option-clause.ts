/** `MEMORY 256MB`, `AUTH = 'none'`, `SECRETS ('a', 'b')`: options, whatever their names. */
import type { OptionNode, OptionValue } from "./ast.ts";
import type { Cursor } from "./cursor.ts";

/** Units that may stand apart from their number; any word attached to it is its unit as well. */
const unitWords = new Set(
  ("b kb mb gb tb kib mib gib tib ms s sec second seconds min minute minutes h hour hours d day " +
    "days").split(" "),
);

/** The current token is the option's name. */
function parseOption(cursor: Cursor): OptionNode {
  const name = cursor.advance();
  const nameSpan = { start: name.start, end: name.end };
  cursor.acceptSymbol("=");
  const upper = cursor.text.slice(name.start, name.end).replace(
    /[a-z]+/g,
    (letters) => letters.toUpperCase(),
  );
  const { start } = cursor.token;
  const value = parseValue(cursor, upper);
  return { name: upper, value, nameSpan, valueSpan: { start, end: cursor.previousEnd } };
}

function parseValue(cursor: Cursor, option: string): OptionValue {
  if (cursor.isString) return { kind: "string", value: cursor.string("a value").value };
  if (cursor.isSymbol("(")) return { kind: "list", items: parseList(cursor, option) };
  if (startsNumber(cursor)) return parseNumber(cursor);
  const { word } = cursor;
  if (word === "true" || word === "false") {
    cursor.advance();
    return { kind: "boolean", value: word === "true" };
  }
  if (word === null && cursor.token.kind !== "quoted_identifier") {
    throw cursor.expected([`a value for ${option}`]);
  }
  return { kind: "word", value: cursor.identifier("a value").name };
}

function startsNumber(cursor: Cursor): boolean {
  if (cursor.token.kind === "number") return true;
  return (cursor.isSymbol("-") || cursor.isSymbol("+")) && cursor.peek().kind === "number";
}

function parseNumber(cursor: Cursor): OptionValue {
  let text = "";
  if (cursor.acceptSymbol("-")) text = "-";
  else cursor.acceptSymbol("+");
  const number = cursor.advance();
  text += cursor.text.slice(number.start, number.end).replaceAll("_", "");
  const { token, word } = cursor;
  const attached = token.start === number.end;
  if (word !== null && (attached || unitWords.has(word))) {
    cursor.advance();
    return { kind: "number", text, unit: cursor.text.slice(token.start, token.end) };
  }
  if (cursor.acceptSymbol("%")) return { kind: "number", text, unit: "%" };
  return { kind: "number", text, unit: null };
}

function parseList(cursor: Cursor, option: string): string[] {
  cursor.expectSymbol("(");
  const items: string[] = [];
  if (cursor.acceptSymbol(")")) return items;
  do {
    if (cursor.isString) items.push(cursor.string("a value").value);
    else if (startsNumber(cursor)) {
      const { start } = cursor.token;
      parseNumber(cursor);
      items.push(cursor.text.slice(start, cursor.previousEnd));
    } else items.push(cursor.identifier(`a value for ${option}`).name);
  } while (cursor.acceptSymbol(","));
  if (!cursor.isSymbol(")")) throw cursor.expected(['","', '")"']);
  cursor.advance();
  return items;
}

/** Options in the order they are written, each at most once. */
export class OptionList {
  readonly list: OptionNode[] = [];
  readonly #cursor: Cursor;
  readonly #names = new Set<string>();

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  add(): void {
    const option = parseOption(this.#cursor);
    if (this.#names.has(option.name)) {
      throw this.#cursor.error(`${option.name} is given twice`, option.nameSpan.start);
    }
    this.#names.add(option.name);
    this.list.push(option);
  }
}
