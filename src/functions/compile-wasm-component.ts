/**
 * Components: jco makes core modules of them, and the JavaScript that couples these by the canonical
 * ABI. It is done here once; instances get the outcome.
 * https://component-model.bytecodealliance.org
 */
import type { WasmComponentEntry } from "../protocol/wasm-plan.ts";
import { OrlaError } from "../base/errors.ts";
import type { Source } from "./compile-diagnostic.ts";
import { WasmRefusal, type WasmSignature } from "./compile-wasm-plan.ts";
import { textForm } from "./compile-wasm-types.ts";
import { readWit, type Wit, type WitFunction } from "./compile-wasm-wit.ts";
import type { CompiledModule } from "./function.ts";
import { compiled, refused } from "./compile-wasm-result.ts";

/** The JavaScript's name in the module's files; beside it lie the core modules by jco's names. */
const componentFileName = "component.js";

/** Imports that wait: their callers are suspended (JSPI) rather than the thread. */
const waitingImports = [
  "wasi:io/poll#[method]pollable.block",
  "wasi:io/poll#poll",
  "wasi:io/streams#[method]input-stream.blocking-read",
  "wasi:io/streams#[method]input-stream.blocking-skip",
  "wasi:io/streams#[method]output-stream.blocking-splice",
];

export async function compileComponent(
  source: Source,
  bytes: Uint8Array<ArrayBuffer>,
  signature: WasmSignature,
): Promise<CompiledModule> {
  // Loaded when needed: 6 MB of WebAssembly, 180 ms.
  const [{ componentWit }, { $init, generate }] = await Promise.all([
    import("@bytecodealliance/jco-transpile/wasm-tools"),
    import("@bytecodealliance/jco-transpile/component"),
  ]);
  await $init;
  try {
    const wit = readWit(await componentWit(bytes));
    const entry = checkImports(wit) ?? findEntry(wit, signature);
    if (entry instanceof WasmRefusal) throw refused(source, entry);
    const wasi = wit.imports.length > 0;
    const { files } = generate(bytes, {
      name: "component",
      noTypescript: true,
      instantiation: { tag: "async" },
      noNodejsCompat: true,
      noComponentErrorWrapping: true,
      base64Cutoff: 0,
      ...(wasi
        ? { asyncMode: { tag: "jspi", val: { imports: waitingImports, exports: ["*"] } } }
        : {}),
    });
    const plan = { kind: "component", entry, wasi } as const;
    return compiled(plan, Object.fromEntries(files.map(withoutTraces)));
  } catch (error) {
    throw error instanceof OrlaError ? error : notValid(source, error);
  }
}

/** The generated code asks for an environment variable in each step, which loads all of Node's process. */
function withoutTraces([name, bytes]: readonly [string, Uint8Array]): [string, Uint8Array] {
  if (name !== componentFileName) return [name, bytes];
  const code = new TextDecoder().decode(bytes).replaceAll(
    "globalThis?.process?.env?.JCO_DEBUG",
    "false",
  );
  return [name, new TextEncoder().encode(code)];
}

/** Interfaces of WASI 0.2 that instances provide. */
const provided = new Set(
  ("cli/environment cli/exit cli/stdin cli/stdout cli/stderr cli/terminal-input " +
    "cli/terminal-output cli/terminal-stdin cli/terminal-stdout cli/terminal-stderr " +
    "clocks/monotonic-clock clocks/wall-clock filesystem/preopens filesystem/types " +
    "http/types http/outgoing-handler io/error io/poll io/streams " +
    "random/random random/insecure random/insecure-seed sockets/instance-network " +
    "sockets/ip-name-lookup sockets/network sockets/tcp sockets/tcp-create-socket " +
    "sockets/udp sockets/udp-create-socket").split(" "),
);

function checkImports({ imports }: Wit): WasmRefusal | null {
  const unknown = imports.filter((name) => {
    const [, path = "", version = ""] = /^wasi:([^@]+)@(.*)$/.exec(name) ?? [];
    return !provided.has(path) || !version.startsWith("0.2.");
  });
  if (unknown.length === 0) return null;
  const more = unknown.length > 8 ? ` and ${unknown.length - 8} more` : "";
  return new WasmRefusal(
    `imports what Orla does not provide: ${unknown.slice(0, 8).join(", ")}${more}`,
    "Components may import the interfaces of WASI 0.2.",
  );
}

function findEntry(wit: Wit, signature: WasmSignature): WasmComponentEntry | WasmRefusal {
  const { name, parameters, returns } = signature;
  if (wit.exports.some((each) => each.startsWith("wasi:http/incoming-handler@0.2."))) {
    return { kind: "http" };
  }
  const wanted = camelCase(name.replaceAll("_", "-"));
  const found = wit.functions.find((each) => camelCase(each.name) === wanted) ??
    wit.functions.find((each) => each.name === "main") ??
    (wit.functions.length === 1 ? wit.functions[0] : undefined);
  if (found !== undefined) return functionEntry(found, signature);
  if (
    wit.functions.length === 0 && wit.exports.some((each) => each.startsWith("wasi:cli/run@0.2."))
  ) {
    return {
      kind: "command",
      command: {
        kind: "command",
        program: name,
        parameters: parameters?.map((parameter) => parameter.name) ?? null,
        result: textForm(returns),
      },
    };
  }
  const names = wit.functions.map((each) => each.name);
  return new WasmRefusal(
    `exports no function ${name} or main, and no wasi:http/incoming-handler of WASI 0.2`,
    `It exports ${[...names, ...wit.exports].join(", ") || "nothing"}.`,
  );
}

function functionEntry(
  found: WitFunction,
  { name, parameters }: WasmSignature,
): WasmComponentEntry | WasmRefusal {
  const count = parameters?.length ?? 1;
  if (found.parameters.length !== count) {
    const declared = parameters === null
      ? `${name} without parameters, which takes one payload`
      : `${name}(${parameters.map((parameter) => parameter.type).join(", ")})`;
    return new WasmRefusal(
      `has ${found.name}(${found.parameters.join(", ")}), which does not go with ${declared}`,
    );
  }
  return {
    kind: "function",
    interface: found.interface,
    name: camelCase(found.name),
    parameters: found.parameters,
  };
}

/** As jco names functions. */
function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
}

function notValid(source: Source, error: unknown): OrlaError {
  const text = error instanceof Error ? error.message : String(error);
  const [, message = text] = /(?:Error \{ [^"]*message: |Custom\()"((?:[^"\\]|\\.)*)"/.exec(text) ??
    [];
  return new OrlaError(
    "invalid_code",
    `the component of function ${source.name} cannot be used: ${message.slice(0, 500)}`,
    { position: 0 },
  );
}
