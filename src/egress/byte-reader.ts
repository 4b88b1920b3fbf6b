/** Reads a connection with a view of what comes next. */

/** What a message head mostly fits in; a connection that is idle holds no more. */
const FIRST_BYTES = 8 * 1024;

/** Reads that fill the buffer show that there is a lot to come: fewer, larger ones then. */
const BULK_BYTES = 64 * 1024;

const CR = 13;
const LF = 10;

interface ByteSource {
  read(into: Uint8Array): Promise<number | null>;
}

/** The head is longer than it may be. */
export class TooLongError extends Error {}

/** The connection ended within a message. */
export class TruncatedError extends Error {}

export class ByteReader {
  readonly #source: ByteSource;
  #buffer = new Uint8Array(FIRST_BYTES);
  #start = 0;
  #end = 0;
  #filling: Promise<boolean> | undefined;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** What was read and not taken yet. Good until the next `fill`. */
  get buffered(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** `count` bytes of `buffered` are done with. */
  advance(count: number): void {
    this.#start += count;
  }

  /** Waits for more; `false` when none will come. May be called again while it waits. */
  fill(): Promise<boolean> {
    return this.#filling ??= this.#read().finally(() => this.#filling = undefined);
  }

  /** A message's head as Latin-1, without the empty line; `undefined` at the connection's end. */
  async head(maxBytes: number): Promise<Uint8Array | undefined> {
    let scanned = 0;
    for (;;) {
      const bytes = this.buffered;
      const end = emptyLineIn(bytes, Math.max(0, scanned - 3));
      if (end > maxBytes) throw new TooLongError();
      if (end >= 0) {
        const head = bytes.slice(0, end);
        this.advance(end + 4);
        return head;
      }
      scanned = bytes.length;
      if (scanned > maxBytes) throw new TooLongError();
      if (await this.fill()) continue;
      if (scanned === 0) return undefined;
      throw new TruncatedError("it ended within a message's head");
    }
  }

  async #read(): Promise<boolean> {
    if (this.#start === this.#end) {
      if (this.#end === this.#buffer.length && this.#end < BULK_BYTES) {
        this.#buffer = new Uint8Array(BULK_BYTES);
      } else if (this.#end < FIRST_BYTES && this.#buffer.length > FIRST_BYTES) {
        this.#buffer = new Uint8Array(FIRST_BYTES);
      }
      this.#start = this.#end = 0;
    } else if (this.#end === this.#buffer.length) this.#makeRoom();
    const count = await this.#source.read(this.#buffer.subarray(this.#end));
    this.#end += count ?? 0;
    return count !== null;
  }

  #makeRoom(): void {
    const kept = this.buffered;
    const isHalf = kept.length <= this.#buffer.length / 2;
    const room = isHalf ? this.#buffer : new Uint8Array(this.#buffer.length * 2);
    room.set(kept);
    this.#buffer = room;
    this.#start = 0;
    this.#end = kept.length;
  }
}

function emptyLineIn(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(CR, from); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at;
  }
  return -1;
}

export async function writeAll(
  to: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await to.write(bytes.subarray(sent));
}
