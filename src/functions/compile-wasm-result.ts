/** What compiling WebAssembly comes to: a module, or why there is none. */
import type { WasmPlan } from "../protocol/wasm-plan.ts";
import { OrlaError } from "../base/errors.ts";
import type { Source } from "./compile-diagnostic.ts";
import type { WasmRefusal } from "./compile-wasm-plan.ts";
import type { CompiledModule } from "./function.ts";

export function compiled(
  plan: WasmPlan,
  files: Readonly<Record<string, Uint8Array>>,
): CompiledModule {
  return {
    code: JSON.stringify(plan),
    files: Object.fromEntries(
      Object.entries(files).map(([name, bytes]) => [name, bytes.toBase64()]),
    ),
    sourceMap: null,
    style: plan.kind === "component" && plan.entry.kind === "http" ? "web" : "main",
  };
}

export function refused(source: Source, { message, hint }: WasmRefusal): OrlaError {
  return new OrlaError("invalid_code", `the module of function ${source.name} ${message}`, {
    position: 0,
    ...(hint === undefined ? {} : { hint }),
  });
}
