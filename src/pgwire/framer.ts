/**
 * Cuts a byte stream of the PostgreSQL protocol (version 3, after start-up) into messages, without
 * copying those that nobody wants to read.
 *
 * Every message is one type byte, a big-endian length that counts itself but not the type, and a
 * body. The owner reads from its socket into {@link MessageFramer.space}, reports the count with
 * {@link MessageFramer.received}, and calls {@link MessageFramer.next} until it returns false. Each
 * `true` shows one wanted message, whole, at `buffer[start, end)`. All bytes before `passable` may
 * then be forwarded; {@link MessageFramer.discard} makes room for the next read.
 *
 * Modes: at a header (fewer than five of its bytes may be here) → passing an unwanted body, of which
 * `#passing` bytes are still to come → at a header; or holding a wanted message of `#holding` bytes
 * until all of them are here → at a header.
 *
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import { readInt32 } from "./reader.ts";
import { ProtocolViolation } from "./violation.ts";

/** Type byte and length. */
export const HEADER_BYTES = 5;

/** Postgres' own cap on one message (`PQ_LARGE_MESSAGE_LIMIT`, MaxAllocSize − 1). */
export const MAX_MESSAGE_BYTES = 0x3fffffff - 1;

/** Enough for ordinary traffic; a thousand sessions take 32 MB. */
const SMALL_BUFFER_BYTES = 16 * 1024;
/** For bulk transfer: one read of a socket rarely yields more. */
const LARGE_BUFFER_BYTES = 64 * 1024;

export interface FramerOptions {
  /**
   * Called once per message, as soon as its header is here. True asks for the whole message, which
   * is then held in memory: check `bodyBytes` against a cap.
   */
  wants(type: number, bodyBytes: number): boolean;
  readonly maxMessageBytes?: number;
}

export class MessageFramer {
  buffer: Uint8Array<ArrayBuffer> = new Uint8Array(SMALL_BUFFER_BYTES);
  /** The wanted message shown by `next`: its type, and its bytes with the header. */
  type = 0;
  start = 0;
  end = 0;

  readonly #wants: (type: number, bodyBytes: number) => boolean;
  readonly #maxMessageBytes: number;
  #filled = 0;
  #position = 0;
  #passing = 0;
  #holding = 0;

  constructor(options: FramerOptions) {
    this.#wants = options.wants;
    this.#maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  }

  /** Bytes before this offset are judged; those after it are part of an incomplete message. */
  get passable(): number {
    return this.#position;
  }

  /** True between two messages: what is sent now cannot land inside one. */
  get atBoundary(): boolean {
    return this.#passing === 0 && this.#filled === this.#position;
  }

  /** Free room to read into, never empty. Grows with what has arrived, not with what is announced. */
  space(): Uint8Array<ArrayBuffer> {
    if (this.#filled === this.buffer.length) {
      const grown = new Uint8Array(Math.max(this.buffer.length * 2, LARGE_BUFFER_BYTES));
      grown.set(this.buffer);
      this.buffer = grown;
    }
    return this.#filled === 0 ? this.buffer : this.buffer.subarray(this.#filled);
  }

  received(bytes: number): void {
    this.#filled += bytes;
  }

  /** @throws {ProtocolViolation} when a length cannot be right. */
  next(): boolean {
    const buffer = this.buffer;
    const filled = this.#filled;
    let position = this.#position;
    for (;;) {
      if (this.#passing > 0) {
        const passed = Math.min(this.#passing, filled - position);
        position += passed;
        this.#passing -= passed;
      }
      if (this.#holding === 0) {
        if (filled - position < HEADER_BYTES) break;
        const type = buffer[position] as number;
        const length = readInt32(buffer, position + 1);
        if (length < 4 || length > this.#maxMessageBytes) {
          throw new ProtocolViolation(`invalid message length ${length}`);
        }
        if (!this.#wants(type, length - 4)) {
          this.#passing = length + 1;
          continue;
        }
        this.type = type;
        this.#holding = length + 1;
      }
      if (filled - position < this.#holding) break;
      this.start = position;
      this.end = position + this.#holding;
      this.#position = this.end;
      this.#holding = 0;
      return true;
    }
    this.#position = position;
    return false;
  }

  /** Forgets the bytes before `passable`. The offsets of `next` are void afterwards. */
  discard(): void {
    const rest = this.#filled - this.#position;
    if (rest > 0) {
      if (this.#position > 0) this.buffer.copyWithin(0, this.#position, this.#filled);
    } else if (this.buffer.length > LARGE_BUFFER_BYTES) {
      // A large statement has passed; its buffer need not live as long as the session.
      this.buffer = new Uint8Array(SMALL_BUFFER_BYTES);
    } else if (this.#filled === this.buffer.length && this.#filled < LARGE_BUFFER_BYTES) {
      this.buffer = new Uint8Array(LARGE_BUFFER_BYTES);
    }
    this.#filled = rest;
    this.#position = 0;
  }
}
