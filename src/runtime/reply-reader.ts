import { OrlaError } from "../base/errors.ts";
import type { Call, HttpReply, PayloadReply, Timing } from "../functions/call.ts";
import { BodyReceiver } from "../protocol/body-receiver.ts";
import { FrameType, ProtocolError } from "../protocol/frame.ts";
import { decodeHttpReplyHead, decodeText, splitHead } from "../protocol/messages.ts";
import type { CallPort } from "./call-port.ts";
import { SocketBridge } from "./socket-bridge.ts";

/** A result is held in memory whole and ends in one SQL value or one response. */
export const MAX_RESULT_BYTES = 32 << 20;

interface ReplyReaderOptions {
  readonly port: CallPort;
  readonly timing: Timing;
  readonly resolve: (reply: HttpReply | PayloadReply) => void;
  /** The consumer of the body wants no more. */
  readonly cancelled: () => void;
  readonly failed: (error: OrlaError) => void;
}

/** Takes one call's reply apart as it arrives. What it reads comes from untrusted code. */
export class ReplyReader {
  readonly status: number | null;
  readonly socket: SocketBridge | null;
  readonly #options: ReplyReaderOptions;
  #receiver: BodyReceiver | undefined;
  #chunks: Uint8Array[] | undefined;
  #chunkBytes = 0;

  constructor(call: Call, payload: Uint8Array, ended: boolean, options: ReplyReaderOptions) {
    this.#options = options;
    const { head, body } = splitHead(payload);
    if (call.kind === "payload") {
      this.status = null;
      this.socket = null;
      if (ended) this.#resolvePayload(decodeText(body));
      else this.#chunks = [body.slice()];
      return;
    }
    const reply = decodeHttpReplyHead(head);
    this.socket = reply.socket === undefined
      ? null
      : new SocketBridge(reply.socket, options.port, options.cancelled);
    this.status = this.socket === null ? reply.status : 101;
    options.resolve({
      kind: "http",
      status: this.status,
      headers: reply.headers,
      body: this.socket === null ? this.#bodyOf(body, ended) : null,
      webSocket: this.socket,
      timing: options.timing,
    });
  }

  /** TIMEOUT bounds the upgrade of a WebSocket, not the conversation. */
  get outlivesDeadline(): boolean {
    return this.socket !== null;
  }

  granted(bytes: number): void {
    this.socket?.granted(bytes);
  }

  body(chunk: Uint8Array, ended: boolean): void {
    if (this.socket !== null) {
      if (ended) this.socket.ended();
      return;
    }
    if (this.#receiver !== undefined) {
      this.#receiver.push(chunk);
      if (ended) this.#receiver.end();
      return;
    }
    if (this.#chunks === undefined) {
      throw new ProtocolError("a body that its reply did not announce");
    }
    this.#collect(this.#chunks, chunk, ended);
  }

  fail(error: OrlaError): void {
    this.#receiver?.fail(error);
    this.socket?.lost();
  }

  #bodyOf(first: Uint8Array, ended: boolean): Uint8Array | ReadableStream<Uint8Array> | null {
    if (ended) return first.length === 0 ? null : first.slice();
    const { port: { outbox, callId }, cancelled } = this.#options;
    this.#receiver = new BodyReceiver({
      grant: (bytes) => outbox.uint32(FrameType.credit, callId, bytes),
      cancelled,
    });
    this.#receiver.first(first);
    return this.#receiver.stream;
  }

  #collect(chunks: Uint8Array[], chunk: Uint8Array, ended: boolean): void {
    const { port: { outbox, callId }, failed } = this.#options;
    this.#chunkBytes += chunk.length;
    if (this.#chunkBytes > MAX_RESULT_BYTES) {
      return failed(new OrlaError("limit_exceeded", "The function's result is larger than 32MB"));
    }
    chunks.push(chunk.slice());
    if (chunk.length > 0) outbox.uint32(FrameType.credit, callId, chunk.length);
    if (ended) this.#resolvePayload(decodeText(concat(chunks)));
  }

  #resolvePayload(output: string): void {
    this.#options.resolve({ kind: "payload", output, timing: this.#options.timing });
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
