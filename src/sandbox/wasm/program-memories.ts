/**
 * The memories that the instances of a program have, one instance after the other. A memory is
 * cleared and used again, which takes 20 µs a megabyte; one that is dropped costs 170 when it is
 * collected, for all of it and not only what was touched.
 */
import type { WasmMemoryLimits } from "../../protocol/wasm-plan.ts";
import { DroppedMemory } from "./dropped-memory.ts";

const PAGE = 65_536;
const MB = 1 << 20;

/** Of MEMORY: what is cleared stays, and every page of it is in use from then on. */
const CLEARED_SHARE = 1 / 4;

/** What calls have made a memory grow by is of no use to the next, which makes it grow again. */
const GROWN_BYTES = 4 << 20;

/** One instance lives at a time. */
const DROPPED_SHARE = 1 / 2;

export class ProgramMemories {
  readonly #limits: readonly WasmMemoryLimits[];
  readonly #dropped: DroppedMemory;
  readonly #clearedBytes: number;
  #memories: (WebAssembly.Memory | null)[];

  constructor(limits: readonly WasmMemoryLimits[], memoryMb: number) {
    this.#limits = limits;
    this.#dropped = new DroppedMemory(memoryMb, DROPPED_SHARE);
    this.#clearedBytes = memoryMb * MB * CLEARED_SHARE;
    this.#memories = limits.map(() => null);
  }

  /** What the next instance imports. The one before cannot be used any more. */
  take(): WebAssembly.ModuleImports {
    this.#memories = this.#memories.map((memory, index) => this.#cleared(memory, index));
    this.#dropped.makeRoom();
    const imports: WebAssembly.ModuleImports = {};
    for (const [index, limits] of this.#limits.entries()) {
      imports[index] = this.#memories[index] ??= new WebAssembly.Memory(limits);
    }
    return imports;
  }

  #cleared(memory: WebAssembly.Memory | null, index: number): WebAssembly.Memory | null {
    const limits = this.#limits[index];
    if (memory === null || limits === undefined) return null;
    const { buffer } = memory;
    if (buffer.byteLength <= this.#clearedBytes && canBeCleared(buffer.byteLength, limits)) {
      new Uint8Array(buffer).fill(0);
      return memory;
    }
    this.#dropped.add(buffer.byteLength);
    return null;
  }
}

/** One with a maximum can grow less when it has grown before, which a program could notice. */
function canBeCleared(bytes: number, { initial, maximum }: WasmMemoryLimits): boolean {
  const grownBytes = bytes - initial * PAGE;
  return grownBytes === 0 || maximum === undefined && grownBytes <= GROWN_BYTES;
}
