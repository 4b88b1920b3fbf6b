import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonLiteral, quoteIdentifier } from "./sql-text.ts";

Deno.test("a JSON literal is ASCII, and ends only at its end", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.nat(3), (text, tags) => {
    const value = { text: text + "$orla$".repeat(tags) + "$orla1$".repeat(tags) + "$" };
    const literal = jsonLiteral(value);
    const tag = /^\$\w+\$/.exec(literal)?.[0] ?? "";
    assert.ok(tag.length > 2);
    const body = literal.slice(tag.length, -tag.length);
    assert.equal(body.includes(tag), false);
    assert.equal(literal.endsWith(tag), true);
    assert.match(literal, /^[ -~]*$/);
    assert.deepEqual(JSON.parse(body), value);
  }));
});

Deno.test("identifiers are quoted whole", () => {
  assert.equal(quoteIdentifier('a"b; DROP'), '"a""b; DROP"');
});
