/**
 * Memory of WebAssembly that nobody uses any more. V8 gives it back when it has collected garbage,
 * and it does that in steps, beside the calls: at thousands of calls a second these fill what is left
 * of MEMORY before it is done, and V8 dies of any allocation that is refused meanwhile. So garbage is
 * collected at once when there is much.
 */

const MB = 1 << 20;

export class DroppedMemory {
  readonly #memoryBytes: number;
  readonly #mostBytes: number;
  #bytes = 0;
  #largest = 0;

  /** `mostShare` is of MEMORY. The rest is for what the calls need, and for V8. */
  constructor(memoryMb: number, mostShare: number) {
    this.#memoryBytes = memoryMb * MB;
    this.#mostBytes = this.#memoryBytes * mostShare;
  }

  /** So many bytes that belonged together were left to V8. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#largest = Math.max(this.#largest, bytes);
  }

  /** To be called ahead of a call that may need as much as the largest before it. */
  makeRoom(): void {
    if (this.#bytes === 0) return;
    if (this.#bytes + this.#largest <= this.#mostBytes) return;
    collectGarbage(2 * this.#memoryBytes);
    this.#bytes = 0;
  }
}

/**
 * Asks for more than can be had: before V8 refuses an ArrayBuffer, it collects all garbage. 11 ms, as
 * `gc()` takes that only a flag would give. Where nothing limits memory, there is no harm in waiting.
 */
function collectGarbage(unavailableBytes: number): void {
  try {
    new ArrayBuffer(unavailableBytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}
