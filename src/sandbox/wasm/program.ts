/**
 * A compiled module and the instance of it that answers calls. Calls do not overlap: WebAssembly runs
 * to its end. An instance that trapped is not used again, because nobody knows what it left half
 * done; the next call gets a fresh one, which costs some 50 µs.
 */

import { wasmMemoryModule } from "../../protocol/wasm-plan.ts";
import type { LoadOptions } from "./load-options.ts";
import { ProgramMemories } from "./program-memories.ts";

/** What the host gives the module to import, made anew for each instance. */
export type MakeImports = () => {
  readonly imports: WebAssembly.Imports;
  /** Called before anything of the module runs that may use its memory. */
  readonly ready: (instance: WebAssembly.Instance) => void;
};

export class WasmProgram {
  readonly #module: WebAssembly.Module;
  readonly #makeImports: MakeImports;
  readonly #initialize: string | null;
  readonly #memories: ProgramMemories;
  #current: WebAssembly.Instance | null = null;

  constructor(
    { bytes, memories, memoryMb }: LoadOptions,
    makeImports: MakeImports,
    initialize: string | null,
  ) {
    this.#module = new WebAssembly.Module(bytes);
    this.#memories = new ProgramMemories(memories, memoryMb);
    this.#makeImports = makeImports;
    this.#initialize = initialize;
  }

  instance(): WebAssembly.Instance {
    return this.#current ??= this.fresh();
  }

  /** In memory that is as good as new. Ends the one before. */
  fresh(): WebAssembly.Instance {
    const { imports, ready } = this.#makeImports();
    const instance = new WebAssembly.Instance(this.#module, {
      ...imports,
      [wasmMemoryModule]: this.#memories.take(),
    });
    ready(instance);
    if (this.#initialize !== null) functionOf(instance, this.#initialize)();
    return instance;
  }

  discard(): void {
    this.#current = null;
  }
}

/** A function the plan names: the compiler has seen it among the exports. */
export function functionOf(
  instance: WebAssembly.Instance,
  name: string,
): (...args: (number | bigint)[]) => number | bigint | undefined {
  return instance.exports[name] as never;
}

export function memoryOf(instance: WebAssembly.Instance, name: string): WebAssembly.Memory {
  return instance.exports[name] as WebAssembly.Memory;
}
