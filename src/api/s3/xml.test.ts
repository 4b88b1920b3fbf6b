import assert from "node:assert/strict";
import { z } from "zod";
import { parseXml, writeXml } from "./xml.ts";

const schema = z.object({ Key: z.string() });
const parse = (text: string) => parseXml(new TextEncoder().encode(text), "A", schema);

Deno.test("texts come back as they were written", () => {
  for (const Key of ["a", " a ", `<&>"'`, "ü 😀", "&amp;", "1.0", "true"]) {
    assert.deepEqual(parse(writeXml("A", { Key })), { Key });
  }
});

Deno.test("escapes by number are understood, with and without a declaration", () => {
  assert.deepEqual(parse(`<?xml version="1.0"?>\n<A>\n  <Key>&#34;a&#x22;</Key>\n</A>`), {
    Key: '"a"',
  });
});

const none = [
  "",
  "<A>",
  "<A><Key>a</A>",
  "<A/>",
  "<B><Key>a</Key></B>",
  "<A><Key><Key>a</Key></Key></A>",
  `<!DOCTYPE A [<!ENTITY e "e">]><A><Key>&e;</Key></A>`,
];

for (const text of none) {
  Deno.test(`no such document: ${text || "nothing"}`, () => {
    assert.throws(() => parse(text), { code: "MalformedXML" });
  });
}
