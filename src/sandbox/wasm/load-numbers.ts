/** Entry of the loader for functions of numbers without WASI. */
import type { WasmCallPlan } from "../../protocol/wasm-plan.ts";
import type { LoadOptions } from "./load-options.ts";
import { handlerOf, numberCall } from "./number-call.ts";
import { assemblyScriptImports } from "./host-imports.ts";
import { WasmProgram } from "./program.ts";

export function load(plan: WasmCallPlan, options: LoadOptions) {
  const makeImports = () => {
    const { env, ready } = assemblyScriptImports();
    return { imports: { env }, ready };
  };
  const program = new WasmProgram(options, makeImports, plan.initialize);
  return handlerOf(plan, program, numberCall(plan, program));
}
