/**
 * Reads the pieces that WebAssembly's binary format is made of. Only for modules that V8 has found
 * valid. https://webassembly.github.io/spec/core/binary/
 */

/** Of a module, by their ids. */
export const wasmSections = {
  custom: 0,
  types: 1,
  imports: 2,
  functions: 3,
  memories: 5,
  exports: 7,
} as const;

export interface WasmMemory {
  readonly initialPages: bigint;
  readonly maximumPages: bigint | null;
  readonly is64: boolean;
  readonly shared: boolean;
}

export class WasmReader {
  offset = 0;
  readonly #bytes: Uint8Array;
  static readonly #utf8 = new TextDecoder();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.offset >= this.#bytes.length;
  }

  skip(bytes: number): void {
    this.offset += bytes;
  }

  peek(): number {
    return this.#bytes[this.offset] ?? 0;
  }

  byte(): number {
    return this.#bytes[this.offset++] ?? 0;
  }

  /** LEB128, signed numbers too where only their length matters. */
  unsigned(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  size(): number {
    return Number(this.unsigned());
  }

  list(item: () => void): void {
    for (let count = this.size(); count > 0; count--) item();
  }

  name(): string {
    const length = this.size();
    this.offset += length;
    return WasmReader.#utf8.decode(this.#bytes.subarray(this.offset - length, this.offset));
  }

  memory(): WasmMemory {
    const flags = this.byte();
    const initialPages = this.unsigned();
    const maximumPages = (flags & 1) === 0 ? null : this.unsigned();
    if ((flags & 8) !== 0) this.unsigned();
    return { initialPages, maximumPages, is64: (flags & 4) !== 0, shared: (flags & 2) !== 0 };
  }
}
