import assert from "node:assert/strict";
import fc from "fast-check";
import { matchesPattern } from "./pattern.ts";

const cases: readonly (readonly [pattern: string, matching: string[], other: string[]])[] = [
  ["*.png", ["a.png", "deep/in/a.png", ".png"], ["a.PNG", "a.png.txt", "png", "a.png/b"]],
  ["*", ["a", "a/b"], []],
  ["**", ["a", "a/b/c"], []],
  ["inbox/*", ["inbox/a", "inbox/"], ["inbox/a/b", "x/inbox/a", "inbox"]],
  ["inbox/**", ["inbox/a", "inbox/a/b"], ["inbox", "inboxes/a"]],
  ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/x", "a/xc"]],
  ["**/*.jpg", ["a.jpg", "x/a.jpg", "x/y/a.jpg"], ["a.jpeg"]],
  ["photo-?.png", ["photo-1.png", "x/photo-ü.png", "photo-😀.png"], ["photo-.png", "photo-12.png"]],
  ["a?b/c", ["axb/c"], ["a/b/c", "ab/c"]],
  ["[a].{b}+(c)^$|", ["[a].{b}+(c)^$|"], ["a.b"]],
  ["exact/name", ["exact/name"], ["exact/name2", "x/exact/name", "name"]],
  ["", [""], ["a"]],
];

Deno.test("patterns match what they say", () => {
  for (const [pattern, matching, other] of cases) {
    for (const name of matching) assert.ok(matchesPattern(pattern, name), `${pattern} ${name}`);
    for (const name of other) assert.ok(!matchesPattern(pattern, name), `${pattern} not ${name}`);
  }
});

/** The same by the language's own engine. */
function byExpression(pattern: string, name: string): boolean {
  const source = pattern.replace(
    /\*\*\/|\*+|\?|[^*?]/gu,
    (part) =>
      part === "*"
        ? "[^/]*"
        : part.startsWith("*")
        ? ".*"
        : part === "?"
        ? "[^/]"
        : `\\u{${part.codePointAt(0)?.toString(16)}}`,
  );
  return new RegExp(`^${source}$`, "su").test(name);
}

Deno.test("any pattern with a slash means what the regular expression of it means", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "?", "**"), maxLength: 8 });
  const names = fc.string({ unit: fc.constantFrom("a", "b", "/", "\n"), maxLength: 8 });
  fc.assert(fc.property(text, names, (pattern, name) => {
    const anchored = `a/${pattern}`;
    assert.equal(matchesPattern(anchored, name), byExpression(anchored, name));
  }));
});

Deno.test("many stars take no more than their share of time", () => {
  assert.ok(!matchesPattern(`${"*a".repeat(400)}/b`, "a".repeat(1000)));
});
