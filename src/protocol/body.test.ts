/** Both ends of one streamed body, joined by frames. */
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { BodyReceiver } from "./body-receiver.ts";
import { BodySender } from "./body-sender.ts";
import { CHUNK_BYTES, Flag, FrameType, INITIAL_CREDIT, ProtocolError } from "./frame.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import { Outbox } from "./outbox.ts";

function pair(onSent: (bytes: number) => void = () => {}) {
  const cancelled = Promise.withResolvers<unknown>();
  const receiver = new BodyReceiver({
    grant: (bytes) => sender.grant(bytes),
    cancelled: cancelled.resolve,
  });
  const decoder = new FrameDecoder(({ type, flags, payload }) => {
    strictEqual(type, FrameType.body);
    onSent(payload.length);
    receiver.push(payload);
    if ((flags & Flag.end) !== 0) receiver.end();
  });
  const outbox = new Outbox((bytes) => Promise.resolve(decoder.push(bytes)));
  const sender = new BodySender(outbox, 1);
  return { sender, receiver, cancelled: cancelled.promise };
}

const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 5));

Deno.test("a body far beyond the credit arrives whole and in order", async () => {
  const { sender, receiver } = pair();
  const source = new Uint8Array(INITIAL_CREDIT * 5 + 17).map((_, at) => at % 251);
  receiver.first(source.subarray(0, 10));
  const [received] = await Promise.all([
    new Response(receiver.stream).bytes(),
    sender.sendBytes(source.subarray(10)),
  ]);
  deepStrictEqual(received, source);
});

Deno.test("a sender stops at its credit until the reader reads", async () => {
  let sent = 0;
  const { sender, receiver } = pair((bytes) => sent += bytes);
  const sending = sender.sendBytes(new Uint8Array(INITIAL_CREDIT * 3));
  await settled();
  strictEqual(sent, INITIAL_CREDIT);
  const reader = receiver.stream.getReader();
  await reader.read();
  await settled();
  strictEqual(sent, INITIAL_CREDIT + CHUNK_BYTES);
  while (!(await reader.read()).done) { /* to the end */ }
  await sending;
  strictEqual(sent, INITIAL_CREDIT * 3);
});

Deno.test("a cancelled reader says so once, and stopping cancels the source", async () => {
  const { sender, receiver, cancelled } = pair();
  const sourceCancelled = Promise.withResolvers<unknown>();
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1000)),
    cancel: sourceCancelled.resolve,
  });
  const sending = sender.sendStream(source.getReader());
  const reader = receiver.stream.getReader();
  await reader.read();
  await reader.cancel("enough");
  strictEqual(await cancelled, "enough");
  sender.stop("stopped");
  strictEqual(await sourceCancelled.promise, "stopped");
  await sending;
});

Deno.test("a failed source rejects; a failed receiver fails its stream", async () => {
  const { sender, receiver } = pair();
  const source = new ReadableStream<Uint8Array>({ start: (c) => c.error(new Error("source")) });
  await rejects(sender.sendStream(source.getReader()), { message: "source" });
  receiver.fail(new Error("connection"));
  await rejects(new Response(receiver.stream).text(), { message: "connection" });
});

Deno.test("chunks that are no bytes are refused", async () => {
  const { sender } = pair();
  const source = new ReadableStream({ pull: (c) => c.enqueue("text") });
  await rejects(sender.sendStream(source.getReader()), TypeError);
});

Deno.test("a sender without credit, or after its end, breaks the protocol", () => {
  const overdrawn = pair().receiver;
  overdrawn.push(new Uint8Array(INITIAL_CREDIT));
  throws(() => overdrawn.push(new Uint8Array(1)), ProtocolError);
  const ended = pair().receiver;
  ended.push(new Uint8Array(1));
  ended.end();
  throws(() => ended.push(new Uint8Array(1)), ProtocolError);
});
