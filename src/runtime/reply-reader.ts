import type { OrlaError } from "../base/errors.ts";
import type { Call, HttpReply, PayloadReply, Timing } from "../functions/call.ts";
import { BodyReceiver } from "../protocol/body-receiver.ts";
import { FrameType, MAX_RESULT_BYTES, ProtocolError } from "../protocol/frame.ts";
import { decodeHttpReplyHead, decodeText, splitHead } from "../protocol/messages.ts";
import type { CallPort } from "./call-port.ts";
import { SocketBridge } from "./socket-bridge.ts";

interface ReplyReaderOptions {
  readonly port: CallPort;
  readonly timing: Timing;
  readonly maxBytes: number;
  readonly resolve: (reply: HttpReply | PayloadReply) => void;
  /** The consumer of the body wants no more. */
  readonly cancelled: () => void;
  readonly failed: (error: OrlaError) => void;
  readonly tooLarge: () => OrlaError;
}

/** Takes one call's reply apart as it arrives. What it reads comes from untrusted code. */
export class ReplyReader {
  readonly status: number | null;
  readonly socket: SocketBridge | null;
  readonly #options: ReplyReaderOptions;
  #receiver: BodyReceiver | undefined;
  #chunks: Uint8Array[] | undefined;
  #bytes = 0;
  #refused = false;

  constructor(call: Call, payload: Uint8Array, ended: boolean, options: ReplyReaderOptions) {
    this.#options = options;
    const { head, body } = splitHead(payload);
    if (call.kind === "payload") {
      this.status = null;
      this.socket = null;
      if (!this.#fits(body.length, Math.min(options.maxBytes, MAX_RESULT_BYTES))) return;
      if (ended) this.#resolvePayload(decodeText(body));
      else this.#chunks = [body.slice()];
      return;
    }
    const reply = decodeHttpReplyHead(head);
    this.socket = reply.socket === undefined
      ? null
      : new SocketBridge(reply.socket, options.port, options.cancelled);
    this.status = this.socket === null ? reply.status : 101;
    const announced = ended ? 0 : announcedBytes(reply.headers);
    if (!this.#fits(Math.max(announced, body.length), options.maxBytes)) return;
    this.#bytes = body.length;
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
    if (this.#refused) return;
    if (this.#receiver !== undefined) {
      if (!this.#fits(chunk.length, this.#options.maxBytes)) return;
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
    const { port: { outbox, callId }, maxBytes } = this.#options;
    if (!this.#fits(chunk.length, Math.min(maxBytes, MAX_RESULT_BYTES))) {
      chunks.length = 0;
      return;
    }
    chunks.push(chunk.slice());
    if (chunk.length > 0) outbox.uint32(FrameType.credit, callId, chunk.length);
    if (ended) this.#resolvePayload(decodeText(concat(chunks)));
  }

  /** Counts what arrives. Past the limit the call fails, and what else comes of it means nothing. */
  #fits(bytes: number, maxBytes: number): boolean {
    this.#bytes += bytes;
    if (this.#bytes <= maxBytes) return true;
    this.#refused = true;
    this.#options.failed(this.#options.tooLarge());
    return false;
  }

  #resolvePayload(output: string): void {
    this.#options.resolve({ kind: "payload", output, timing: this.#options.timing });
  }
}

/** 0 where nothing is announced. */
function announcedBytes(headers: readonly string[]): number {
  for (let i = 0; i < headers.length; i += 2) {
    // In range: names and values come in pairs.
    if (headers[i]?.toLowerCase() === "content-length") return Number(headers[i + 1]) || 0;
  }
  return 0;
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
