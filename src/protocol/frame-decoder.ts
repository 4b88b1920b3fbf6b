import {
  type Frame,
  HEADER_BYTES,
  isFrameType,
  MAX_PAYLOAD_BYTES,
  ProtocolError,
  ProtocolLimitError,
  readUint32,
} from "./frame.ts";
import { copyInto, viewOf } from "./primordials.ts";

const { min } = Math;

/**
 * Cuts a byte stream into frames. Frames that lie whole in a chunk are handed out as views of it,
 * without a copy; only a frame cut by the chunk's edge is gathered in memory of its own.
 */
export class FrameDecoder {
  readonly #onFrame: (frame: Frame) => void;
  /** The start of a frame whose rest has not arrived. */
  #partial = new Uint8Array(HEADER_BYTES);
  #partialLength = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws {@link ProtocolError}; after that the decoder must not be used again. */
  push(chunk: Uint8Array): void {
    let offset = this.#partialLength === 0 ? 0 : this.#completePartial(chunk);
    while (chunk.length - offset >= HEADER_BYTES) {
      const end = offset + frameLength(chunk, offset);
      if (end > chunk.length) break;
      this.#onFrame(frameAt(chunk, offset, end));
      offset = end;
    }
    if (offset < chunk.length) this.#keep(viewOf(chunk, offset));
  }

  /** Bytes held of a frame that is still incomplete: non-zero at the end of a stream means it was cut. */
  get pendingBytes(): number {
    return this.#partialLength;
  }

  /** Returns how many bytes of `chunk` belonged to the frame begun before. */
  #completePartial(chunk: Uint8Array): number {
    let taken = 0;
    if (this.#partialLength < HEADER_BYTES) {
      taken = this.#fill(chunk, 0, HEADER_BYTES);
      if (this.#partialLength < HEADER_BYTES) return taken;
    }
    const length = frameLength(this.#partial, 0);
    this.#reserve(length);
    taken += this.#fill(chunk, taken, length);
    if (this.#partialLength === length) {
      const whole = this.#partial;
      this.#partial = new Uint8Array(HEADER_BYTES);
      this.#partialLength = 0;
      this.#onFrame(frameAt(whole, 0, length));
    }
    return taken;
  }

  #keep(rest: Uint8Array): void {
    if (rest.length >= HEADER_BYTES) this.#reserve(frameLength(rest, 0));
    this.#fill(rest, 0, rest.length);
  }

  #reserve(length: number): void {
    if (this.#partial.length >= length) return;
    const grown = new Uint8Array(length);
    copyInto(grown, viewOf(this.#partial, 0, this.#partialLength), 0);
    this.#partial = grown;
  }

  #fill(chunk: Uint8Array, from: number, upTo: number): number {
    const taken = min(upTo - this.#partialLength, chunk.length - from);
    copyInto(this.#partial, viewOf(chunk, from, from + taken), this.#partialLength);
    this.#partialLength += taken;
    return taken;
  }
}

function frameLength(bytes: Uint8Array, offset: number): number {
  const length = readUint32(bytes, offset);
  if (length > MAX_PAYLOAD_BYTES) {
    throw new ProtocolLimitError(
      `a frame of ${length} bytes is over the limit of ${MAX_PAYLOAD_BYTES}`,
    );
  }
  return HEADER_BYTES + length;
}

function frameAt(bytes: Uint8Array, offset: number, end: number): Frame {
  const type = bytes[offset + 4] ?? 0;
  if (!isFrameType(type)) throw new ProtocolError(`unknown frame type ${type}`);
  return {
    type,
    flags: bytes[offset + 5] ?? 0,
    callId: readUint32(bytes, offset + 6),
    payload: viewOf(bytes, offset + HEADER_BYTES, end),
  };
}
