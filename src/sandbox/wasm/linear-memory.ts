/**
 * Places in a module's memory for the texts of one call. With an allocator among its exports they are
 * the allocator's; otherwise they lie in pages of our own, which we had the memory grow by: allocators
 * of Rust and AssemblyScript ask for pages themselves, and take no page they did not ask for.
 */
import type { WasmCallPlan } from "../../protocol/wasm-plan.ts";
import { functionOf, memoryOf } from "./program.ts";

const PAGE = 65_536;

/** Places begin at multiples of it, as the structures of two or three words need. */
const ALIGNMENT = 8;

export class LinearMemory {
  readonly #instance: WebAssembly.Instance;
  readonly #memory: WebAssembly.Memory;
  readonly #allocate: ((bytes: number) => unknown) | null;
  readonly #free: WasmCallPlan["free"];
  readonly #heapBase: number;
  readonly #startBytes: number;
  #pages = { address: 0, bytes: 0, used: 0 };

  constructor(instance: WebAssembly.Instance, plan: WasmCallPlan & { readonly memory: string }) {
    this.#instance = instance;
    this.#memory = memoryOf(instance, plan.memory);
    this.#allocate = plan.allocate === null ? null : functionOf(instance, plan.allocate);
    this.#free = plan.free;
    const heapBase = instance.exports["__heap_base"];
    this.#heapBase = heapBase instanceof WebAssembly.Global ? heapBase.value : 1;
    this.#startBytes = this.#memory.buffer.byteLength;
  }

  /** Bytes the memory has grown by since its instance is there. */
  get grownBytes(): number {
    return this.#memory.buffer.byteLength - this.#startBytes;
  }

  /** To be called when all places of a call are reserved at once: they lie together. */
  reserve(sizes: readonly number[]): number[] {
    if (this.#allocate !== null) return sizes.map((bytes) => this.#allocated(Math.max(bytes, 1)));
    const needed = sizes.reduce((sum, bytes) => sum + aligned(bytes), 0);
    if (needed > this.#pages.bytes) {
      const pages = Math.ceil(needed / PAGE);
      const address = this.#memory.grow(pages) * PAGE;
      this.#pages = { address, bytes: pages * PAGE, used: 0 };
    }
    let next = this.#pages.address;
    return sizes.map((bytes) => {
      const address = next;
      next += aligned(bytes);
      return address;
    });
  }

  /** `ours` says that {@link reserve} gave it, where there may be no allocator to give it back to. */
  release(address: number, bytes: number, ours: boolean): void {
    if (this.#free === null || (ours && this.#allocate === null)) return;
    // What lies below the heap is the module's own constant.
    if (address < this.#heapBase) return;
    const { name, takesLength } = this.#free;
    const free = functionOf(this.#instance, name);
    if (takesLength) free(address, Math.max(bytes, 1));
    else free(address);
  }

  write(address: number, bytes: Uint8Array): void {
    new Uint8Array(this.#memory.buffer).set(bytes, address);
  }

  writeWords(address: number, words: readonly number[]): void {
    const view = new DataView(this.#memory.buffer);
    words.forEach((word, index) => view.setUint32(address + 4 * index, word, true));
  }

  readWords(address: number, count: number): number[] {
    const view = new DataView(this.#memory.buffer);
    return Array.from({ length: count }, (_, index) => view.getUint32(address + 4 * index, true));
  }

  /** A view, until the memory grows. */
  read(address: number, bytes: number): Uint8Array {
    if (!this.holds(address, bytes)) {
      throw new RangeError(
        `the result's ${bytes} bytes at ${address} are not in the module's memory of ` +
          `${this.#memory.buffer.byteLength} bytes`,
      );
    }
    return new Uint8Array(this.#memory.buffer, address, bytes);
  }

  readToZero(address: number): Uint8Array {
    const rest = this.read(address, Math.max(0, this.#memory.buffer.byteLength - address));
    const length = rest.indexOf(0);
    if (length === -1) throw new RangeError("the result has no zero byte at its end");
    return rest.subarray(0, length);
  }

  holds(address: number, bytes: number): boolean {
    return address + bytes <= this.#memory.buffer.byteLength;
  }

  /** Whether a heap may have such a block. */
  holdsOnHeap(address: number, bytes: number): boolean {
    return address >= this.#heapBase && this.holds(address, bytes);
  }

  #allocated(bytes: number): number {
    const address = Number(this.#allocate?.(bytes)) >>> 0;
    if (address !== 0 && this.holds(address, bytes)) return address;
    throw new RangeError(
      `Could not allocate memory: the module's allocator gave none for ${bytes} bytes`,
    );
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
