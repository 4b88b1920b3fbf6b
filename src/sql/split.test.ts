import { deepEqual } from "node:assert/strict";
import { splitStatements } from "./split.ts";

/** The text cut at `¦` is what must come out. */
const cases: ReadonlyArray<readonly [name: string, marked: string]> = [
  ["nothing", ""],
  ["one", "SELECT 1"],
  ["two", "SELECT 1;¦ SELECT 2"],
  ["leading comments belong to the statement", "/*+ hint */ SELECT 1;¦ -- next\nSELECT 2"],
  ["strings", "SELECT ';', 'it''s;';¦SELECT 2"],
  ["a backslash does not escape", "SELECT '\\';¦SELECT 2"],
  ["but in E'' it does", "SELECT E'\\';SELECT 2'"],
  ["E'' goes on after a line break", "SELECT E'a'\n  'b\\';c';¦SELECT 2"],
  ["also after comments", "SELECT E'a' -- x\n -- y\n 'b\\';c';¦SELECT 2"],
  ["but not without a line break", "SELECT E'a' 'b\\';¦c'"],
  ["U&", "SELECT U&'\\0041;', U&\"d;\\0061\";¦SELECT 2"],
  ["N, B, X", "SELECT n';', b';', X';';¦SELECT 2"],
  ["E at the end of a word is not a prefix", "SELECT somE'\\';¦SELECT 2"],
  ["quoted identifiers", 'SELECT "a;""b;";¦SELECT 2'],
  ["dollar quotes", "SELECT $$;'$$, $a$;$$;$b$;$a$;¦SELECT 2"],
  ["a tag is case-sensitive", "SELECT $a$;$A$;$a$;¦SELECT 2"],
  ["a tag may be any letters", "SELECT $é1$;$é1$;¦SELECT 2"],
  ["a parameter is no tag", "SELECT $1;¦SELECT $2"],
  ["a dollar inside a word is no quote", "SELECT a$b$;¦SELECT $b$"],
  ["line comments", "SELECT 1 -- ;'\n;¦SELECT 2"],
  ["a carriage return ends them too", "SELECT 1 -- ;\r;¦SELECT 2"],
  ["block comments nest", "SELECT /* ; /* ; */ ; */ 1;¦SELECT 2"],
  ["operators may hold comments", "SELECT 1+--;\n2;¦SELECT 4*/*;*/5"],
  ["parentheses", "CREATE RULE r AS ON UPDATE TO t DO (SELECT 1; SELECT 2);¦SELECT 3"],
  ["more closed than opened", "SELECT );¦SELECT 2"],
  ["a standard body", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;¦X"],
  [
    "a standard body with CASE",
    "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; END;¦X",
  ],
  [
    "names that look like keywords",
    "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1 AS end; SELECT t.case; END;¦X",
  ],
  ["BEGIN is a statement", "BEGIN;¦SELECT 1;¦END;¦SELECT 2"],
  ["atomic elsewhere is a word", "SELECT begin atomic;¦SELECT 2"],
  ["an arrow", "SELECT 'a' → b;¦SELECT 2"],
  ["an unterminated string takes the rest", "SELECT 1;¦SELECT 'a; SELECT 2;"],
  ["an unterminated dollar quote too", "SELECT $a$; $b$; SELECT 2;"],
  ["an unterminated comment too", "SELECT 1;¦/* ; SELECT 2;"],
  ["an unterminated identifier too", 'SELECT "a; SELECT 2;'],
];

for (const [name, marked] of cases) {
  Deno.test(`split: ${name}`, () => {
    const text = marked.replaceAll("¦", "");
    const parts = marked === "" ? [] : marked.split("¦");
    deepEqual(
      splitStatements(text).map((piece) => text.slice(piece.span.start, piece.span.end)),
      parts.map((part, i) => i < parts.length - 1 ? part.slice(0, -1) : part),
    );
  });
}

Deno.test("split: statements of nothing are left out", () => {
  const text = " ;; -- x\n; SELECT 1 ; /* end */ ";
  deepEqual(splitStatements(text).map(({ span }) => text.slice(span.start, span.end)), [
    " SELECT 1 ",
  ]);
});

Deno.test("split: standard_conforming_strings = off makes backslashes escape", () => {
  const text = "SELECT '\\'; DROP EDGE FUNCTION f; --'";
  deepEqual(splitStatements(text).length, 2);
  deepEqual(splitStatements(text, { standardConformingStrings: false }).length, 1);
});
