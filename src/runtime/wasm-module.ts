/** The module of a WebAssembly function: a loader of ours, its plan, and the binary beside it. */
import type { CompiledModule, FunctionVersion } from "../functions/function.ts";
import type { WasmCallPlan, WasmMemoryLimits, WasmPlan } from "../protocol/wasm-plan.ts";
import { linkExports } from "./script-linker.ts";
import { importMemories } from "./wasm-memories.ts";

export interface ModuleFile {
  readonly name: string;
  readonly data: string | Uint8Array;
}

/** What instances of a version read beside their module. */
interface Decoded {
  readonly files: readonly ModuleFile[];
  /** That the binary imports. */
  readonly memories: readonly WasmMemoryLimits[];
}

const decoded = new WeakMap<CompiledModule, Decoded>();

const BINARY = "module.wasm";

/** The JavaScript module that instances import, and the files it reads. Decoded once per version. */
export function wasmModule(
  { module, code, options }: Pick<FunctionVersion, "module" | "code" | "options">,
): {
  readonly code: string;
  readonly files: readonly ModuleFile[];
} {
  const plan: WasmPlan = JSON.parse(module.code);
  let known = decoded.get(module);
  if (known === undefined) {
    known = plan.kind === "component" ? decodeComponent(module) : decodeBinary(module, code);
    decoded.set(module, known);
  }
  return { code: moduleCode(plan, known.memories, options.memoryMb), files: known.files };
}

function decodeComponent({ files = {} }: CompiledModule): Decoded {
  const decodedFiles = Object.entries(files).map(([name, text]) => ({
    name,
    data: Uint8Array.fromBase64(text),
  }));
  return { files: decodedFiles, memories: [] };
}

/** Given as base64, the code is the binary. */
function decodeBinary({ files = {} }: CompiledModule, code: string): Decoded {
  const { bytes, memories } = importMemories(Uint8Array.fromBase64(files[BINARY] ?? code));
  return { files: [{ name: BINARY, data: bytes }], memories };
}

type Loader =
  | "load-numbers"
  | "load-texts"
  | "load-reactor"
  | "load-command"
  | "load-component"
  | "load-component-wasi";

function loaderOf(plan: WasmPlan): Loader {
  switch (plan.kind) {
    case "call":
      if (plan.wasi) return "load-reactor";
      return hasTexts(plan) ? "load-texts" : "load-numbers";
    case "command":
      return "load-command";
    case "component":
      return plan.wasi ? "load-component-wasi" : "load-component";
  }
}

function hasTexts({ arguments: list, result }: WasmCallPlan): boolean {
  return result.kind === "text" || list.some(({ kind }) => kind === "text");
}

const loaders = new Map<Loader, string>();

/** Only what the plan needs, because all of it is parsed at a cold start. */
function loaderCode(loader: Loader): string {
  let code = loaders.get(loader);
  if (code === undefined) {
    code = linkExports(new URL(`../sandbox/wasm/${loader}.ts`, import.meta.url));
    loaders.set(loader, code);
  }
  return code;
}

/** Links the module's loader ahead of its first cold start, which would take 25 to 45 ms longer. */
export function prepareWasm({ code }: Pick<CompiledModule, "code">): void {
  loaderCode(loaderOf(JSON.parse(code)));
}

function moduleCode(
  plan: WasmPlan,
  memories: readonly WasmMemoryLimits[],
  memoryMb: number,
): string {
  const source = plan.kind === "component"
    ? "instantiate, read: Deno.readFileSync"
    : `bytes: Deno.readFileSync("${BINARY}"), memories: ${JSON.stringify(memories)}`;
  const imports = plan.kind === "component"
    ? 'import { instantiate } from "./component.js";\n'
    : "";
  return `${imports}${loaderCode(loaderOf(plan))}` +
    `export const __orla_handler__ = await load(${JSON.stringify(plan)}, ` +
    `{ ${source}, memoryMb: ${memoryMb}, log: console });\n`;
}
