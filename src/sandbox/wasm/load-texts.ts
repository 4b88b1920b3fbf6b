/** Entry of the loader for functions of texts without WASI. */
import type { WasmCallPlan } from "../../protocol/wasm-plan.ts";
import type { LoadOptions } from "./load-options.ts";
import { handlerFor } from "./text-call.ts";
import { assemblyScriptImports } from "./host-imports.ts";
import { WasmProgram } from "./program.ts";

export function load(plan: WasmCallPlan, options: LoadOptions) {
  const makeImports = () => {
    const { env, ready } = assemblyScriptImports();
    return { imports: { env }, ready };
  };
  return handlerFor(plan, new WasmProgram(options, makeImports, plan.initialize));
}
