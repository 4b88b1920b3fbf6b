/**
 * TypeScript to JavaScript, without checking types.
 *
 * Types are blanked out with spaces, so that lines and columns stay; only code whose types carry
 * meaning (enums, namespaces, parameter properties) is rewritten, with a source map.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import type * as Compiler from "amaro";
import { codeError, offsetOf, type Source } from "./compile-diagnostic.ts";
import { OrlaError } from "../base/errors.ts";

export interface JavaScript {
  readonly code: string;
  /** Source map (version 3, JSON), `null` when every character kept its place. */
  readonly sourceMap: string | null;
}

/** What amaro throws; its lines count from 1, its columns are in cells of a terminal from 0. */
interface AmaroError {
  readonly code: "UnsupportedSyntax" | "InvalidSyntax";
  readonly message: string;
  readonly startLine: number;
  readonly startColumn: number;
}

export function typescriptToJavaScript(source: Source, file: string): JavaScript {
  const { transformSync } = loadCompiler();
  // amaro drops a byte order mark, which would shift the first line.
  const code = source.code.replace(/^\uFEFF/, " ");
  try {
    const stripped = transformSync(code, { mode: "strip-only", filename: file });
    return { code: stripped.code, sourceMap: null };
  } catch (error) {
    if (!isAmaroError(error) || error.code !== "UnsupportedSyntax") throw explain(source, error);
  }
  try {
    const { code: output, map } = transformSync(code, {
      mode: "transform",
      sourceMap: true,
      filename: file,
    });
    return { code: output, sourceMap: map ?? null };
  } catch (error) {
    throw explain(source, error);
  }
}

function explain(source: Source, error: unknown): OrlaError {
  if (isAmaroError(error)) {
    const line = offsetOf(source.code, error.startLine, 0);
    const text = /^.*/.exec(source.code.slice(line))?.[0] ?? "";
    return codeError(source, {
      code: "invalid_code",
      title: "SyntaxError",
      message: error.message.split("\n", 1)[0] ?? "",
      offset: line + columnOfCell(text, error.startColumn),
    });
  }
  // It ran out of stack or memory. A WebAssembly module is not to be trusted after that: its stack
  // pointer stays where it was, and later compilations would fail.
  discardCompiler();
  return new OrlaError("invalid_code", `function ${source.name} cannot be compiled`, {
    cause: error,
    hint: "The code may be nested too deeply.",
  });
}

const require = createRequire(import.meta.url);

/** Loaded at the first use: 3 MB of WebAssembly, 21 ms. */
function loadCompiler(): typeof Compiler {
  return require("amaro");
}

function discardCompiler(): void {
  const folder = dirname(require.resolve("amaro"));
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(folder)) delete require.cache[file];
  }
}

function isAmaroError(error: unknown): error is AmaroError {
  return typeof error === "object" && error !== null && "code" in error && "message" in error &&
    "startLine" in error && typeof error.startLine === "number" &&
    "startColumn" in error && typeof error.startColumn === "number" &&
    (error.code === "UnsupportedSyntax" || error.code === "InvalidSyntax");
}

/** The UTF-16 column at which the compiler's count of terminal cells has reached `cell`. */
function columnOfCell(line: string, cell: number): number {
  let cells = 0;
  let column = 0;
  for (const character of line) {
    if (cells >= cell) break;
    // Measured: characters of two UTF-16 units count one cell more than their width.
    cells += widthOf(character) + character.length - 1;
    column += character.length;
  }
  return column;
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** As unicode-width has it, with tabs of 4. */
function widthOf(character: string): number {
  if (character === "\t") return 4;
  if (/[\p{Mn}\p{Me}\p{Cf}\p{Cc}]/u.test(character)) return 0;
  if (wide.test(character)) return 2;
  return /\p{Emoji_Presentation}/u.test(character) && !/\p{RI}/u.test(character) ? 2 : 1;
}
