/** The module of a WebAssembly function: a loader of ours, its plan, and the binary beside it. */
import type { CompiledModule, FunctionVersion } from "../functions/function.ts";
import type { WasmCallPlan, WasmPlan } from "../protocol/wasm-plan.ts";
import { linkExports } from "./script-linker.ts";

export interface ModuleFile {
  readonly name: string;
  readonly data: string | Uint8Array;
}

const decoded = new WeakMap<CompiledModule, readonly ModuleFile[]>();

const BINARY = "module.wasm";

/** The JavaScript module that instances import, and the files it reads. Decoded once per version. */
export function wasmModule({ module, code }: Pick<FunctionVersion, "module" | "code">): {
  readonly code: string;
  readonly files: readonly ModuleFile[];
} {
  const plan: WasmPlan = JSON.parse(module.code);
  let files = decoded.get(module);
  if (files === undefined) {
    const texts = { ...module.files };
    // Given as base64, the code is the binary.
    if (plan.kind !== "component") texts[BINARY] ??= code;
    files = Object.entries(texts).map(([name, text]) => ({
      name,
      data: Uint8Array.fromBase64(text),
    }));
    decoded.set(module, files);
  }
  return { code: moduleCode(plan), files };
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

function moduleCode(plan: WasmPlan): string {
  const options = plan.kind === "component"
    ? "{ instantiate, read: Deno.readFileSync, log: console }"
    : `{ bytes: Deno.readFileSync("${BINARY}"), log: console }`;
  const imports = plan.kind === "component"
    ? 'import { instantiate } from "./component.js";\n'
    : "";
  return `${imports}${loaderCode(loaderOf(plan))}` +
    `export const __orla_handler__ = await load(${JSON.stringify(plan)}, ${options});\n`;
}
