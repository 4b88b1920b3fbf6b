/** Says where in a function's code something is wrong, and shows the line. */
import { type ErrorCode, OrlaError } from "../base/errors.ts";

/** The code being compiled, for messages. */
export interface Source {
  /** The function's name, as in `function greet`. */
  readonly name: string;
  /** As its author wrote it. */
  readonly code: string;
}

export interface Complaint {
  readonly code: ErrorCode;
  /** `SyntaxError` in `SyntaxError in function greet, line 3, column 12: …`. */
  readonly title: string;
  readonly message: string;
  /** UTF-16 offset in the author's code. */
  readonly offset: number;
  readonly hint?: string | undefined;
}

/** Characters shown of a long line, such as minified code. */
const excerptWidth = 100;

/** The error's `position` is the offset within the code; its `detail` the line with a caret under. */
export function codeError(source: Source, complaint: Complaint): OrlaError {
  const offset = Math.min(complaint.offset, source.code.length);
  const { line, column, text } = locate(source.code, offset);
  return new OrlaError(
    complaint.code,
    `${complaint.title} in function ${source.name}, line ${line}, column ${column + 1}: ` +
      complaint.message,
    {
      position: offset,
      detail: excerpt(text, column),
      ...(complaint.hint === undefined ? {} : { hint: complaint.hint }),
    },
  );
}

/** Line (from 1), column (from 0, UTF-16) and the line's text. */
function locate(code: string, offset: number): { line: number; column: number; text: string } {
  let line = 1;
  let lineStart = 0;
  let lineEnd = code.length;
  for (const { index, 0: separator } of code.matchAll(/\r\n|[\n\r\u2028\u2029]/g)) {
    if (index >= offset) {
      lineEnd = index;
      break;
    }
    line++;
    lineStart = index + separator.length;
  }
  return { line, column: Math.max(0, offset - lineStart), text: code.slice(lineStart, lineEnd) };
}

/** Offset of a line (from 1) and column (from 0) as editors and source maps count them. */
export function offsetOf(code: string, line: number, column: number): number {
  let start = 0;
  for (let current = 1; current < line; current++) {
    const found = code.slice(start).search(/\r\n|[\n\r]/);
    if (found === -1) break;
    start += found + (code.startsWith("\r\n", start + found) ? 2 : 1);
  }
  return Math.min(start + column, code.length);
}

function excerpt(text: string, column: number): string {
  const from = text.length <= excerptWidth
    ? 0
    : Math.max(0, Math.min(column - excerptWidth / 2, text.length - excerptWidth));
  const shown = text.slice(from, from + excerptWidth);
  const [before, after] = [from > 0 ? "…" : "", from + excerptWidth < text.length ? "…" : ""];
  // Tabs stay tabs, so that the caret stands right however wide they are shown.
  const indent = (before + shown.slice(0, column - from)).replace(/[^\t]/g, " ");
  return `${before}${shown}${after}\n${indent}^`;
}
