import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { followBody, requestFraming, responseFraming } from "./body-framing.ts";
import { type HeaderField, HeadError } from "./http-head.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** How many bytes of the chunks belong to the body, and whether it is over. */
function follow(framing: Parameters<typeof followBody>[0], ...chunks: Uint8Array[]) {
  const body = followBody(framing);
  let count = 0;
  for (const chunk of chunks) {
    const consumed = body.consume(chunk);
    count += consumed;
    if (consumed < chunk.length) break;
  }
  return { count, done: body.done };
}

const CHUNKED =
  '5\r\nhello\r\nA;name="v;" ;x\r\n0123456789\r\n000\r\nTrailer: x\r\nOther: y\r\n\r\n';

Deno.test("a chunked body ends where it ends, cut at every place, whatever follows", () => {
  const whole = bytes(`${CHUNKED}GET / HTTP/1.1\r\n\r\n`);
  for (let at = 0; at <= whole.length; at++) {
    const { count, done } = follow({ kind: "chunked" }, whole.subarray(0, at), whole.subarray(at));
    deepEqual({ count, done }, { count: CHUNKED.length, done: true }, `cut at ${at}`);
  }
  const singles = [...whole].map((byte) => new Uint8Array([byte]));
  equal(follow({ kind: "chunked" }, ...singles).count, CHUNKED.length);
});

Deno.test("chunks of any size are followed to their end", () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }));
  fc.assert(fc.property(chunks, fc.nat(), (chunks, seed) => {
    const parts = chunks.flatMap((
      chunk,
    ) => [bytes(`${chunk.length.toString(16)}\r\n`), chunk, bytes("\r\n")]);
    const whole = new Uint8Array([...parts, bytes("0\r\n\r\n")].flatMap((part) => [...part]));
    const at = seed % (whole.length + 1);
    const followed = follow({ kind: "chunked" }, whole.subarray(0, at), whole.subarray(at));
    deepEqual(followed, { count: whole.length, done: true });
  }));
});

Deno.test("malformed chunks are refused wherever they are cut", () => {
  const malformed = [
    ...["\r\n", "g\r\n", "-1\r\n", "+1\r\nx", "0x1\r\nx", " 1\r\nx", ";\r\n", "\n", "1\nx\n"],
    ...[
      "1\r\nxy",
      "1\r\nx\n",
      "1\r\nx\r\r",
      "1\rx",
      "0\r\n\n",
      "0\r\nA: b\n",
      "12345678901234\r\n",
    ],
    ...[`1;${"x".repeat(9000)}\r\n`, `0\r\n${`T: ${"x".repeat(1000)}\r\n`.repeat(70)}`],
  ];
  for (const text of malformed) {
    const all = bytes(text);
    throws(() => follow({ kind: "chunked" }, all), HeadError, JSON.stringify(text.slice(0, 30)));
    if (all.length > 30) continue;
    for (let at = 1; at < all.length; at++) {
      throws(() => follow({ kind: "chunked" }, all.subarray(0, at), all.subarray(at)), HeadError);
    }
  }
});

Deno.test("lengths, none and until the end", () => {
  deepEqual(follow({ kind: "none" }, bytes("x")), { count: 0, done: true });
  deepEqual(follow({ kind: "length", bytes: 5 }, bytes("ab"), bytes("cdefg")), {
    count: 5,
    done: true,
  });
  deepEqual(follow({ kind: "length", bytes: 5 }, bytes("ab")), { count: 2, done: false });
  deepEqual(follow({ kind: "close" }, bytes("ab"), bytes("cd")), { count: 4, done: false });
});

Deno.test("how a message's headers frame its body", () => {
  const fields = (...lines: string[]): HeaderField[] =>
    lines.map((line) => [line.split(": ")[0] ?? "", line.split(": ")[1] ?? ""]);
  deepEqual(requestFraming([]), { kind: "none" });
  deepEqual(requestFraming(fields("Content-Length: 0")), { kind: "none" });
  deepEqual(requestFraming(fields("content-length: 12", "Content-Length: 12")), {
    kind: "length",
    bytes: 12,
  });
  deepEqual(requestFraming(fields("Transfer-Encoding: Chunked")), { kind: "chunked" });
  throws(
    () => requestFraming(fields("Content-Length: 1", "Transfer-Encoding: chunked")),
    HeadError,
  );
  throws(() => requestFraming(fields("Transfer-Encoding: gzip, chunked")), HeadError);
  throws(() => requestFraming(fields("Content-Length: 1", "Content-Length: 2")), HeadError);
  throws(() => requestFraming(fields("Content-Length: 1e3")), HeadError);

  const response = (status: number, ...lines: string[]) =>
    responseFraming("GET", status, fields(...lines));
  deepEqual(response(200), { kind: "close" });
  deepEqual(response(204, "Content-Length: 5"), { kind: "none" });
  deepEqual(response(304, "Transfer-Encoding: chunked"), { kind: "none" });
  deepEqual(responseFraming("HEAD", 200, fields("Content-Length: 5")), { kind: "none" });
  deepEqual(response(200, "Content-Length: 5", "Transfer-Encoding: chunked"), { kind: "chunked" });
  deepEqual(response(200, "Transfer-Encoding: gzip, chunked"), { kind: "chunked" });
  deepEqual(response(200, "Transfer-Encoding: gzip"), { kind: "close" });
  throws(() => response(200, "Content-Length: x"), HeadError);
});
