/** Versions of WebAssembly functions, compiled as CREATE EDGE FUNCTION compiles them. */
import { compileFunction } from "../../src/functions/compile-function.ts";
import type { FunctionOptions, FunctionVersion, Parameter } from "../../src/functions/function.ts";
import { version } from "../runtime/rig.ts";

export interface WasmInput extends Partial<FunctionOptions> {
  readonly name?: string;
  readonly parameters?: readonly Parameter[] | null;
  readonly returns?: string | null;
  readonly functionId?: string;
}

/** `code` is text of a module, or base64. */
export async function wasmVersion(code: string, input: WasmInput = {}): Promise<FunctionVersion> {
  const { name = "hello", parameters = null, returns = null, ...options } = input;
  const module = await compileFunction({ code, language: "wasm", name, parameters, returns });
  return {
    ...version(code, { parameters, ...options }),
    language: "wasm",
    name,
    returns,
    module,
  };
}

/** `"a int, b text"` as parameters. */
export function parametersOf(text: string): Parameter[] {
  return text.split(",").map((part) => {
    const [name = null, ...type] = part.trim().split(" ");
    return { name, type: type.join(" ") };
  });
}

/** A committed binary, as base64; its source and build script lie beside it. */
export function fixture(name: string): string {
  return Deno.readFileSync(new URL(`fixtures/${name}/module.wasm`, import.meta.url)).toBase64();
}

// The assembler starts a thread when it is first used, which tests would take for a leak of theirs.
await compileFunction({
  code: '(module (func (export "main")))',
  language: "wasm",
  name: "warm_up",
  parameters: [],
  returns: "void",
});
