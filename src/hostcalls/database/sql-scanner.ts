/**
 * Walks over SQL text and tells code from what only looks like code: strings, quoted names, comments and
 * dollar quotes, as Postgres' own lexer cuts them.
 */

export interface SqlPiece {
  /** `word` is a name, keyword or number; `other` one character of anything else. */
  readonly kind: "word" | "quoted" | "comment" | "other";
  readonly from: number;
  readonly to: number;
}

const wordStart = /[A-Za-z0-9_\u0080-\uffff]/;
/** `$` belongs to a name it stands in. */
const word = /[A-Za-z0-9_$\u0080-\uffff]+/y;
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;

/** An unfinished string or comment reaches to the end: Postgres will say so. */
export function* scanSql(sql: string): Generator<SqlPiece> {
  let at = 0;
  let previousWord = "";
  while (at < sql.length) {
    const from = at;
    const char = sql.charAt(at);
    let kind: SqlPiece["kind"] = "other";
    if (char === "'") {
      kind = "quoted";
      // E'…', where a backslash escapes.
      at = afterQuote(sql, at, "'", /^[eE]$/.test(previousWord));
    } else if (char === '"') {
      kind = "quoted";
      at = afterQuote(sql, at, '"', false);
    } else if (sql.startsWith("--", at)) {
      kind = "comment";
      const end = sql.indexOf("\n", at);
      at = end < 0 ? sql.length : end;
    } else if (sql.startsWith("/*", at)) {
      kind = "comment";
      at = afterComment(sql, at);
    } else if (char === "$" && match(dollarTag, sql, at) !== undefined) {
      kind = "quoted";
      const tag = match(dollarTag, sql, at) ?? "";
      const end = sql.indexOf(tag, at + tag.length);
      at = end < 0 ? sql.length : end + tag.length;
    } else if (wordStart.test(char)) {
      kind = "word";
      at += match(word, sql, at)?.length ?? 1;
    } else {
      at++;
    }
    previousWord = kind === "word" ? sql.slice(from, at) : "";
    yield { kind, from, to: at };
  }
}

function afterQuote(sql: string, start: number, quote: string, backslashes: boolean): number {
  for (let at = start + 1; at < sql.length; at++) {
    const char = sql.charAt(at);
    if (char === "\\" && backslashes) at++;
    else if (char === quote) {
      if (sql.charAt(at + 1) !== quote) return at + 1;
      at++;
    }
  }
  return sql.length;
}

/** Comments nest in SQL. */
function afterComment(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at++) {
    if (sql.startsWith("/*", at)) {
      depth++;
      at++;
    } else if (sql.startsWith("*/", at)) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return sql.length;
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
