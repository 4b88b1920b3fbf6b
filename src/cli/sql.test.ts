import assert from "node:assert/strict";
import { isComplete } from "./sql-complete.ts";
import { formatError, type SqlError } from "./sql-error.ts";
import { formatTable } from "./sql-table.ts";

const complete: ReadonlyArray<readonly [text: string, expected: boolean]> = [
  ["SELECT 1;", true],
  ["SELECT 1; -- done", true],
  ["SELECT 1", false],
  ["SELECT 1; SELECT 2", false],
  ["SELECT ';'", false],
  ["SELECT ';", false],
  ["SELECT ';';", true],
  ["CREATE EDGE FUNCTION f AS $$ a; b;", false],
  ["CREATE EDGE FUNCTION f AS $$ a; b; $$;", true],
  ["CREATE EDGE FUNCTION f AS $x$ $$; $x$;", true],
  ["/* ; ", false],
  ["-- only a comment", true],
];

for (const [text, expected] of complete) {
  Deno.test(`${JSON.stringify(text)} is ${expected ? "" : "not "}complete`, () => {
    assert.equal(isComplete(text), expected);
  });
}

Deno.test("a table is aligned, numbers flush right, NULL empty, long values over lines", () => {
  const table = formatTable(
    [{ name: "id", numeric: true }, { name: "name", numeric: false }],
    [["1", "a"], ["12", null], ["3", "two\nlines"]],
  );
  assert.equal(
    table,
    [
      " id | name  ",
      "----+-------",
      "  1 | a",
      " 12 |",
      "  3 | two  +",
      "    | lines",
      "(3 rows)",
      "",
    ].join("\n"),
  );
});

Deno.test("wide characters take two columns", () => {
  const [, , first = "", second = ""] = formatTable(
    [{ name: "a", numeric: false }, { name: "b", numeric: false }],
    [["東京", "x"], ["abcd", "y"]],
  ).split("\n");
  assert.equal(first, " 東京 | x");
  assert.equal(second, " abcd | y");
});

Deno.test("the caret stands under the token, in characters, not code units", () => {
  const text = "SELECT 1,\n\t'😀' frm";
  const error = Object.assign(new Error("syntax error"), {
    severity: "ERROR",
    code: "42601",
    position: String(Array.from("SELECT 1,\n\t'😀' ").length + 1),
    hint: "try again",
  }) satisfies SqlError;
  assert.deepEqual(formatError(error, text).split("\n"), [
    "ERROR:  syntax error",
    "LINE 2: \t'😀' frm",
    "        \t    ^",
    "HINT:  try again",
  ]);
});
