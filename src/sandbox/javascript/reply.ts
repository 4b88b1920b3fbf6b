/** Turns what a handler returned into frames. */
import { BodySender } from "../../protocol/body-sender.ts";
import { Flag, FrameType, INLINE_BODY_BYTES } from "../../protocol/frame.ts";
import { encodeMessage, type HttpReplyHead } from "../../protocol/messages.ts";
import type { Outbox } from "../../protocol/outbox.ts";
import { copyInto, uncurryThis } from "../../protocol/primordials.ts";
import { ResponseTooLarge } from "./errors.ts";
import { sourceOf } from "./response.ts";
import type { RunningCall } from "./running-call.ts";
import { acceptedSocket } from "./web-socket.ts";

type Reader = ReadableStreamDefaultReader<Uint8Array>;

const Bytes = Uint8Array;
const getter = <T, R>(prototype: T, name: keyof T) =>
  uncurryThis(Object.getOwnPropertyDescriptor(prototype, name)?.get as (this: T) => R);
const statusOf = getter<Response, number>(Response.prototype, "status");
const headersOf = getter<Response, Headers>(Response.prototype, "headers");
const isUsed = getter<Response, boolean>(Response.prototype, "bodyUsed");
const bodyOf = getter<Response, ReadableStream<Uint8Array> | null>(Response.prototype, "body");
const forEachHeader = uncurryThis(Headers.prototype.forEach);
const getReader = uncurryThis(ReadableStream.prototype.getReader) as (
  stream: ReadableStream<Uint8Array>,
) => Reader;
const read = uncurryThis(ReadableStreamDefaultReader.prototype.read) as (
  reader: Reader,
) => Promise<ReadableStreamReadResult<Uint8Array>>;
const cancelReader = uncurryThis(ReadableStreamDefaultReader.prototype.cancel) as (
  reader: Reader,
) => Promise<void>;
const { then } = Promise.prototype;
const { apply } = Reflect;
const ignore = () => {};

/** A genuine `Response`, whatever its prototype was made to look like. */
export function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  try {
    statusOf(value as Response);
    return true;
  } catch {
    return false;
  }
}

export async function sendResponse(outbox: Outbox, call: RunningCall, response: Response) {
  const socket = acceptedSocket(response);
  if (socket !== undefined) {
    const head = { status: 200, headers: [], socket: socket.protocol };
    if (!call.closed) outbox.head(FrameType.reply, 0, call.id, encodeMessage(head), null);
    call.socket = socket;
    await socket.run(outbox, call.id);
    if (!call.closed) outbox.bytes(FrameType.body, Flag.end | call.endFlags(), call.id);
    return;
  }
  const head: HttpReplyHead = { status: statusOf(response), headers: flatten(headersOf(response)) };
  if (head.status < 200) {
    throw new TypeError(
      `a response with status ${head.status} cannot be sent; Response.error() has none`,
    );
  }
  const text = sourceOf(response);
  if (text !== undefined && !isUsed(response)) {
    const isHead = call.head.kind === "http" && call.head.method === "HEAD";
    return await sendBody(outbox, call, encodeMessage(head), isHead ? null : text);
  }
  const body = bodyOf(response);
  if (body === null || (call.head.kind === "http" && call.head.method === "HEAD")) {
    if (body !== null) cancelReader(getReader(body)).catch(ignore);
    return sendWhole(outbox, call, encodeMessage(head), null);
  }
  await sendStream(outbox, call, encodeMessage(head), getReader(body));
}

export async function sendBody(
  outbox: Outbox,
  call: RunningCall,
  head: string,
  body: string | Uint8Array | null,
): Promise<void> {
  // A text has at least as many bytes as it has units.
  if (body !== null && body.length > call.maxResponseBytes) throw new ResponseTooLarge();
  if (body === null || body.length <= INLINE_BODY_BYTES) {
    return sendWhole(outbox, call, head, body);
  }
  if (call.closed) return;
  outbox.head(FrameType.reply, 0, call.id, head, null);
  const sender = call.sender = new BodySender(outbox, call.id, call.endFlags);
  await (typeof body === "string" ? sender.sendText(body) : sender.sendBytes(body));
}

function sendWhole(
  outbox: Outbox,
  call: RunningCall,
  head: string,
  body: string | Uint8Array | null,
): void {
  if (call.closed) return;
  outbox.head(FrameType.reply, Flag.end | call.endFlags(), call.id, head, body);
}

export function flatten(headers: Headers): string[] {
  const flat: string[] = [];
  forEachHeader(headers, (value, name) => {
    flat[flat.length] = name;
    flat[flat.length] = value;
  });
  return flat;
}

/** Enough turns of the microtask queue for a stream that has its chunk at hand to deliver it. */
const TURNS = 8;

/**
 * A body that is there already goes with its head in one frame. One that is still being made must
 * not hold the head back: what came so far is sent and the rest follows.
 */
async function sendStream(outbox: Outbox, call: RunningCall, head: string, reader: Reader) {
  let collected: Uint8Array | null = null;
  let pending: PendingRead | undefined;
  for (;;) {
    pending = new PendingRead(reader);
    for (let turn = 0; turn < TURNS && pending.state === "waiting"; turn++) await undefined;
    if (pending.state !== "done") break;
    const { result } = pending as { result: ReadableStreamReadResult<Uint8Array> };
    if (result.done) return sendWhole(outbox, call, head, collected);
    if (!(result.value instanceof Bytes)) break;
    const size = (collected?.length ?? 0) + result.value.length;
    if (size > call.maxResponseBytes) {
      cancelReader(reader).catch(ignore);
      throw new ResponseTooLarge();
    }
    if (size > INLINE_BODY_BYTES) break;
    collected = collected === null ? result.value : concat(collected, result.value);
  }
  if (call.closed) return void cancelReader(reader).catch(ignore);
  if (pending.state === "failed") throw pending.error;
  outbox.head(FrameType.reply, 0, call.id, head, collected);
  const sender = call.sender = new BodySender(outbox, call.id, call.endFlags);
  await sender.sendStream(reader, pending.promise);
}

class PendingRead {
  readonly promise: Promise<ReadableStreamReadResult<Uint8Array>>;
  state: "waiting" | "done" | "failed" = "waiting";
  result: ReadableStreamReadResult<Uint8Array> | undefined;
  error: unknown;

  constructor(reader: Reader) {
    this.promise = read(reader);
    apply(then, this.promise, [(result: ReadableStreamReadResult<Uint8Array>) => {
      this.state = "done";
      this.result = result;
    }, (error: unknown) => {
      this.state = "failed";
      this.error = error;
    }]);
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Bytes(first.length + second.length);
  copyInto(whole, first, 0);
  copyInto(whole, second, first.length);
  return whole;
}
