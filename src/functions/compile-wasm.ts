/**
 * From the code of a WebAssembly function to what its instances load: the plan of its calls as the
 * module's code, and the binary beside it. Nothing is ever instantiated here: a module's start
 * function is a stranger's code, and this is the platform's process.
 */
import { OrlaError } from "../base/errors.ts";
import { codeError, type Source } from "./compile-diagnostic.ts";
import type { CompileInput } from "./compile.ts";
import { readWasmModule, type WasmModule } from "./compile-wasm-binary.ts";
import { compileComponent } from "./compile-wasm-component.ts";
import { compiled, refused } from "./compile-wasm-result.ts";
import { planWasm, WasmRefusal, type WasmSignature } from "./compile-wasm-plan.ts";
import { isBase64, wasmBytes } from "./compile-wasm-text.ts";
import { wasiFunctions } from "./compile-wasm-wasi.ts";
import type { CompiledModule } from "./function.ts";

/** The binary's name in {@link CompiledModule.files}, where it is not the code itself, as base64. */
export const wasmFileName = "module.wasm";

/** Throws `invalid_code`, `not_supported` or `payload_too_large`. */
export async function compileWasm(input: CompileInput): Promise<CompiledModule> {
  const source: Source = { name: input.name, code: input.code };
  const bytes = await wasmBytes(source);
  const signature: WasmSignature = {
    name: input.name,
    parameters: input.parameters?.map(({ name, type = "" }) => ({ name, type })) ?? null,
    returns: input.returns ?? null,
  };
  switch (kindOf(bytes)) {
    case "component":
      return await compileComponent(source, bytes, signature);
    case "module":
      return compileCore(source, bytes, signature);
    case null:
      throw codeError(source, {
        code: "invalid_code",
        title: "Error",
        message: "this is not WebAssembly: a module begins with the bytes 00 61 73 6d",
        offset: 0,
        hint: `It begins with ${bytes.subarray(0, 4).toHex().replace(/..(?=.)/g, "$& ")}.`,
      });
  }
}

/** https://webassembly.github.io/spec/core/binary/modules.html#binary-module: magic, version, layer. */
function kindOf(bytes: Uint8Array): "module" | "component" | null {
  const start = bytes.subarray(0, 8).toHex();
  if (start === "0061736d01000000") return "module";
  return start.startsWith("0061736d") && start.endsWith("0100") ? "component" : null;
}

function compileCore(
  source: Source,
  bytes: Uint8Array<ArrayBuffer>,
  signature: WasmSignature,
): CompiledModule {
  validate(source, bytes);
  const module = readWasmModule(bytes);
  const problem = checkImports(module) ?? checkMemories(module);
  if (problem !== null) throw refused(source, problem);
  const plan = planWasm(module, signature);
  if (plan instanceof WasmRefusal) throw refused(source, plan);
  // Where the code is the binary itself it need not be kept twice.
  return compiled(plan, isBase64(source.code) ? {} : { [wasmFileName]: bytes });
}

/** V8's own check, which is what decides later; `validate` would not say why. */
function validate(source: Source, bytes: Uint8Array<ArrayBuffer>): void {
  try {
    new WebAssembly.Module(bytes);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const [, message = text, offset] =
      /^WebAssembly\.Module\(\): (.*?)(?: @\+(\d+))?$/s.exec(text) ??
        [];
    throw new OrlaError(
      "invalid_code",
      `the module of function ${source.name} is not valid WebAssembly` +
        `${offset === undefined ? "" : `, at byte ${offset}`}: ${message}`,
      { position: 0 },
    );
  }
}

function checkImports({ imports }: WasmModule): WasmRefusal | null {
  const unknown = imports.filter(({ module, name, kind }) => {
    if (kind !== "function") return true;
    if (module === "wasi_snapshot_preview1") return !wasiFunctions.has(name);
    return module !== "env" || name !== "abort";
  });
  if (unknown.length === 0) return null;
  const shown = [...new Set(unknown.map(({ module, name }) => `${module}.${name}`))];
  const more = shown.length > 8 ? ` and ${shown.length - 8} more` : "";
  return new WasmRefusal(
    `imports what Orla does not provide: ${shown.slice(0, 8).join(", ")}${more}`,
    hintFor(unknown.map(({ module }) => module)),
  );
}

function hintFor(modules: readonly string[]): string {
  if (modules.some((module) => module.includes("wbindgen") || module === "wbg")) {
    return 'It was built with wasm-bindgen. Build it as a plain library, with #[no_mangle] pub extern "C" fn.';
  }
  if (modules.includes("wasi_unstable")) {
    return "It was built for a WASI before preview 1. Build it with a newer toolchain.";
  }
  if (modules.some((module) => module.startsWith("wasix"))) {
    return "It was built for WASIX, which goes beyond WASI. Build it for wasm32-wasip1.";
  }
  if (modules.includes("gojs") || modules.includes("go")) {
    return "It was built for a browser. Build it with GOOS=wasip1 GOARCH=wasm.";
  }
  return "Modules may import the functions of wasi_snapshot_preview1, and env.abort.";
}

function checkMemories({ memories }: WasmModule): WasmRefusal | null {
  if (memories.some((memory) => memory.shared)) {
    return new WasmRefusal("has a shared memory, and functions have one thread");
  }
  return memories.some((memory) => memory.is64)
    ? new WasmRefusal("has a 64-bit memory, which is not supported", "Build it for wasm32.")
    : null;
}
