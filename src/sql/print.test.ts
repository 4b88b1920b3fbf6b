import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { arbitraryStatement } from "./ast.arbitrary.ts";
import { parseStatements } from "./parse.ts";
import { printStatement } from "./print.ts";

function withoutSpans(node: unknown): unknown {
  return JSON.parse(
    JSON.stringify(node, (key, value) => /^(span|.*Span)$/.test(key) ? undefined : value),
  );
}

Deno.test("what is printed parses back to the same tree", () => {
  fc.assert(
    fc.property(arbitraryStatement, (statement) => {
      const [parsed, ...rest] = parseStatements(printStatement(statement));
      equal(rest.length, 0);
      equal(parsed?.kind, "edge");
      deepEqual(
        withoutSpans(parsed?.kind === "edge" ? parsed.statement : null),
        withoutSpans(statement),
      );
    }),
    { numRuns: 2000 },
  );
});

Deno.test("statements are printed in the style of the manual", () => {
  const source = `create or replace edge function Shop.greet("Who" text, inout_ numeric(10,2))
    language js as 'x $$ y' returns jsonb memory=256 mb, secrets ('a', b)`;
  const [statement] = parseStatements(source);
  equal(
    statement?.kind === "edge" ? printStatement(statement.statement) : "",
    `CREATE OR REPLACE EDGE FUNCTION shop.greet("Who" text, inout_ numeric(10,2))
RETURNS jsonb
LANGUAGE js
MEMORY 256mb
SECRETS ('a', 'b')
AS $code$x $$ y$code$`,
  );
});
