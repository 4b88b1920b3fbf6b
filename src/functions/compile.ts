/**
 * From a function's source to the one ES module that its instances import.
 *
 * The module is the author's code, character for character where possible: types and unusable
 * imports are blanked out, and the handler's export is added after the last line, so that a stack
 * shows the lines and columns the author knows. What an instance looks for, by style:
 *
 * - `main`, `handler`, `fetch`: the export {@link handlerExport}
 * - `web`: the default export if there is one, else what `Deno.serve`, `serve` or `addEventListener`
 *   registered
 * - `commonjs`: `module.exports.handler`, else `module.exports`
 */
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { OrlaError } from "../base/errors.ts";
import { codeError, offsetOf, type Source } from "./compile-diagnostic.ts";
import { findHandler } from "./compile-handler.ts";
import { applyEdits, checkImports } from "./compile-imports.ts";
import { analyseScope } from "./compile-scope.ts";
import { type Locate, parseModule, tooDeep } from "./compile-syntax.ts";
import { type JavaScript, typescriptToJavaScript } from "./compile-typescript.ts";
import type { CompiledModule, FunctionOptions, Language } from "./function.ts";
import { sourceFileName } from "./stack-trace.ts";

/** Every cold start parses the module: 5 MB take V8 tens of milliseconds already. */
export const maxModuleBytes = 5_000_000;

/** The name under which a module exports the function that answers calls. */
export const handlerExport = "__orla_handler__";

export interface CompileInput {
  /** As its author wrote it. */
  readonly code: string;
  readonly language: Language;
  /** The function's name, for messages and stacks. */
  readonly name: string;
  /** `null` when the function declares no SQL signature. */
  readonly parameters: readonly CompileParameter[] | null;
  /** The declared result type, as written or as Postgres prints it; WebAssembly alone asks for types. */
  readonly returns?: string | null;
  /** What decides about Python's surroundings. */
  readonly options?: Pick<FunctionOptions, "handler" | "pythonEnv" | "requirements" | "files">;
}

export interface CompileParameter {
  readonly name: string | null;
  readonly type?: string;
}

/**
 * Throws `invalid_code` or `not_supported` with `position` (UTF-16 offset in `code`), the line in
 * `detail`, and what to do in `hint`; `payload_too_large` for more than {@link maxModuleBytes}.
 */
export function compileModule(input: CompileInput): CompiledModule {
  checkSize(input.code, input.name);
  const source: Source = { name: input.name, code: input.code };
  const typescript = input.language === "typescript";
  const javascript = typescript
    ? typescriptToJavaScript(source, sourceFileName(input))
    : { code: input.code, sourceMap: null };
  const locate = locateThrough(javascript, source);
  const program = parseModule(javascript.code, source, locate);
  try {
    const scope = analyseScope(program);
    const { edits, importsServe } = checkImports({
      code: javascript.code,
      source,
      locate,
      program,
      scope,
      typescript,
    });
    const hasParameters = input.parameters !== null && input.parameters.length > 0;
    const handler = findHandler({ source, locate, program, scope, hasParameters, importsServe });
    checkReservedName(javascript.code, source, locate);
    const footer = handler.local === null
      ? ""
      : `\nexport { ${handler.local} as ${handlerExport} };\n`;
    const code = applyEdits(javascript.code, edits) + footer;
    checkSize(code, input.name);
    return { code, sourceMap: javascript.sourceMap, style: handler.style };
  } catch (error) {
    throw error instanceof RangeError ? tooDeep(source, error) : error;
  }
}

/** Offsets stay where they are, unless the code was rewritten: then its source map knows. */
function locateThrough(javascript: JavaScript, source: Source): Locate {
  if (javascript.sourceMap === null) return (offset) => offset;
  const map = new TraceMap(javascript.sourceMap);
  return (offset) => {
    const before = javascript.code.slice(0, offset).split("\n");
    const column = before[before.length - 1]?.length ?? 0;
    const { line, column: originalColumn } = originalPositionFor(map, {
      line: before.length,
      column,
    });
    return line === null ? 0 : offsetOf(source.code, line, originalColumn);
  };
}

function checkSize(code: string, name: string): void {
  // A UTF-16 unit is one to three bytes: most code needs no count.
  if (code.length * 3 <= maxModuleBytes) return;
  const bytes = new TextEncoder().encode(code).length;
  if (bytes <= maxModuleBytes) return;
  throw new OrlaError(
    "payload_too_large",
    `the code of function ${name} has ${bytes} bytes; at most ${maxModuleBytes} are allowed`,
  );
}

function checkReservedName(code: string, source: Source, locate: Locate): void {
  const offset = code.indexOf(handlerExport);
  if (offset === -1) return;
  throw codeError(source, {
    code: "invalid_code",
    title: "Name",
    message: `the name ${handlerExport} is reserved`,
    offset: locate(offset),
  });
}
