/**
 * Rows waiting to be written, oldest first, bounded by their total length. When the database is too
 * slow the oldest go, in whole chunks: what happened last is what an operator wants to see.
 */

/** Also the most one batch takes: small enough to retry cheaply, large enough for COPY. */
const CHUNK_ROWS = 2_000;
const CHUNK_LENGTH = 1024 * 1024;

interface Chunk {
  readonly rows: string[];
  length: number;
}

export class RowQueue {
  readonly #maxLength: number;
  #chunks: Chunk[] = [];
  #length = 0;
  #rows = 0;

  /** `maxLength` in UTF-16 code units, which for nearly all rows are bytes. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Returns the number of rows dropped to make room. */
  push(row: string): number {
    let chunk = this.#chunks.at(-1);
    if (
      chunk === undefined || chunk.rows.length >= CHUNK_ROWS || chunk.length >= CHUNK_LENGTH
    ) {
      chunk = { rows: [], length: 0 };
      this.#chunks.push(chunk);
    }
    chunk.rows.push(row);
    chunk.length += row.length;
    this.#length += row.length;
    this.#rows++;
    return this.#length > this.#maxLength ? this.take().length : 0;
  }

  /** Takes out the oldest chunk; an empty array when there is nothing. */
  take(): string[] {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return [];
    this.#length -= chunk.length;
    this.#rows -= chunk.rows.length;
    return chunk.rows;
  }
}
