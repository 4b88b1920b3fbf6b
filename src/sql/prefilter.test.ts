import { equal } from "node:assert/strict";
import fc from "fast-check";
import { mayContainEdge } from "./prefilter.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("finds the words in any letter case, wherever they stand", () => {
  for (const word of ["edge", "EDGE", "eDgE", "TRIGGER", "trigger", "Alert"]) {
    for (let before = 0; before < 12; before++) {
      for (let after = 0; after < 12; after++) {
        equal(mayContainEdge(encode("e".repeat(before) + word + "d".repeat(after))), true);
      }
    }
  }
});

Deno.test("says no where no word is", () => {
  for (const text of ["", "edg", "e d g e", "SELECT 1", "edg\u00e9", "trigge", "aler t", "ledg"]) {
    equal(mayContainEdge(encode(text)), false, text);
  }
});

Deno.test("looks only at the given bytes", () => {
  const bytes = encode("edge SELECT 1 edge");
  equal(mayContainEdge(bytes, 1, bytes.length - 1), false);
  equal(mayContainEdge(bytes, 0, bytes.length - 1), true);
  equal(mayContainEdge(bytes, 1, bytes.length), true);
});

Deno.test("agrees with a plain search on any ASCII text", () => {
  const text = fc.array(fc.constantFrom(..."edgtrialxEDG "), { maxLength: 40 });
  fc.assert(
    fc.property(text, (letters) => {
      const joined = letters.join("");
      equal(mayContainEdge(encode(joined)), /edge|trigger|alert/i.test(joined), joined);
    }),
    { numRuns: 5000 },
  );
});
