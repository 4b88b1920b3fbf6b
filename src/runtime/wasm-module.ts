/** The module of a WebAssembly function: a loader of ours, its plan, and the binary beside it. */
import type { CompiledModule } from "../functions/function.ts";
import type { WasmPlan } from "../protocol/wasm-plan.ts";
import { linkExports } from "./script-linker.ts";

export interface ModuleFile {
  readonly name: string;
  readonly data: string | Uint8Array;
}

const decoded = new WeakMap<CompiledModule, readonly ModuleFile[]>();

/** The JavaScript module that instances import, and the files it reads. Made once per version. */
export function wasmModule(module: CompiledModule): {
  readonly code: string;
  readonly files: readonly ModuleFile[];
} {
  let files = decoded.get(module);
  if (files === undefined) {
    files = Object.entries(module.files ?? {}).map(([name, text]) => ({
      name,
      data: Uint8Array.fromBase64(text),
    }));
    decoded.set(module, files);
  }
  return { code: moduleCode(JSON.parse(module.code)), files };
}

type Loader =
  | "load-call"
  | "load-reactor"
  | "load-command"
  | "load-component"
  | "load-component-wasi";

function loaderOf(plan: WasmPlan): Loader {
  switch (plan.kind) {
    case "call":
      return plan.wasi ? "load-reactor" : "load-call";
    case "command":
      return "load-command";
    case "component":
      return plan.wasi ? "load-component-wasi" : "load-component";
  }
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

function moduleCode(plan: WasmPlan): string {
  const options = plan.kind === "component"
    ? "{ instantiate, read: Deno.readFileSync, log: console }"
    : '{ bytes: Deno.readFileSync("module.wasm"), log: console }';
  const imports = plan.kind === "component"
    ? 'import { instantiate } from "./component.js";\n'
    : "";
  return `${imports}${loaderCode(loaderOf(plan))}` +
    `export const __orla_handler__ = await load(${JSON.stringify(plan)}, ${options});\n`;
}
