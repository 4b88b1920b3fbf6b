/** Parses a function's JavaScript as the ES module it will run as. */
import { type AnyNode, parse, type Program } from "acorn";
import { OrlaError } from "../base/errors.ts";
import { codeError, type Source } from "./compile-diagnostic.ts";

/** Where an offset in the JavaScript stands in the author's code. */
export type Locate = (offset: number) => number;

interface AcornError extends SyntaxError {
  readonly pos: number;
}

export function parseModule(code: string, source: Source, locate: Locate): Program {
  try {
    return parse(code, { ecmaVersion: "latest", sourceType: "module" });
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(source, error);
    if (!isAcornError(error)) throw error;
    throw codeError(source, {
      code: "invalid_code",
      title: "SyntaxError",
      message: describe(error, code),
      offset: locate(error.pos),
      hint: hintFor(error, code),
    });
  }
}

/** Parsers and walkers recurse; ours is not the stack to find out how far V8's goes. */
export function tooDeep(source: Source, cause: unknown): OrlaError {
  return new OrlaError("invalid_code", `the code of function ${source.name} is nested too deeply`, {
    cause,
  });
}

/** The nodes directly inside a node. */
export function* childNodes(node: AnyNode): Generator<AnyNode> {
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) yield item;
    } else if (isNode(value)) yield value;
  }
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && "type" in value &&
    typeof value.type === "string" && "start" in value;
}

function isAcornError(error: unknown): error is AcornError {
  return error instanceof SyntaxError && "pos" in error && typeof error.pos === "number";
}

/** acorn says only "Unexpected token": add which. */
function describe(error: AcornError, code: string): string {
  const message = error.message.replace(/ \(\d+:\d+\)$/, "");
  if (message !== "Unexpected token") return message;
  if (error.pos >= code.length) return "Unexpected end of the code";
  const token = /^(?:[\p{ID_Start}$_][\p{ID_Continue}$]*|\d+|=>|\.\.\.|[^])/u.exec(
    code.slice(error.pos, error.pos + 40),
  );
  return `Unexpected token "${token?.[0] ?? ""}"`;
}

function hintFor(error: AcornError, code: string): string | undefined {
  if (code[error.pos] === "@") return "Decorators are not supported.";
  if (error.message.startsWith("'return' outside of function")) {
    return "The code is a module: put it in function main(…) { … }.";
  }
  if (/^Export '.*' is not defined/.test(error.message)) {
    return "If it is a type, write export type { … }.";
  }
  if (/^'import' and 'export' may only appear/.test(error.message)) return undefined;
  if (isSloppyScript(code)) {
    return "The code runs as an ES module, which is strict: it is valid only outside strict mode.";
  }
  return undefined;
}

function isSloppyScript(code: string): boolean {
  try {
    parse(code, { ecmaVersion: "latest", sourceType: "script" });
    return true;
  } catch {
    return false;
  }
}
