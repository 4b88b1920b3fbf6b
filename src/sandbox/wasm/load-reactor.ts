/** Entry of the loader for modules that import WASI and export functions: libraries, "reactors". */
import type { WasmCallPlan } from "../../protocol/wasm-plan.ts";
import type { LoadOptions } from "./load-options.ts";
import { handlerFor } from "./text-call.ts";
import { assemblyScriptImports } from "./host-imports.ts";
import { OutputLines } from "./output-lines.ts";
import { WasmProgram } from "./program.ts";
import { Wasi } from "./wasi.ts";

export function load(plan: WasmCallPlan, options: LoadOptions) {
  const { log } = options;
  const output = new OutputLines((line) => log.log(line));
  const errors = new OutputLines((line) => log.error(line));
  const program = new WasmProgram(options, () => {
    const wasi = new Wasi({
      args: [plan.entry],
      env: Deno.env.toObject(),
      stdin: new Uint8Array(),
      write: (descriptor, chunk) => (descriptor === 1 ? output : errors).write(chunk),
    });
    const { env, ready } = assemblyScriptImports();
    return {
      imports: { env, wasi_snapshot_preview1: wasi.imports },
      ready: (instance) => {
        wasi.ready(instance);
        ready(instance);
      },
    };
  }, plan.initialize);
  const call = handlerFor(plan, program);
  return (...values: unknown[]) => {
    try {
      return call(...values);
    } finally {
      output.end();
      errors.end();
    }
  };
}
