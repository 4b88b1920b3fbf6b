/** Appends messages to one growing buffer; {@link MessageWriter.take} yields them for one write. */

const utf8 = new TextEncoder();
const INITIAL_BYTES = 256;

export class MessageWriter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(INITIAL_BYTES);
  #length = 0;
  /** Where the open message's length stands. */
  #lengthAt = 0;

  /** Opens a message; `end` closes it. */
  begin(type: number): this {
    this.#reserve(5);
    this.#bytes[this.#length] = type;
    this.#lengthAt = this.#length + 1;
    this.#length += 5;
    return this;
  }

  /** Opens a start-up packet, which has no type byte. */
  beginUntyped(): this {
    this.#reserve(4);
    this.#lengthAt = this.#length;
    this.#length += 4;
    return this;
  }

  end(): this {
    writeInt32(this.#bytes, this.#lengthAt, this.#length - this.#lengthAt);
    return this;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  int16(value: number): this {
    this.#reserve(2);
    this.#bytes[this.#length++] = value >> 8;
    this.#bytes[this.#length++] = value;
    return this;
  }

  int32(value: number): this {
    this.#reserve(4);
    writeInt32(this.#bytes, this.#length, value);
    this.#length += 4;
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** UTF-8 without a terminator. */
  text(value: string): this {
    // A UTF-16 code unit takes three bytes of UTF-8 at most.
    this.#reserve(value.length * 3);
    this.#length += utf8.encodeInto(value, this.#bytes.subarray(this.#length)).written;
    return this;
  }

  /** UTF-8 and a zero byte. A zero inside would end the string early: it is cut there. */
  string(value: string): this {
    const zero = value.indexOf("\0");
    return this.text(zero === -1 ? value : value.slice(0, zero)).byte(0);
  }

  /** A column value: its length, then its UTF-8. `null` is length −1. */
  value(value: string | null): this {
    if (value === null) return this.int32(-1);
    const at = this.#length;
    this.int32(0).text(value);
    writeInt32(this.#bytes, at, this.#length - at - 4);
    return this;
  }

  /** All messages so far. The writer starts afresh, the bytes are the caller's. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(INITIAL_BYTES);
    this.#length = 0;
    return taken;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

function writeInt32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >> 24;
  bytes[offset + 1] = value >> 16;
  bytes[offset + 2] = value >> 8;
  bytes[offset + 3] = value;
}
