/** CREATE TRIGGER … EXECUTE EDGE FUNCTION, and the other statements about edge triggers. */
import type { OptionNode, QualifiedName, Span } from "./ast.ts";
import type { Cursor } from "./cursor.ts";
import { OptionList } from "./option-clause.ts";
import { parseRaw } from "./raw-text.ts";
import { parseTriggerArguments } from "./trigger-arguments.ts";
import {
  type AlterTrigger,
  type CreateTrigger,
  type DatabaseSource,
  type DropTrigger,
  type FireTrigger,
  httpMethods,
  type PlacedText,
  type SwitchTrigger,
  type TriggerEvent,
  type TriggerSource,
} from "./trigger-ast.ts";

const TIMINGS = ["BEFORE", "AFTER", "INSTEAD"];
const SOURCES = ["HTTP", "SCHEDULE", "QUEUE", "FILE_UPLOAD", "HOOK"];

/** The cursor stands after TRIGGER. */
export function parseCreateTrigger(
  cursor: Cursor,
  start: number,
  orReplace: boolean,
): CreateTrigger {
  const name = cursor.qualifiedName("a trigger name");
  const source = parseSource(cursor);
  const options = new OptionList(cursor);
  parseOptions(cursor, options, "execute");
  cursor.expectWord("execute");
  cursor.expectWord("edge");
  cursor.expectWord("function");
  const fn = cursor.qualifiedName("a function name");
  const args = cursor.isSymbol("(") ? parseTriggerArguments(cursor) : null;
  if (args !== null && args.length > 0 && source.kind !== "database") {
    throw cursor.error(
      "only triggers on tables pass arguments",
      args[0]?.span.start ?? start,
      "The function receives the event as its payload.",
    );
  }
  parseOptions(cursor, options, null);
  cursor.expectEnd();
  return {
    kind: "create_trigger",
    orReplace,
    name,
    source,
    options: options.list,
    function: fn,
    arguments: args,
    span: { start, end: cursor.previousEnd },
  };
}

function parseSource(cursor: Cursor): TriggerSource {
  if (!cursor.acceptWord("on")) return parseDatabaseSource(cursor);
  const { word } = cursor;
  switch (word) {
    case "http": {
      cursor.advance();
      const method = httpMethods.find((name) => name.toLowerCase() === cursor.word);
      if (method === undefined) throw cursor.expected(httpMethods);
      cursor.advance();
      return { kind: "http", method, path: parseText(cursor, "a path, as '/api/:id'") };
    }
    case "schedule":
      cursor.advance();
      return { kind: "schedule", schedule: parseText(cursor, "a schedule, as '0 6 * * *'") };
    case "queue":
      cursor.advance();
      return { kind: "queue", queue: parseText(cursor, "the queue's name in quotes") };
    case "file_upload":
      cursor.advance();
      cursor.expectWord("bucket");
      return { kind: "upload", bucket: parseText(cursor, "the bucket's name in quotes") };
    case "hook":
      cursor.advance();
      return { kind: "hook", hook: parseText(cursor, "the hook's name in quotes") };
    default:
      throw cursor.expected(SOURCES);
  }
}

function parseDatabaseSource(cursor: Cursor): DatabaseSource {
  const timing = parseTiming(cursor);
  const events: TriggerEvent[] = [parseEvent(cursor)];
  while (cursor.acceptWord("or")) events.push(parseEvent(cursor));
  cursor.expectWord("on");
  const table = cursor.qualifiedName("a table");
  const forEach = parseForEach(cursor);
  let when: PlacedText | null = null;
  if (cursor.acceptWord("when")) {
    const open = cursor.expectSymbol("(");
    parseRaw(cursor, () => cursor.isSymbol(")"));
    const close = cursor.expectSymbol(")");
    const span = { start: open.end, end: close.start };
    when = { text: cursor.text.slice(span.start, span.end), span };
  }
  return { kind: "database", timing, events, table, forEach, when };
}

function parseTiming(cursor: Cursor): DatabaseSource["timing"] {
  if (cursor.acceptWord("before")) return "before";
  if (cursor.acceptWord("after")) return "after";
  if (!cursor.acceptWord("instead")) throw cursor.expected([...TIMINGS, "ON"]);
  cursor.expectWord("of");
  return "instead_of";
}

