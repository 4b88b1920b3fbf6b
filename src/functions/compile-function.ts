/** Compiles a function of any language. */
import { OrlaError } from "../base/errors.ts";
import { type CompileInput, compileModule } from "./compile.ts";
import type { CompiledModule } from "./function.ts";

/** As {@link compileModule}. JavaScript and TypeScript are compiled at once. */
export function compileFunction(input: CompileInput): CompiledModule | Promise<CompiledModule> {
  switch (input.language) {
    case "javascript":
    case "typescript":
      return compileModule(input);
    case "wasm":
      return compileLazily(input);
    case "python":
      throw new OrlaError("not_supported", "LANGUAGE python is not supported yet");
  }
}

/** Nobody who has no WebAssembly pays for its tools. */
async function compileLazily(input: CompileInput): Promise<CompiledModule> {
  const { compileWasm } = await import("./compile-wasm.ts");
  return await compileWasm(input);
}
