import { CHUNK_BYTES, Flag, FrameType, INITIAL_CREDIT } from "./frame.ts";
import type { Outbox } from "./outbox.ts";
import { uncurryThis, viewOf } from "./primordials.ts";

type Reader = ReadableStreamDefaultReader<Uint8Array>;

const read = uncurryThis(ReadableStreamDefaultReader.prototype.read) as (
  reader: Reader,
) => Promise<ReadableStreamReadResult<Uint8Array>>;
const cancel = uncurryThis(ReadableStreamDefaultReader.prototype.cancel) as (
  reader: Reader,
  reason: unknown,
) => Promise<void>;
const { min, floor } = Math;
const Bytes = Uint8Array;
const ignore = () => {};
const slice = uncurryThis(String.prototype.slice);
const charCodeAt = uncurryThis(String.prototype.charCodeAt);
const encoder = new TextEncoder();
const encodeInto = encoder.encodeInto.bind(encoder);

/** At three bytes for a UTF-16 code unit, the most there can be. */
const UNITS_PER_CHUNK = floor(CHUNK_BYTES / 3);

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit < 0xdc00;

/** Sends one body as `body` frames, never further ahead of its reader than the credit it has. */
export class BodySender {
  readonly #outbox: Outbox;
  readonly #callId: number;
  readonly #endFlags: () => number;
  #credit = INITIAL_CREDIT;
  #wake: (() => void) | undefined;
  #stopped = false;
  #reader: Reader | undefined;

  /** `endFlags` are asked when the body ends and go with the `end` flag. */
  constructor(outbox: Outbox, callId: number, endFlags: () => number = () => 0) {
    this.#outbox = outbox;
    this.#callId = callId;
    this.#endFlags = endFlags;
  }

  /** The reader took bytes off its hands. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  /** Sends no more; the stream is cancelled with the reason. */
  stop(reason: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake?.();
    // What its author's cancel() throws concerns nobody any more.
    if (this.#reader !== undefined) cancel(this.#reader, reason).catch(ignore);
  }

  /** Resolves when the end is sent or sending was stopped; rejects when the stream fails. */
  async sendStream(reader: Reader, first = read(reader)): Promise<void> {
    this.#reader = reader;
    let next = first;
    for (;; next = read(reader)) {
      const { done, value } = await next;
      if (this.#stopped) return;
      if (done) return this.#end();
      if (!(value instanceof Bytes)) {
        const error = new TypeError("a streamed body must consist of Uint8Array chunks");
        this.stop(error);
        throw error;
      }
      await this.#sendChunk(value);
    }
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    await this.#sendChunk(bytes);
    if (!this.#stopped) this.#end();
  }

  /** Encodes piece by piece: a text of many megabytes is not in memory twice. */
  async sendText(text: string): Promise<void> {
    const piece = new Bytes(CHUNK_BYTES);
    let offset = 0;
    while (offset < text.length && !this.#stopped) {
      let end = min(text.length, offset + UNITS_PER_CHUNK);
      // Not through a surrogate pair.
      if (end < text.length && isHighSurrogate(charCodeAt(text, end - 1))) end--;
      const { written } = encodeInto(slice(text, offset, end), piece);
      await this.#sendChunk(viewOf(piece, 0, written));
      offset = end;
    }
    if (!this.#stopped) this.#end();
  }

  #end(): void {
    this.#outbox.bytes(FrameType.body, Flag.end | this.#endFlags(), this.#callId);
  }

  async #sendChunk(bytes: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < bytes.length && !this.#stopped) {
      if (this.#credit <= 0) {
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
        continue;
      }
      const size = min(bytes.length - offset, this.#credit, CHUNK_BYTES);
      this.#credit -= size;
      this.#outbox.bytes(FrameType.body, 0, this.#callId, viewOf(bytes, offset, offset + size));
      offset += size;
    }
  }
}
