import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { FrameType, HEADER_BYTES, MAX_PAYLOAD_BYTES, ProtocolError } from "./frame.ts";
import { Outbox } from "./outbox.ts";

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

Deno.test("frames of one turn go out in one write", async () => {
  const writes: number[] = [];
  const outbox = new Outbox((bytes) => Promise.resolve(void writes.push(bytes.length)));
  for (let i = 0; i < 5; i++) outbox.bytes(FrameType.ping, 0, i);
  deepStrictEqual(writes, []);
  await turn();
  deepStrictEqual(writes, [5 * HEADER_BYTES]);
});

Deno.test("what is put while a write is under way goes with the next one, in order", async () => {
  const writes: number[][] = [];
  let finish = () => {};
  const outbox = new Outbox((bytes) => {
    writes.push([...bytes].filter((_, at) => at % HEADER_BYTES === 9));
    return new Promise((resolve) => finish = resolve);
  });
  outbox.bytes(FrameType.ping, 0, 1);
  await turn();
  outbox.bytes(FrameType.ping, 0, 2);
  outbox.bytes(FrameType.ping, 0, 3);
  strictEqual(outbox.backlogBytes, 3 * HEADER_BYTES);
  await turn();
  deepStrictEqual(writes, [[1]]);
  finish();
  await turn();
  finish();
  deepStrictEqual(writes, [[1], [2, 3]]);
  await turn();
  strictEqual(outbox.backlogBytes, 0);
});

Deno.test("a failed write closes the outbox without a rejection that nobody handles", async () => {
  let writes = 0;
  const outbox = new Outbox(() => {
    writes++;
    return Promise.reject(new Error("broken pipe"));
  });
  outbox.bytes(FrameType.ping, 0, 1);
  await turn();
  outbox.bytes(FrameType.ping, 0, 2);
  await turn();
  strictEqual(writes, 1);
  strictEqual(outbox.backlogBytes, 0);
});

Deno.test("an oversized frame is refused and leaves the others whole", async () => {
  const written: number[] = [];
  const outbox = new Outbox((bytes) => Promise.resolve(void written.push(...bytes)));
  outbox.bytes(FrameType.ping, 0, 1);
  throws(() => outbox.text(FrameType.log, 0, 1, "é".repeat(MAX_PAYLOAD_BYTES)), ProtocolError);
  outbox.bytes(FrameType.ping, 0, 2);
  await turn();
  strictEqual(written.length, 2 * HEADER_BYTES);
});
