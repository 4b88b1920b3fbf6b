import assert from "node:assert/strict";
import fc from "fast-check";
import { HEADER_BYTES, MAX_MESSAGE_BYTES, MessageFramer } from "./framer.ts";
import { MessageWriter } from "./writer.ts";
import { ProtocolViolation } from "./violation.ts";

const WANTED = "Q".charCodeAt(0);
const OTHER = "d".charCodeAt(0);

interface Seen {
  readonly wanted: string[];
  readonly types: number[];
  readonly passed: number[];
}

/** Feeds chunks as a pump does; `passed` are the bytes it would forward. */
function feed(chunks: readonly Uint8Array[], framer?: MessageFramer): Seen {
  const types: number[] = [];
  const subject = framer ?? new MessageFramer({
    wants: (type) => {
      types.push(type);
      return type === WANTED;
    },
  });
  const wanted: string[] = [];
  const passed: number[] = [];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const space = subject.space();
      assert.ok(space.length > 0);
      const part = chunk.subarray(at, at + space.length);
      space.set(part);
      subject.received(part.length);
      at += part.length;
      while (subject.next()) {
        const body = subject.buffer.subarray(subject.start + HEADER_BYTES, subject.end);
        wanted.push(new TextDecoder().decode(body));
      }
      for (const byte of subject.buffer.subarray(0, subject.passable)) passed.push(byte);
      subject.discard();
    }
  }
  return { wanted, types, passed };
}

function message(type: number, body: string): Uint8Array {
  return new MessageWriter().begin(type).text(body).end().take();
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

const stream = concat([
  message(OTHER, ""),
  message(WANTED, "first"),
  message(OTHER, "some data"),
  message(OTHER, "more"),
  message(WANTED, ""),
  message(WANTED, "last"),
]);

Deno.test("the same messages come out wherever the stream is split in three", () => {
  for (let i = 0; i <= stream.length; i++) {
    for (let j = i; j <= stream.length; j++) {
      const seen = feed([stream.subarray(0, i), stream.subarray(i, j), stream.subarray(j)]);
      assert.deepEqual(seen.wanted, ["first", "", "last"]);
      assert.deepEqual(seen.types, [OTHER, WANTED, OTHER, OTHER, WANTED, WANTED]);
      assert.deepEqual(seen.passed, [...stream]);
    }
  }
});

Deno.test("any stream in any chunks passes unchanged", () => {
  const messages = fc.array(fc.tuple(fc.boolean(), fc.string({ maxLength: 60_000 })), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 70_000 })), (list, sizes) => {
      const bytes = concat(list.map(([want, body]) => message(want ? WANTED : OTHER, body)));
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const size of [...sizes, bytes.length]) chunks.push(bytes.subarray(at, at += size));
      const seen = feed(chunks);
      assert.deepEqual(seen.wanted, list.filter(([want]) => want).map(([, body]) => body));
      assert.deepEqual(seen.passed.length, bytes.length);
      assert.ok(seen.passed.every((byte, index) => byte === bytes[index]));
    }),
    { numRuns: 30 },
  );
});

Deno.test("a header's first bytes are held back until the message is judged", () => {
  const framer = new MessageFramer({ wants: () => false });
  feed([message(OTHER, "x"), stream.subarray(0, 3)], framer);
  assert.equal(framer.atBoundary, false);
  feed([stream.subarray(3, 5)], framer);
  assert.equal(framer.atBoundary, true);
});

Deno.test("memory grows with what has come, not with what is announced", () => {
  const framer = new MessageFramer({ wants: () => true });
  const announced = new MessageWriter().begin(WANTED).take();
  new DataView(announced.buffer).setInt32(1, 500_000_000);
  feed([announced, new Uint8Array(100_000)], framer);
  assert.ok(framer.buffer.length < 300_000, `${framer.buffer.length} bytes`);
});

Deno.test("a large message's buffer is given back", () => {
  const framer = new MessageFramer({ wants: () => true });
  feed([message(WANTED, "x".repeat(3_000_000))], framer);
  assert.ok(framer.buffer.length <= 65_536, `${framer.buffer.length} bytes`);
});

Deno.test("impossible lengths are refused", () => {
  for (const length of [-1, 0, 3, MAX_MESSAGE_BYTES + 1, 0x7fffffff]) {
    const bytes = new Uint8Array(HEADER_BYTES);
    bytes[0] = WANTED;
    new DataView(bytes.buffer).setInt32(1, length);
    assert.throws(() => feed([bytes]), ProtocolViolation, String(length));
  }
});

Deno.test("noise is refused or passed, and never read beyond", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (chunks) => {
    try {
      feed(chunks);
    } catch (thrown) {
      assert.ok(thrown instanceof ProtocolViolation);
    }
  }));
});
