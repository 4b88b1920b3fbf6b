import assert from "node:assert/strict";
import { contentTypeOf } from "./content-type.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const gif = bytes("GIF89a\x01\x00\x01\x00");
const xml = bytes('<?xml version="1.0"?><svg/>');

Deno.test("what the bytes are counts, then what is declared", async () => {
  const cases: readonly (readonly [Uint8Array, string | null, string])[] = [
    [gif, "text/html", "image/gif"],
    [gif, null, "image/gif"],
    [bytes("hello"), "text/Plain; charset=utf-8", "text/plain; charset=utf-8"],
    [bytes("hello"), null, "application/octet-stream"],
    [bytes(""), "no type", "application/octet-stream"],
    [bytes(""), "text/plain\r\nx: y", "application/octet-stream"],
    [bytes(""), `text/${"x".repeat(300)}`, "application/octet-stream"],
    [xml, "image/svg+xml", "image/svg+xml"],
    [xml, "image/png", "application/xml"],
  ];
  for (const [head, declared, expected] of cases) {
    assert.equal(await contentTypeOf(head, declared), expected, String(declared));
  }
});
