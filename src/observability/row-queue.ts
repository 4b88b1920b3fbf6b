/**
 * Rows waiting to be written, oldest first, bounded by their total length. When the database is too
 * slow the oldest go, in whole chunks: what happened last is what an operator wants to see.
 *
 * They wait as bytes, encoded some dozens at a time. As strings they would each live until the next
 * batch, 200 ms and many garbage collections later, and be moved by the first two of those.
 */
import { NO_ROWS, type RowBytes } from "./row-bytes.ts";

/** Also the most one batch takes: small enough to retry cheaply, large enough for COPY. */
const CHUNK_ROWS = 2_000;
const CHUNK_BYTES = 1024 * 1024;
const FIRST_CHUNK_BYTES = 16 * 1024;

/** Encoding has a price for each time it is asked. */
const ENCODED_AT_ONCE = 8 * 1024;

/** The longest UTF-8 encoding of one UTF-16 code unit. */
const UTF8_BYTES_PER_UNIT = 3;

const encoder = new TextEncoder();

export class RowQueue {
  readonly #maxBytes: number;
  #full: RowBytes[] = [];
  #fullBytes = 0;
  #fullRows = 0;
  #open = new Uint8Array(FIRST_CHUNK_BYTES);
  #openBytes = 0;
  #openRows = 0;
  #text = "";
  #textRows = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get rows(): number {
    return this.#fullRows + this.#openRows + this.#textRows;
  }

  /** Takes a row with its line feed. Returns the number of rows dropped to make room. */
  push(row: string): number {
    this.#text += row;
    this.#textRows++;
    if (this.#text.length < ENCODED_AT_ONCE) return 0;
    this.#encode();
    return this.#fullBytes + this.#openBytes > this.#maxBytes ? this.take().count : 0;
  }

  /** Takes out the oldest chunk, without rows when there is nothing. */
  take(): RowBytes {
    if (this.#full.length === 0) {
      this.#encode();
      this.#close();
    }
    const oldest = this.#full.shift();
    if (oldest === undefined) return NO_ROWS;
    this.#fullBytes -= oldest.bytes.length;
    this.#fullRows -= oldest.count;
    return oldest;
  }

  #encode(): void {
    if (this.#textRows === 0) return;
    const most = this.#text.length * UTF8_BYTES_PER_UNIT;
    if (this.#openRows >= CHUNK_ROWS || this.#openBytes + most > CHUNK_BYTES) this.#close();
    if (this.#openBytes + most > this.#open.length) this.#grow(this.#openBytes + most);
    const { written } = encoder.encodeInto(this.#text, this.#open.subarray(this.#openBytes));
    this.#openBytes += written;
    this.#openRows += this.#textRows;
    this.#text = "";
    this.#textRows = 0;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#open.length * 2));
    grown.set(this.#open.subarray(0, this.#openBytes));
    this.#open = grown;
  }

  #close(): void {
    if (this.#openRows === 0) return;
    const bytes = this.#open.subarray(0, this.#openBytes);
    this.#full.push({ count: this.#openRows, bytes });
    this.#fullBytes += this.#openBytes;
    this.#fullRows += this.#openRows;
    // The next will hardly be much larger, or much smaller.
    this.#open = new Uint8Array(
      Math.max(FIRST_CHUNK_BYTES, Math.min(this.#openBytes, CHUNK_BYTES)),
    );
    this.#openBytes = 0;
    this.#openRows = 0;
  }
}
