import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { Flag, type Frame, FrameType, MAX_PAYLOAD_BYTES, ProtocolError } from "./frame.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import { Outbox } from "./outbox.ts";

interface Plain {
  readonly type: number;
  readonly flags: number;
  readonly callId: number;
  readonly payload: readonly number[];
}

const plain = ({ type, flags, callId, payload }: Frame): Plain => ({
  type,
  flags,
  callId,
  payload: [...payload],
});

function decode(chunks: readonly Uint8Array[]): Plain[] {
  const frames: Plain[] = [];
  const decoder = new FrameDecoder((frame) => frames.push(plain(frame)));
  for (const chunk of chunks) {
    decoder.push(chunk);
    // Views must not outlive their push: whoever keeps one sees it here.
    chunk.fill(0xee);
  }
  strictEqual(decoder.pendingBytes, 0);
  return frames;
}

async function encoded(put: (outbox: Outbox) => void): Promise<Uint8Array> {
  const written: number[] = [];
  const done = Promise.withResolvers<void>();
  put(
    new Outbox((bytes) => {
      written.push(...bytes);
      done.resolve();
      return Promise.resolve();
    }),
  );
  await done.promise;
  return new Uint8Array(written);
}

const sample = (outbox: Outbox) => {
  outbox.bytes(FrameType.ping, 0, 0);
  outbox.head(FrameType.call, Flag.end, 1, '{"é":1}', "body ✓");
  outbox.bytes(FrameType.body, Flag.end, 0xffff_fffe, new Uint8Array([1, 2, 3]));
  outbox.uint32(FrameType.credit, 7, 0xdead_beef);
  outbox.text(FrameType.log, 2, 9, "line");
};

Deno.test("frames come out as they went in, cut at every offset", async () => {
  const bytes = await encoded(sample);
  const whole = decode([bytes.slice()]);
  deepStrictEqual(whole.map(({ type }) => type), [
    FrameType.ping,
    FrameType.call,
    FrameType.body,
    FrameType.credit,
    FrameType.log,
  ]);
  deepStrictEqual(whole[3], {
    type: FrameType.credit,
    flags: 0,
    callId: 7,
    payload: [0xde, 0xad, 0xbe, 0xef],
  });
  for (let cut = 0; cut <= bytes.length; cut++) {
    deepStrictEqual(decode([bytes.slice(0, cut), bytes.slice(cut)]), whole, `cut at ${cut}`);
  }
  deepStrictEqual(decode([...bytes].map((byte) => new Uint8Array([byte]))), whole);
});

Deno.test("any frames survive any cutting", async () => {
  const frames = fc.array(
    fc.tuple(fc.nat(255), fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 60 })),
    { minLength: 1, maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(frames, fc.array(fc.integer({ min: 1, max: 40 })), async (list, sizes) => {
      const bytes = await encoded((outbox) => {
        for (const [flags, callId, payload] of list) {
          outbox.bytes(FrameType.body, flags, callId, payload);
        }
      });
      const chunks: Uint8Array[] = [];
      let offset = 0;
      for (const size of sizes) chunks.push(bytes.slice(offset, offset += size));
      chunks.push(bytes.slice(offset));
      deepStrictEqual(
        decode(chunks),
        list.map(([flags, callId, payload]) => ({
          type: FrameType.body,
          flags,
          callId,
          payload: [...payload],
        })),
      );
    }),
  );
});

Deno.test("a frame over the limit is refused at its header, before memory is taken for it", () => {
  const header = new Uint8Array([0xff, 0xff, 0xff, 0xff, FrameType.body, 0, 0, 0, 0, 1]);
  for (let cut = 4; cut <= header.length; cut++) {
    const decoder = new FrameDecoder(() => {});
    throws(() => {
      decoder.push(header.slice(0, cut));
      decoder.push(header.slice(cut));
    }, ProtocolError);
  }
});

Deno.test("an unknown type is refused", () => {
  for (const type of [0, 19, 255]) {
    const decoder = new FrameDecoder(() => {});
    throws(() => decoder.push(new Uint8Array([0, 0, 0, 0, type, 0, 0, 0, 0, 1])), ProtocolError);
  }
});

Deno.test("random bytes are frames or a ProtocolError, never anything else", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      new FrameDecoder(() => {}).push(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }));
});

Deno.test("the largest frame passes", async () => {
  const payload = new Uint8Array(MAX_PAYLOAD_BYTES).fill(7);
  const frames: number[] = [];
  const decoder = new FrameDecoder((frame) => frames.push(frame.payload.length));
  const done = Promise.withResolvers<void>();
  const outbox = new Outbox((bytes) => {
    for (let at = 0; at < bytes.length; at += 65_521) decoder.push(bytes.slice(at, at + 65_521));
    done.resolve();
    return Promise.resolve();
  });
  outbox.bytes(FrameType.body, 0, 1, payload);
  await done.promise;
  deepStrictEqual(frames, [MAX_PAYLOAD_BYTES]);
});
