/**
 * Host calls: what a function asks of the platform, and the answers. One message is UTF-8 JSON, cut
 * into frames of `[u32 id][chunk]`, the last of which has `Flag.end`; `functions/host-services.ts` says
 * what is in it. Used by both sides, so only with what `primordials.ts` keeps safe.
 */
import { Flag, type FrameType, ProtocolError, readUint32, writeUint32 } from "./frame.ts";
import type { Outbox } from "./outbox.ts";
import { copyInto, copyOf, viewOf } from "./primordials.ts";

/** JSON bytes in one frame: other calls' frames get in between. */
export const HOST_CHUNK_BYTES = 64 * 1024;

/** A message longer than this wants to be a stream. Both ways. */
export const MAX_HOST_MESSAGE_BYTES = 32 * 1024 * 1024;

/** Host calls of one instance without an answer yet. */
export const MAX_OPEN_HOST_CALLS = 1000;

const ID_BYTES = 4;
const { min, max } = Math;
const Bytes = Uint8Array;
const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const decoder = new TextDecoder();
const decode = decoder.decode.bind(decoder);

export interface HostFrame {
  readonly id: number;
  /** A view, as the frame's payload is. */
  readonly chunk: Uint8Array;
}

export function splitHostFrame(payload: Uint8Array): HostFrame {
  if (payload.length < ID_BYTES || payload.length > ID_BYTES + HOST_CHUNK_BYTES) {
    throw new ProtocolError("a host call's frame has an impossible length");
  }
  return { id: readUint32(payload, 0), chunk: viewOf(payload, ID_BYTES) };
}

export function encodeHostMessage(text: string): Uint8Array {
  return encode(text);
}

/** Puts a whole message into the outbox. The caller has checked its size. */
export function sendHostMessage(
  outbox: Outbox,
  type: FrameType,
  callId: number,
  id: number,
  message: Uint8Array,
): void {
  for (let from = 0; from === 0 || from < message.length; from += HOST_CHUNK_BYTES) {
    const to = min(from + HOST_CHUNK_BYTES, message.length);
    const payload = new Bytes(ID_BYTES + to - from);
    writeUint32(payload, 0, id);
    copyInto(payload, viewOf(message, from, to), ID_BYTES);
    outbox.bytes(type, to === message.length ? Flag.end : 0, callId, payload);
  }
}

/** Gathers the frames of one message. */
export class HostMessage {
  #bytes = new Bytes(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies the chunk. The caller has checked that the message may grow by it. */
  add(chunk: Uint8Array): void {
    if (this.#length === 0) {
      this.#bytes = copyOf(chunk);
    } else {
      const needed = this.#length + chunk.length;
      if (needed > this.#bytes.length) {
        const grown = new Bytes(max(needed, min(2 * needed, MAX_HOST_MESSAGE_BYTES)));
        copyInto(grown, viewOf(this.#bytes, 0, this.#length), 0);
        this.#bytes = grown;
      }
      copyInto(this.#bytes, chunk, this.#length);
    }
    this.#length += chunk.length;
  }

  text(): string {
    return decode(viewOf(this.#bytes, 0, this.#length));
  }
}
