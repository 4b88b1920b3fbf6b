import assert from "node:assert/strict";
import fc from "fast-check";
import { OrlaError } from "../base/errors.ts";
import { jsonErrorPosition, parseJson, parseJsonExactly } from "./json-text.ts";

const broken: readonly [text: string, position: number][] = [
  ["", 0],
  ["  ", 2],
  ["{", 1],
  ['{"a"}', 4],
  ['{"a":}', 5],
  ['{"a":1,}', 7],
  ["[1,]", 3],
  ["[1 2]", 3],
  ["{a:1}", 1],
  ["'x'", 0],
  ['{"a":1}x', 7],
  ['{"a":1]', 6],
  ["01", 1],
  ["+1", 0],
  ["tru", 0],
  ["nulls", 4],
  ['"a\nb"', 0],
  ['"\\x"', 0],
  ["[,]", 1],
  ["{,}", 1],
  ["]", 0],
  ["\ufeff1", 0],
];

for (const [text, position] of broken) {
  Deno.test(`not JSON: ${JSON.stringify(text)} at ${position}`, () => {
    assert.throws(() => JSON.parse(text));
    assert.equal(jsonErrorPosition(text), position);
  });
}

Deno.test("a message names line and column", () => {
  assert.throws(() => parseJson('{\n  "a": oops\n}'), (error) => {
    assert.ok(error instanceof OrlaError);
    assert.equal(error.code, "invalid_request");
    assert.equal(error.position, 9);
    assert.match(error.message, /unexpected "o" at line 2, column 8/);
    return true;
  });
  assert.throws(() => parseJson("[1"), /ends too early, at line 1, column 3/);
});

Deno.test("JSON is no error, and any cut of it is one at or before the cut", () => {
  fc.assert(fc.property(fc.json(), fc.nat(), (text, n) => {
    assert.deepEqual(parseJson(text), JSON.parse(text));
    assert.equal(jsonErrorPosition(text), text.length);
    const cut = text.slice(0, n % text.length);
    assert.ok(jsonErrorPosition(cut) <= cut.length);
  }));
});

Deno.test("numbers keep their digits through parseJsonExactly", () => {
  const text = '{"a":[9007199254740993,-12345678901234567890.5,0.12345678901234567891,1e2],"b":1}';
  assert.equal(
    JSON.stringify(parseJsonExactly(text)),
    text.replace("1e2", "100"),
  );
  assert.deepEqual(parseJsonExactly('{"n": 12, "s": "9007199254740993"}'), {
    n: 12,
    s: "9007199254740993",
  });
  assert.throws(() => parseJsonExactly("{"), OrlaError);
});
