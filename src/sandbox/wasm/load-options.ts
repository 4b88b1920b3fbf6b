/** What the generated module hands its loader. */
import type { WasmMemoryLimits } from "../../protocol/wasm-plan.ts";

export interface LoadOptions {
  /** The module. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What it imports beside functions. */
  readonly memories: readonly WasmMemoryLimits[];
  /** The function's MEMORY. */
  readonly memoryMb: number;
  /** `console` of the instance, whose lines belong to the running call. */
  readonly log: { log(line: string): void; error(line: string): void };
}
