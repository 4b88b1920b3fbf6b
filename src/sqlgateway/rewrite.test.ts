import assert from "node:assert/strict";
import {
  characterPosition,
  mapPosition,
  type Piece,
  type Rewrite,
  rewrittenText,
} from "./rewrite.ts";

/** `[x]` is replaced by `…`; with `[x]!` errors inside point at its beginning. */
function rewriteOf(template: string): Rewrite {
  const pieces: Piece[] = [];
  let original = "";
  for (const [, plain, replaced, points] of template.matchAll(/([^[\]]+)|\[([^\]]*)\](!?)/g)) {
    if (plain !== undefined) {
      pieces.push({ kind: "copied", text: plain, from: original.length });
      original += plain;
    } else {
      const pointsAt = points === "!" ? original.length : null;
      pieces.push({ kind: "written", text: "some text of ours", pointsAt });
      original += replaced;
    }
  }
  return { original, pieces };
}

Deno.test("every character of a copied part maps to itself", () => {
  const rewrite = rewriteOf("é😀 a[edge]b 😀[c]! [d]e");
  const text = [...rewrittenText(rewrite)];
  const original = [...rewrite.original];
  const mapped = text.map((_, index) => mapPosition(rewrite, index + 1));
  for (const [index, character] of text.entries()) {
    const position = mapped[index];
    if ("é😀b".includes(character)) assert.equal(original[Number(position) - 1], character);
  }
  // Not one copied character is lost.
  assert.deepEqual(new Set(mapped), new Set([1, 2, 3, 4, 9, 10, 11, 12, 13, 15, null]));
});

Deno.test("in text of ours it points where it is told, or nowhere", () => {
  assert.equal(mapPosition(rewriteOf("ab[x] c"), 5), null);
  assert.equal(mapPosition(rewriteOf("ab[x]! c"), 5), 3);
});

Deno.test("the end of input stays the end of input", () => {
  const rewrite = rewriteOf("[edge]! SELECT");
  assert.equal(mapPosition(rewrite, rewrittenText(rewrite).length + 1), "edge SELECT".length + 1);
});

Deno.test("positions count characters, as Postgres does", () => {
  assert.equal(characterPosition("😀é x", 4), 4);
  assert.equal(characterPosition("", 0), 1);
});
