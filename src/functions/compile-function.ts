/** Compiles a function of any language but Python, which its interpreter reads: `compile-python.ts`. */
import { type CompileInput, compileModule } from "./compile.ts";
import type { CompiledModule, Language } from "./function.ts";

export interface CompilerInput extends CompileInput {
  readonly language: Exclude<Language, "python">;
}

/** As {@link compileModule}. JavaScript and TypeScript are compiled at once. */
export function compileFunction(input: CompilerInput): CompiledModule | Promise<CompiledModule> {
  switch (input.language) {
    case "javascript":
    case "typescript":
      return compileModule(input);
    case "wasm":
      return compileLazily(input);
  }
}

/** Nobody who has no WebAssembly pays for its tools. */
async function compileLazily(input: CompileInput): Promise<CompiledModule> {
  const { compileWasm } = await import("./compile-wasm.ts");
  return await compileWasm(input);
}
