/** Whatever the text: no crash, only our errors, and work in proportion to its length. */
import { deepEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { OrlaError } from "../base/errors.ts";
import { arbitraryStatement } from "./ast.arbitrary.ts";
import { parseStatements } from "./parse.ts";
import { printStatement } from "./print.ts";

function parseOrRefuse(text: string): void {
  try {
    let end = 0;
    for (const { span } of parseStatements(text)) {
      ok(span.start >= end && span.end >= span.start && span.end <= text.length);
      end = span.end;
    }
  } catch (error) {
    ok(error instanceof OrlaError, String(error));
    ok(["syntax_error", "not_supported"].includes(error.code), error.code);
    ok(error.position !== undefined && error.position >= 0 && error.position <= text.length);
  }
}

const fragments = fc.constantFrom(
  ..."CREATE ALTER DROP LIST EXECUTE ROLLBACK OR REPLACE EDGE FUNCTION FUNCTIONS CHAIN SET CODE AS"
    .split(" "),
  ..."RETURNS LANGUAGE js WHERE TO VERSION IN OUT GRANT ON BEGIN ATOMIC CASE END IF EXISTS interval"
    .split(" "),
  ..."' \" $$ $a$ $1 /* */ -- \n ; ( ) [ ] , . = % 1 1.5e3 256MB E' U&' U&\" \\ → f text double é 😀"
    .split(" "),
  " ",
  "\n",
);

const soup = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.array(fragments, { maxLength: 60 }).map((parts) => parts.join(" ")),
  fc.array(fragments, { maxLength: 60 }).map((parts) => parts.join("")),
);

Deno.test("text of any kind is parsed or refused", () => {
  fc.assert(fc.property(soup, parseOrRefuse), { numRuns: 5000 });
});

Deno.test("mutated statements are parsed or refused", () => {
  fc.assert(
    fc.property(arbitraryStatement, fc.nat(), fc.nat(8), soup, (statement, at, cut, insert) => {
      const text = printStatement(statement);
      const from = at % (text.length + 1);
      parseOrRefuse(text.slice(0, from) + insert.slice(0, 20) + text.slice(from + cut));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("plain statements around an edge statement never change what it means", () => {
  fc.assert(
    fc.property(arbitraryStatement, (statement) => {
      const text = printStatement(statement);
      const kinds = parseStatements(`SELECT ';' /* ; */;${text}\n;SELECT $$;$$`).map((s) => s.kind);
      deepEqual(kinds, ["plain", "edge", "plain"]);
    }),
    { numRuns: 500 },
  );
});

/** Texts that make a careless scanner start over again and again. */
const repeated = [
  "(",
  ")",
  "$a",
  "$a$",
  "$a b ",
  "'a'\n",
  "'a' -- x\n",
  "/*",
  "/**/",
  "--\n",
  '"',
  "E'\\'",
  ";",
  "e",
  "1",
  "1_",
  "a.",
  "a,",
  "a int,",
  "X 1 ",
  "x=",
  "[",
  "case end ",
  "''''",
];

const heads = [
  "",
  "SELECT edge ",
  "CREATE EDGE FUNCTION f",
  "CREATE EDGE FUNCTION f(",
  "CREATE EDGE FUNCTION f X (",
  "CREATE EDGE FUNCTION f RETURNS a",
  "CREATE EDGE FUNCTION f AS ",
  "ALTER EDGE FUNCTION f SET ",
  "DROP EDGE FUNCTION ",
  "LIST EDGE FUNCTIONS WHERE ",
  "EXECUTE EDGE FUNCTION f(",
  "CREATE FUNCTION f() BEGIN ATOMIC ",
];

/**
 * Counts reads of the text through a string object that reports them: a count of work, which the
 * machine's speed does not touch. Ten times the text may cost ten times the work and a little more.
 */
Deno.test("work grows in proportion to the text", () => {
  for (const head of heads) {
    for (const unit of repeated) {
      const small = countReads(head + unit.repeat(2_000 / unit.length));
      const large = countReads(head + unit.repeat(20_000 / unit.length));
      ok(large <= small * 12 + 1000, `${head}${unit}…: ${small} → ${large} reads`);
    }
  }
});

function countReads(text: string): number {
  const { charCodeAt, indexOf, slice } = String.prototype;
  let reads = 0;
  // Only for the length of one synchronous parse.
  String.prototype.charCodeAt = function (at) {
    reads++;
    return charCodeAt.call(this, at);
  };
  String.prototype.indexOf = function (part, from = 0) {
    const found = indexOf.call(this, part, from);
    reads += (found === -1 ? this.length : found) - from;
    return found;
  };
  String.prototype.slice = function (start, end) {
    const part = slice.call(this, start, end);
    reads += part.length;
    return part;
  };
  try {
    parseStatements(text);
  } catch (error) {
    if (!(error instanceof OrlaError)) throw error;
  } finally {
    Object.assign(String.prototype, { charCodeAt, indexOf, slice });
  }
  return reads;
}

Deno.test("a megabyte of each pattern is read to its end", () => {
  for (const unit of ["(", "$a", "/*", "'a'\n", "x=", ";", "a int,"]) {
    parseOrRefuse(`CREATE EDGE FUNCTION f(${unit.repeat(1_000_000 / unit.length)}`);
  }
});
