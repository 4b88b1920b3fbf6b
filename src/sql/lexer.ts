/**
 * Tokens of SQL, as Postgres's own scanner (`src/backend/parser/scan.l`) cuts them.
 *
 * The scanner answers one question for any text whatever, and in linear time: where does the token
 * at this offset end? It must agree with Postgres about what is quoted and what is a comment, or
 * text inside a string could be taken for a statement. Offsets are UTF-16 code units.
 */

export type TokenKind =
  /** A keyword or an unquoted identifier. */
  | "word"
  /** `"…"` or `U&"…"`. */
  | "quoted_identifier"
  /** `'…'` with any of the prefixes E, U&, N, B, X; continuation lines included. */
  | "string"
  /** `$tag$…$tag$`. */
  | "dollar_string"
  | "number"
  /** `$1`. */
  | "parameter"
  /** One character of an operator or punctuation. */
  | "symbol"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
  /** False when the text ends inside this token, or, for `end`, inside a comment. */
  readonly terminated: boolean;
}

export interface LexerOptions {
  /**
   * The session's `standard_conforming_strings`: when off, a backslash escapes in `'…'` too.
   * Default true, as in Postgres.
   */
  readonly standardConformingStrings?: boolean;
}

/** The first token at or after `from`, whitespace and comments skipped. */
export function scanToken(text: string, from: number, options: LexerOptions = {}): Token {
  const gap = skipGap(text, from);
  if (!gap.terminated) return token("end", gap.end, gap.end, false);
  const start = gap.end;
  if (start >= text.length) return token("end", start, start);

  const code = text.charCodeAt(start);
  if (isWordStart(code)) return scanWordOrPrefixed(text, start, options);
  if (isDigit(code) || (code === DOT && isDigit(text.charCodeAt(start + 1)))) {
    return token("number", start, numberEnd(text, start));
  }
  if (code === QUOTE) {
    return scanString(text, start, start, options.standardConformingStrings === false);
  }
  if (code === DOUBLE_QUOTE) return scanQuotedIdentifier(text, start, start);
  if (code === DOLLAR) return scanDollar(text, start);
  return token("symbol", start, start + 1);
}

/**
 * Whitespace and comments from `from`. `terminated` is false when a block comment never closes.
 */
export function skipGap(text: string, from: number): { end: number; terminated: boolean } {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (isSpace(code)) at++;
    else if (code === MINUS && text.charCodeAt(at + 1) === MINUS) at = lineEnd(text, at);
    else if (code === SLASH && text.charCodeAt(at + 1) === STAR) {
      const end = blockCommentEnd(text, at);
      if (end === -1) return { end: text.length, terminated: false };
      at = end;
    } else return { end: at, terminated: true };
  }
}

/** The delimiter `$tag$` that opens at `start`, or `null`. */
export function dollarDelimiter(text: string, start: number): string | null {
  let at = start + 1;
  if (isWordStart(text.charCodeAt(at))) {
    at++;
    while (isTagPart(text.charCodeAt(at))) at++;
  }
  return text.charCodeAt(at) === DOLLAR ? text.slice(start, at + 1) : null;
}

/**
 * Where a string literal goes on after its closing quote: whitespace that holds a line break, then
 * another quote. Returns the offset of that quote, or -1.
 */
export function continuationQuote(text: string, from: number): number {
  let at = from;
  while (isHorizontalSpace(text.charCodeAt(at))) at++;
  if (isLineComment(text, at)) at = lineEnd(text, at);
  if (!isNewline(text.charCodeAt(at))) return -1;
  for (;;) {
    if (isSpace(text.charCodeAt(at))) at++;
    else if (isLineComment(text, at)) {
      at = lineEnd(text, at);
      if (at >= text.length) return -1;
    } else break;
  }
  return text.charCodeAt(at) === QUOTE ? at : -1;
}

