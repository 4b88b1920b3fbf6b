/** Components, which need WASI 0.2 and the canonical ABI: jco makes core modules and JavaScript of them. */
import { OrlaError } from "../base/errors.ts";
import type { Source } from "./compile-diagnostic.ts";
import type { WasmSignature } from "./compile-wasm-plan.ts";
import type { CompiledModule } from "./function.ts";

export function compileComponent(
  source: Source,
  _bytes: Uint8Array<ArrayBuffer>,
  _signature: WasmSignature,
): Promise<CompiledModule> {
  return Promise.reject(
    new OrlaError("not_supported", `function ${source.name} is a component`, { position: 0 }),
  );
}
