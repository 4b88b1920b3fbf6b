/** SQL inside an edge statement that is for Postgres to read. */
import type { Span } from "./ast.ts";
import type { Cursor } from "./cursor.ts";

/** Up to where `ends` says outside parentheses. These must balance. */
export function parseRaw(cursor: Cursor, ends: () => boolean): { text: string; span: Span } {
  const { start } = cursor.token;
  let end = start;
  let depth = 0;
  while (!cursor.atEnd && !(depth === 0 && ends())) {
    if (cursor.isSymbol("(")) depth++;
    else if (cursor.isSymbol(")") && --depth < 0) {
      throw cursor.error('")" has no "("', cursor.token.start);
    }
    end = cursor.advance().end;
  }
  if (depth > 0) throw cursor.expected(['")"']);
  return { text: cursor.text.slice(start, end), span: { start, end } };
}
