/** Entry of the loader for WASI programs: each call runs the program from its start, in fresh memory. */
import type { WasmCommandPlan } from "../../protocol/wasm-plan.ts";
import { inputOf, joined, LastWords, resultOf } from "./command.ts";
import type { LoadOptions } from "./load-options.ts";
import { functionOf, WasmProgram } from "./program.ts";
import { toJson } from "./texts.ts";
import { Wasi, WasiExit } from "./wasi.ts";

export function load(plan: WasmCommandPlan, options: LoadOptions) {
  const { log } = options;
  let stdin = new Uint8Array();
  let output: Uint8Array[] = [];
  let errors = new LastWords((line) => log.error(line));
  const program = new WasmProgram(options, () => {
    const wasi = new Wasi({
      args: [plan.program],
      env: Deno.env.toObject(),
      stdin,
      write: (descriptor, chunk) => {
        if (descriptor === 1) output.push(chunk.slice());
        else errors.write(chunk);
      },
    });
    return {
      imports: { wasi_snapshot_preview1: wasi.imports },
      ready: (instance) => wasi.ready(instance),
    };
  }, null);
  return (...values: unknown[]) => {
    stdin = new TextEncoder().encode(toJson(inputOf(plan, values)));
    output = [];
    errors = new LastWords((line) => log.error(line));
    try {
      functionOf(program.fresh(), "_start")();
    } catch (thrown) {
      errors.end();
      if (!(thrown instanceof WasiExit)) throw thrown;
      if (thrown.status !== 0) throw errors.failure(thrown.status);
    }
    errors.end();
    return resultOf(joined(output), plan.result);
  };
}
