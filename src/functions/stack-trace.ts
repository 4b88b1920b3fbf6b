/** Stacks as the author of a function wants them: own file, own lines, nothing of the platform. */
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { FunctionVersion, Language } from "./function.ts";

/** What a stack must be known about the module it comes from. */
export interface TracedModule {
  /** Shown for the module: {@link sourceFileName}. */
  readonly fileName: string;
  /** How the module's URL ends, such as `/i-12ab/greet.js`. */
  readonly moduleUrlSuffix: string;
  readonly sourceMap: string | null;
}

/** `greet.ts`: the function's code in messages and stacks. */
export function sourceFileName(fn: Pick<FunctionVersion, "name" | "language">): string {
  return `${fileStem(fn.name)}.${extensions[fn.language]}`;
}

/** `greet.js`: the compiled module on disk. Safe as a file name, whatever the function is called. */
export function moduleFileName(fn: Pick<FunctionVersion, "name" | "language">): string {
  return `${fileStem(fn.name)}.${fn.language === "python" ? "py" : "js"}`;
}

const extensions: Readonly<Record<Language, string>> = {
  javascript: "js",
  typescript: "ts",
  python: "py",
  wasm: "wasm",
};

/**
 * The stack with the author's file name, lines and columns. Frames of the platform and of the
 * runtime's insides are left out; messages, causes and built-ins between the author's frames stay.
 */
export function rewriteStack(stack: string, module: TracedModule): string {
  const map = module.sourceMap === null ? null : new TraceMap(module.sourceMap);
  const lines: string[] = [];
  /** Built-in frames, kept only when the author's code is found to have called them. */
  let pending: string[] = [];
  for (const line of stack.split("\n")) {
    if (!/^\s+at /.test(line)) {
      lines.push(replaceUrl(line, module));
      pending = [];
    } else if (wasmFrame.test(line)) {
      lines.push(...pending, line.replace(wasmFrame, `$1${fileStemOf(module)}.wasm:$2`));
      pending = [];
    } else if (line.includes(module.moduleUrlSuffix)) {
      // A WebAssembly function has no JavaScript of its own: that is its loader.
      if (module.fileName.endsWith(".wasm")) continue;
      lines.push(...pending, rewriteFrame(line, module, map));
      pending = [];
    } else if (/\(<anonymous>\)$|\(index \d+\)$/.test(line)) pending.push(line);
  }
  return lines.join("\n");
}

/** `at greet (wasm://wasm/1a2b3c4d:wasm-function[7]:0x1f)`: function and byte offset in the module. */
const wasmFrame =
  /^(\s+at (?:.{1,500} \()?)wasm:\/\/wasm\/[^:\s]{1,500}:(wasm-function\[\d+\]:0x[\da-f]+)/;

function fileStemOf({ fileName }: TracedModule): string {
  return fileName.replace(/\.\w+$/, "");
}

/** Frames' URLs are short; a search that goes further back is for a text made to slow us down. */
const maxUrlLength = 500;

/** The module's URL, which shows a path of the platform's, as the file name. */
function replaceUrl(line: string, { moduleUrlSuffix, fileName }: TracedModule): string {
  let result = "";
  let from = 0;
  for (;;) {
    const suffix = line.indexOf(moduleUrlSuffix, from);
    if (suffix === -1) return result + line.slice(from);
    const before = Math.max(from, suffix - maxUrlLength);
    const url = line.slice(before, suffix).lastIndexOf("file://");
    const end = suffix + moduleUrlSuffix.length;
    result += url === -1 ? line.slice(from, end) : line.slice(from, before + url) + fileName;
    from = end;
  }
}

function rewriteFrame(line: string, module: TracedModule, map: TraceMap | null): string {
  const { fileName } = module;
  const named = replaceUrl(line, module);
  if (map === null) return named;
  const place = new RegExp(`${escape(fileName)}:(\\d+):(\\d+)`, "g");
  return named.replace(place, (written, atLine: string, atColumn: string) => {
    const original = originalPositionFor(map, {
      line: Number(atLine),
      column: Number(atColumn) - 1,
    });
    if (original.line === null) return written;
    return `${fileName}:${original.line}:${original.column + 1}`;
  });
}

function fileStem(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 63) || "function";
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