function parseEvent(cursor: Cursor): TriggerEvent {
  const { start } = cursor.token;
  const columns: string[] = [];
  let operation: TriggerEvent["operation"];
  if (cursor.acceptWord("insert")) operation = "insert";
  else if (cursor.acceptWord("delete")) operation = "delete";
  else if (cursor.acceptWord("update")) {
    operation = "update";
    if (cursor.acceptWord("of")) {
      do columns.push(cursor.identifier("a column").name); while (cursor.acceptSymbol(","));
    }
  } else throw cursor.expected(["INSERT", "UPDATE", "DELETE"]);
  return { operation, columns, span: { start, end: cursor.previousEnd } };
}

/** As in Postgres: FOR EACH STATEMENT is what nothing means, and EACH may be left out. */
function parseForEach(cursor: Cursor): "row" | "statement" {
  if (!cursor.acceptWord("for")) return "statement";
  cursor.acceptWord("each");
  if (cursor.acceptWord("row")) return "row";
  if (cursor.acceptWord("statement")) return "statement";
  throw cursor.expected(["ROW", "STATEMENT"]);
}

/** `[WITH] NAME [=] value`, with or without commas and parentheses, up to the word `until`. */
function parseOptions(cursor: Cursor, options: OptionList, until: string | null): void {
  for (let first = true; !cursor.atEnd && cursor.word !== until; first = false) {
    if (!first) cursor.acceptSymbol(",");
    const isWith = cursor.acceptWord("with");
    const inParentheses = isWith && cursor.acceptSymbol("(");
    do {
      if (cursor.word === null) {
        throw cursor.expected(until === null ? ["an option"] : ["an option", "EXECUTE"]);
      }
      options.add();
    } while (inParentheses && cursor.acceptSymbol(","));
    if (inParentheses) cursor.expectSymbol(")");
  }
}

/** The cursor stands after TRIGGER. */
export function parseAlterTrigger(cursor: Cursor, start: number): AlterTrigger {
  const name = cursor.qualifiedName("a trigger name");
  cursor.expectWord("set");
  const options = new OptionList(cursor);
  do {
    cursor.acceptWord("set");
    if (cursor.word === null) throw cursor.expected(["an option"]);
    options.add();
    if (cursor.acceptSymbol(",") && cursor.atEnd) throw cursor.expected(["an option"]);
  } while (!cursor.atEnd);
  const list: readonly OptionNode[] = options.list;
  return { kind: "alter_trigger", name, options: list, span: { start, end: cursor.previousEnd } };
}

/** The cursor stands after TRIGGER. */
export function parseDropTrigger(cursor: Cursor, start: number): DropTrigger {
  const ifExists = cursor.word === "if" && cursor.peekWord() === "exists";
  if (ifExists) {
    cursor.advance();
    cursor.advance();
  }
  const names: QualifiedName[] = [];
  do names.push(cursor.qualifiedName("a trigger name")); while (cursor.acceptSymbol(","));
  // Nothing depends on a trigger, so that both mean the same.
  if (!cursor.acceptWord("cascade")) cursor.acceptWord("restrict");
  cursor.expectEnd();
  return { kind: "drop_trigger", ifExists, names, span: { start, end: cursor.previousEnd } };
}

/** The cursor stands after TRIGGER. */
export function parseSwitchTrigger(
  cursor: Cursor,
  start: number,
  enabled: boolean,
): SwitchTrigger {
  const name = cursor.qualifiedName("a trigger name");
  cursor.expectEnd();
  return { kind: "switch_trigger", enabled, name, span: { start, end: cursor.previousEnd } };
}

/** The cursor stands after TRIGGER. */
export function parseFireTrigger(cursor: Cursor, start: number): FireTrigger {
  const name = cursor.qualifiedName("a trigger name");
  let input: PlacedText | null = null;
  if (cursor.acceptWord("with")) {
    cursor.expectWord("input");
    cursor.acceptSymbol("=");
    input = parseText(cursor, "the payload as JSON in quotes");
  }
  cursor.expectEnd();
  return { kind: "fire_trigger", name, input, span: { start, end: cursor.previousEnd } };
}

export function parseText(cursor: Cursor, what: string): PlacedText {
  const { value, start, end } = cursor.string(what);
  const span: Span = { start, end };
  return { text: value, span };
}
