import assert from "node:assert/strict";
import { unwrapChunks } from "./aws-chunked.ts";

const text = "5\r\nhello\r\nA\r\n, 3 worlds\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
const bytes = new TextEncoder().encode(text);

async function unwrap(pieces: readonly Uint8Array[], change: { length?: number } = {}) {
  const trailers: string[] = [];
  const body = unwrapChunks({
    ...{ source: ReadableStream.from(pieces), signer: null, hasTrailer: true, length: 15 },
    onTrailer: (...line) => void trailers.push(line.join(" ")),
    ...change,
  });
  return { content: await new Response(ReadableStream.from(body)).text(), trailers };
}

const whole = { content: "hello, 3 worlds", trailers: ["x-amz-checksum-crc32 AAAAAA=="] };

Deno.test("it makes no difference where the stream is cut", async () => {
  for (let at = 0; at <= bytes.length; at++) {
    assert.deepEqual(await unwrap([bytes.slice(0, at), bytes.slice(at)]), whole, `at ${at}`);
  }
  assert.deepEqual(await unwrap(Array.from(bytes, (byte) => Uint8Array.of(byte))), whole);
});

Deno.test("nothing that ends too early is whole", async () => {
  for (let at = 0; at < bytes.length; at++) {
    await assert.rejects(unwrap([bytes.slice(0, at)]), { code: "IncompleteBody" }, `at ${at}`);
  }
});

const broken: readonly (readonly [string, string])[] = [
  ["no size", "x\r\nhello\r\n0\r\n\r\n"],
  ["a size without end", `${"0".repeat(2000)}5\r\nhello`],
  ["a line without end", "1".repeat(100_000)],
  ["a piece longer than it says", "4\r\nhello\r\n0\r\n\r\n"],
  ["more than announced", "ff\r\nhello"],
  ["a trailer that is none", "f\r\nhello, 3 worlds\r\n0\r\nwhat\r\n\r\n"],
  ["something after the end", `${text}0`],
  ["trailers without end", `f\r\nhello, 3 worlds\r\n0\r\n${"a:b\r\n".repeat(11)}\r\n`],
];

for (const [what, wrapped] of broken) {
  Deno.test(`refused: ${what}`, async () => {
    await assert.rejects(unwrap([new TextEncoder().encode(wrapped)]), { code: "InvalidRequest" });
  });
}

Deno.test("a length that was announced otherwise is refused", async () => {
  await assert.rejects(unwrap([bytes], { length: 16 }), { code: "IncompleteBody" });
  await assert.rejects(unwrap([bytes], { length: 14 }), { code: "InvalidRequest" });
});
