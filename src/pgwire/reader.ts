/** Reads the fields of one message body, with every length checked. */
import { ProtocolViolation } from "./violation.ts";

const utf8 = new TextDecoder();

export class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  byte(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  int16(): number {
    const at = this.#advance(2);
    return (((this.#bytes[at] as number) << 8 | (this.#bytes[at + 1] as number)) << 16) >> 16;
  }

  int32(): number {
    return readInt32(this.#bytes, this.#advance(4));
  }

  /** A view, valid as long as the buffer under it. */
  bytes(length: number): Uint8Array {
    if (length < 0) throw new ProtocolViolation(`invalid field length ${length}`);
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** The bytes of a zero-terminated string, without the zero. A view. */
  stringBytes(): Uint8Array {
    const zero = this.#bytes.indexOf(0, this.#offset);
    if (zero === -1 || zero >= this.#end) {
      throw new ProtocolViolation("a string in the message is not terminated");
    }
    const view = this.#bytes.subarray(this.#offset, zero);
    this.#offset = zero + 1;
    return view;
  }

  string(): string {
    return utf8.decode(this.stringBytes());
  }

  /** What is left over means that sender and reader disagree about the message. */
  finish(): void {
    if (this.remaining !== 0) {
      throw new ProtocolViolation(`${this.remaining} bytes too many in the message`);
    }
  }

  #advance(bytes: number): number {
    const at = this.#offset;
    if (at + bytes > this.#end) throw new ProtocolViolation("the message is too short");
    this.#offset = at + bytes;
    return at;
  }
}

export function readInt32(bytes: Uint8Array, offset: number): number {
  // The caller has checked that four bytes are here.
  return ((bytes[offset] as number) << 24) | ((bytes[offset + 1] as number) << 16) |
    ((bytes[offset + 2] as number) << 8) | (bytes[offset + 3] as number);
}
