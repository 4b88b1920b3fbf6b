/** Cuts a query string into its statements, where Postgres's grammar would. */
import type { Span } from "./ast.ts";
import { foldCase, type LexerOptions, scanToken, type Token } from "./lexer.ts";

/** Enough tokens to tell every statement of the dialect from all others. */
const headLength = 6;

/** One statement, not yet parsed. Statements of nothing but whitespace and comments are left out. */
export interface Piece {
  /** From after the previous `;` to before the next: leading comments (hints!) belong to it. */
  readonly span: Span;
  /** From its first token to its last. */
  readonly tokens: Span;
  /** Its first tokens: words folded, symbols as they are, anything else as `"…"`. */
  readonly head: readonly string[];
  /** Where `EXECUTE EDGE FUNCTION` or `ON EDGE FUNCTION[S]` stands in it, or -1. */
  readonly edgeTail: number;
  /** Has the word ON outside parentheses. */
  readonly hasOn: boolean;
}

export function splitStatements(text: string, options: LexerOptions = {}): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  while (from < text.length) {
    const { piece, next } = readPiece(text, from, options);
    if (piece !== null) pieces.push(piece);
    from = next;
  }
  return pieces;
}

/** Reads up to the `;` that ends the statement, or to the end of the text. */
function readPiece(
  text: string,
  from: number,
  options: LexerOptions,
): { piece: Piece | null; next: number } {
  const head: string[] = [];
  let first: Token | null = null;
  let last: Token | null = null;
  let parentheses = 0;
  let body = 0;
  let before = "";
  let beforeThat = "";
  let beforeThatStart = -1;
  let beforeStart = -1;
  let edgeTail = -1;
  let hasOn = false;

  for (let at = from;;) {
    const token = scanToken(text, at, options);
    if (token.kind === "end" || (isSymbol(text, token, ";") && parentheses === 0 && body === 0)) {
      if (first === null || last === null) {
        // A comment that never closes is a mistake Postgres must see.
        if (token.terminated) return { piece: null, next: token.end };
        first = last = token;
      }
      // Text after the last `;` keeps its trailing comments, unterminated ones included.
      const end = token.kind === "end" ? text.length : token.start;
      return {
        piece: {
          span: { start: from, end },
          tokens: { start: first.start, end: token.terminated ? last.end : text.length },
          head,
          edgeTail,
          hasOn,
        },
        next: token.end,
      };
    }

    const name = token.kind === "word"
      ? foldCase(text.slice(token.start, token.end))
      : token.kind === "symbol"
      ? text.slice(token.start, token.end)
      : "…";
    if (name === "(") parentheses++;
    else if (name === ")") parentheses = Math.max(0, parentheses - 1);
    else if (token.kind === "word" && parentheses === 0) {
      if (name === "on") hasOn = true;
      body += bodyStep(name, before, body, head);
    }
    if (
      edgeTail === -1 && before === "edge" &&
      ((name === "function" && (beforeThat === "execute" || beforeThat === "on")) ||
        (name === "functions" && beforeThat === "on"))
    ) {
      edgeTail = beforeThatStart;
    }
    if (head.length < headLength) head.push(name);
    beforeThat = before;
    beforeThatStart = beforeStart;
    before = name;
    beforeStart = token.start;
    first ??= token;
    last = token;
    at = token.end;
  }
}

/**
 * Change of nesting inside a SQL-standard routine body, `BEGIN ATOMIC …; …; END`, whose semicolons
 * do not end the statement. CASE closes with END too.
 */
function bodyStep(name: string, before: string, body: number, head: readonly string[]): number {
  switch (name) {
    case "atomic":
      return before === "begin" && body === 0 && createsRoutine(head) ? 1 : 0;
    case "case":
      return body > 0 && !isLabel(before) ? 1 : 0;
    case "end":
      return body > 0 && !isLabel(before) ? -1 : 0;
    default:
      return 0;
  }
}

/** After AS or a dot a keyword is just a name. */
function isLabel(before: string): boolean {
  return before === "as" || before === ".";
}

function createsRoutine(head: readonly string[]): boolean {
  const kind = head[1] === "or" && head[2] === "replace" ? head[3] : head[1];
  return head[0] === "create" && (kind === "function" || kind === "procedure");
}

function isSymbol(text: string, token: Token, symbol: string): boolean {
  return token.kind === "symbol" && text[token.start] === symbol;
}