/** Lower case as Postgres folds unquoted identifiers: ASCII letters only. */
export function foldCase(word: string): string {
  return word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

const QUOTE = 39, DOUBLE_QUOTE = 34, DOLLAR = 36, BACKSLASH = 92, MINUS = 45, PLUS = 43;
const SLASH = 47, STAR = 42, DOT = 46, AMPERSAND = 38, UNDERSCORE = 95;

function token(kind: TokenKind, start: number, end: number, terminated = true): Token {
  return { kind, start, end, terminated };
}

function scanWordOrPrefixed(text: string, start: number, options: LexerOptions): Token {
  const next = text.charCodeAt(start + 1);
  // 0x20 maps both cases of an ASCII letter to lower case.
  const letter = text.charCodeAt(start) | 0x20;
  if (next === QUOTE) {
    if (letter === 0x65 /* e */) return scanString(text, start, start + 1, true);
    if (letter === 0x62 /* b */ || letter === 0x78 /* x */) {
      return scanString(text, start, start + 1, false);
    }
    if (letter === 0x6e /* n */) {
      return scanString(text, start, start + 1, options.standardConformingStrings === false);
    }
  }
  if (letter === 0x75 /* u */ && next === AMPERSAND) {
    const quote = text.charCodeAt(start + 2);
    if (quote === QUOTE) return scanString(text, start, start + 2, false);
    if (quote === DOUBLE_QUOTE) return scanQuotedIdentifier(text, start, start + 2);
  }
  let end = start + 1;
  while (isWordPart(text.charCodeAt(end))) end++;
  return token("word", start, end);
}

function scanString(text: string, start: number, quoteAt: number, escapes: boolean): Token {
  let at = quoteAt + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH && escapes) at += 2;
    else if (code !== QUOTE) at++;
    else if (text.charCodeAt(at + 1) === QUOTE) at += 2;
    else {
      const next = continuationQuote(text, at + 1);
      if (next === -1) return token("string", start, at + 1);
      at = next + 1;
    }
  }
  return token("string", start, text.length, false);
}

function scanQuotedIdentifier(text: string, start: number, quoteAt: number): Token {
  let at = quoteAt + 1;
  for (;;) {
    at = text.indexOf('"', at);
    if (at === -1) return token("quoted_identifier", start, text.length, false);
    if (text.charCodeAt(at + 1) !== DOUBLE_QUOTE) return token("quoted_identifier", start, at + 1);
    at += 2;
  }
}

function scanDollar(text: string, start: number): Token {
  if (isDigit(text.charCodeAt(start + 1))) {
    let end = start + 2;
    while (isDigit(text.charCodeAt(end))) end++;
    return token("parameter", start, end);
  }
  const delimiter = dollarDelimiter(text, start);
  if (delimiter === null) return token("symbol", start, start + 1);
  const close = text.indexOf(delimiter, start + delimiter.length);
  if (close === -1) return token("dollar_string", start, text.length, false);
  return token("dollar_string", start, close + delimiter.length);
}

/** Decimal digits with `_` between, a fraction and an exponent; a unit after it is another token. */
function numberEnd(text: string, start: number): number {
  let at = digitsEnd(text, start);
  // `1..10` is a range in PL/pgSQL: the dots are not a fraction.
  if (text.charCodeAt(at) === DOT && text.charCodeAt(at + 1) !== DOT) at = digitsEnd(text, at + 1);
  if ((text.charCodeAt(at) | 0x20) === 0x65 /* e */) {
    const sign = text.charCodeAt(at + 1);
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
    if (isDigit(text.charCodeAt(digits))) at = digitsEnd(text, digits);
  }
  return at;
}

function digitsEnd(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (isDigit(code)) at++;
    else if (code === UNDERSCORE && at > start && isDigit(text.charCodeAt(at + 1))) at += 2;
    else return at;
  }
}

/** Block comments nest. Returns the offset after the comment, or -1. */
function blockCommentEnd(text: string, start: number): number {
  let depth = 1;
  let at = start + 2;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    const next = text.charCodeAt(at + 1);
    if (code === STAR && next === SLASH) {
      at += 2;
      if (--depth === 0) return at;
    } else if (code === SLASH && next === STAR) {
      at += 2;
      depth++;
    } else at++;
  }
  return -1;
}

function lineEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && !isNewline(text.charCodeAt(at))) at++;
  return at;
}

function isLineComment(text: string, at: number): boolean {
  return text.charCodeAt(at) === MINUS && text.charCodeAt(at + 1) === MINUS;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isNewline(code: number): boolean {
  return code === 10 || code === 13;
}

function isHorizontalSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 11 || code === 12;
}

function isSpace(code: number): boolean {
  return isHorizontalSpace(code) || isNewline(code);
}

/** Every character beyond ASCII may stand in an identifier, `→` included. */
function isWordStart(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === UNDERSCORE ||
    code >= 128;
}

function isTagPart(code: number): boolean {
  return isWordStart(code) || isDigit(code);
}

function isWordPart(code: number): boolean {
  return isTagPart(code) || code === DOLLAR;
}
