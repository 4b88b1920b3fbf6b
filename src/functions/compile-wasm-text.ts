/** WebAssembly from what stands in the statement: text of a module or component, or base64 of its bytes. */
import { OrlaError } from "../base/errors.ts";
import { codeError, type Source } from "./compile-diagnostic.ts";

/** Kept in a row, in every node, and compiled at each cold start: 2 ms for each megabyte. */
export const maxWasmBytes = 10 * 2 ** 20;

/** Throws `invalid_code` with the place, or `payload_too_large`. */
export async function wasmBytes(source: Source): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = isBase64(source.code) ? decodeBase64(source) : await assemble(source);
  if (bytes.length <= maxWasmBytes) return bytes;
  throw new OrlaError(
    "payload_too_large",
    `the module of function ${source.name} has ${bytes.length} bytes; at most ${maxWasmBytes} are allowed`,
  );
}

/** Text begins with a parenthesis or a comment. */
export function isBase64(code: string): boolean {
  return !/^\s*(?:\(|;;)/.test(code);
}

function decodeBase64(source: Source): Uint8Array<ArrayBuffer> {
  const { code } = source;
  const strange = /[^A-Za-z0-9+/=\s]/.exec(code);
  if (strange !== null || code.trim() === "") {
    throw codeError(source, {
      code: "invalid_code",
      title: "Error",
      message: strange === null
        ? "there is no code"
        : `${JSON.stringify(strange[0])} is no character of base64`,
      offset: strange?.index ?? 0,
      hint:
        "The code of a WebAssembly function is base64 of its module, or the module as text: (module …).",
    });
  }
  try {
    return Uint8Array.fromBase64(code);
  } catch {
    throw codeError(source, {
      code: "invalid_code",
      title: "Error",
      message: "the base64 is not whole",
      offset: code.trimEnd().length,
      hint: "Was it cut off? Its characters come in groups of four.",
    });
  }
}

/** wasm-tools' parser: the WebAssembly text format with all proposals, components too. */
async function assemble(source: Source): Promise<Uint8Array<ArrayBuffer>> {
  // Loaded when needed: 2.4 MB of WebAssembly, 60 ms.
  const { parse } = await import("@bytecodealliance/jco-transpile/wasm-tools");
  try {
    return new Uint8Array(await parse(source.code));
  } catch (error) {
    const text = messageOf(error);
    const offset = /offset: (\d+)/.exec(text);
    throw codeError(source, {
      code: "invalid_code",
      title: "SyntaxError",
      message: /kind: Custom\(("(?:[^"\\]|\\.)*")\)/.exec(text)?.[1]?.replace(/^"|"$/g, "") ??
        text,
      offset: offset === null ? 0 : utf16Offset(source.code, Number(offset[1])),
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The parser counts UTF-8 bytes. */
function utf16Offset(text: string, bytes: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, bytes)).length;
}
