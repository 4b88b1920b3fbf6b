import { deepStrictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { numberPlaceholders } from "./placeholders.ts";
import { scanSql } from "./sql-scanner.ts";

const cases: ReadonlyArray<readonly [name: string, sql: string, count: number, expected: string]> =
  [
    ["none", "SELECT 'what?' -- why?", 0, "SELECT 'what?' -- why?"],
    ["dollars", "SELECT $1, $2, '?'", 2, "SELECT $1, $2, '?'"],
    ["dollars beside an operator", "SELECT j ? 'a' AND x = $1", 1, "SELECT j ? 'a' AND x = $1"],
    ["question marks", "SELECT ? + ?", 2, "SELECT $1 + $2"],
    ["percent", "SELECT %s, %s % 3", 2, "SELECT $1, $2 % 3"],
    ["percent, doubled", "SELECT 5 %% %s", 1, "SELECT 5 % $1"],
    ["percent before a name", "SELECT 10 %size + %s", 1, "SELECT 10 %size + $1"],
    ["question mark doubled", "SELECT j ?? 'a' AND x = ?", 1, "SELECT j ? 'a' AND x = $1"],
    ["jsonb operators", "SELECT j ?| a, j ?& a, j @? p, ?", 1, "SELECT j ?| a, j ?& a, j @? p, $1"],
    ["concatenation", "SELECT ?||'x', ? || 'y'", 2, "SELECT $1||'x', $2 || 'y'"],
    [
      "percent beside an operator",
      "SELECT j ? 'a' AND x = %s AND y = %s",
      2,
      "SELECT j ? 'a' AND x = $1 AND y = $2",
    ],
    ["strings", "SELECT '?', 'it''s ?', ?", 1, "SELECT '?', 'it''s ?', $1"],
    [
      "escape strings",
      String.raw`SELECT E'\'?', 'a\', ?, ' ?'`,
      1,
      String.raw`SELECT E'\'?', 'a\', $1, ' ?'`,
    ],
    ["unfinished string", "SELECT ?, 'oh ?", 1, "SELECT $1, 'oh ?"],
    ["quoted names", 'SELECT "a?""?" FROM t WHERE x = ?', 1, 'SELECT "a?""?" FROM t WHERE x = $1'],
    [
      "comments",
      "SELECT /* ? /* ? */ ? */ ? -- ?\n, ?",
      2,
      "SELECT /* ? /* ? */ ? */ $1 -- ?\n, $2",
    ],
    ["dollar quotes", "SELECT $$?$$, $a$ $$?$$ $1 $a$, ?", 1, "SELECT $$?$$, $a$ $$?$$ $1 $a$, $1"],
    ["dollars in names", "SELECT a$1, b$?, ?", 1, "SELECT a$1, b$?, ?"],
    ["casts", "SELECT ?::int, %s::text", 1, ""],
  ];

for (const [name, sql, count, expected] of cases) {
  Deno.test(`places: ${name}`, () => {
    const params = Array.from({ length: count }, (_, index) => index);
    const number = () => numberPlaceholders(sql, params).sql;
    // Two ways at once, or none that fits.
    if (expected === "" || name === "dollars in names") throws(number, { code: "invalid_request" });
    else deepStrictEqual(number(), expected);
  });
}

Deno.test("names, used once or often", () => {
  const sql = "SELECT %(a)s, '%(b)s', %(c)s, %(a)s %% 2";
  deepStrictEqual(numberPlaceholders(sql, { a: 1, b: 2, c: 3 }), {
    sql: "SELECT $1, '%(b)s', $2, $1 % 2",
    params: [1, 3],
  });
  throws(() => numberPlaceholders("SELECT %(toString)s", {}), /no parameter for %\(toString\)s/);
});

Deno.test("a wrong number of parameters is told with both numbers", () => {
  throws(() => numberPlaceholders("SELECT ?", [1, 2]), /2 parameters, but 1 of \? and 0 of %s/);
});

Deno.test("the pieces of any text are the text", () => {
  const fragments = [
    "'",
    '"',
    "$",
    "$$",
    "$a$",
    "--",
    "\n",
    "/*",
    "*/",
    "E",
    "\\",
    "?",
    "%s",
    "x1",
    " ",
  ];
  fc.assert(fc.property(fc.array(fc.constantFrom(...fragments), { maxLength: 30 }), (parts) => {
    const sql = parts.join("");
    const pieces = [...scanSql(sql)].map(({ from, to }) => sql.slice(from, to));
    deepStrictEqual(pieces.join(""), sql);
  }));
});
