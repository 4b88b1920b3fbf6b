/** The values that string literals and quoted identifiers stand for. */
import { OrlaError } from "../base/errors.ts";
import { continuationQuote, dollarDelimiter, foldCase, type Token } from "./lexer.ts";

/** Postgres cuts longer names silently (NAMEDATALEN - 1); we refuse them instead. */
const maxIdentifierBytes = 63;

const utf8 = new TextEncoder();

/** A string literal's value and, when its text stands in the query as it is, where. */
export interface StringValue {
  readonly value: string;
  /** Offsets of what is between the (first and last) quotes. */
  readonly start: number;
  readonly end: number;
}

/** The name a word or a quoted identifier stands for. Throws `syntax_error`. */
export function identifierValue(text: string, token: Token): string {
  let name: string;
  if (token.kind === "word") name = foldCase(text.slice(token.start, token.end));
  else {
    const unicode = text[token.start] !== '"';
    const inner = text.slice(token.start + (unicode ? 3 : 1), token.end - 1).replaceAll('""', '"');
    name = unicode ? decodeUnicodeEscapes(inner, token.start) : inner;
  }
  if (name === "") throw malformed("zero-length delimited identifier", token.start);
  if (name.length * 3 > maxIdentifierBytes && utf8.encode(name).length > maxIdentifierBytes) {
    throw new OrlaError("syntax_error", `name is too long: "${name.slice(0, 63)}…"`, {
      position: token.start,
      hint: `Names have at most ${maxIdentifierBytes} bytes.`,
    });
  }
  return name;
}

/** The value of a `string` or `dollar_string` token. Throws `syntax_error`. */
export function stringValue(
  text: string,
  token: Token,
  standardConformingStrings: boolean,
): StringValue {
  if (token.kind === "dollar_string") {
    const width = (dollarDelimiter(text, token.start) ?? "").length;
    const start = token.start + width;
    const end = token.end - width;
    return { value: text.slice(start, end), start, end };
  }
  const quoteAt = text.indexOf("'", token.start);
  const prefix = foldCase(text.slice(token.start, quoteAt));
  const start = quoteAt + 1;
  const end = token.end - 1;
  if (prefix === "b" || prefix === "x") {
    throw malformed("a bit string cannot stand here", token.start);
  }
  const escapes = prefix === "e" || (prefix !== "u&" && !standardConformingStrings);
  const raw = joinSegments(text, quoteAt, token.end, escapes);
  if (escapes) return { value: decodeBackslashes(raw, token.start), start, end };
  if (prefix === "u&") return { value: decodeUnicodeEscapes(raw, token.start), start, end };
  return { value: raw, start, end };
}

/** Text between the quotes, continuation lines joined and doubled quotes halved. */
function joinSegments(text: string, quoteAt: number, end: number, escapes: boolean): string {
  let result = "";
  let at = quoteAt + 1;
  let from = at;
  while (at < end) {
    if (escapes && text[at] === "\\") at += 2;
    else if (text[at] !== "'") at++;
    else if (text[at + 1] === "'" && at + 1 < end) {
      result += text.slice(from, at + 1);
      at += 2;
      from = at;
    } else {
      result += text.slice(from, at);
      const next = at + 1 < end ? continuationQuote(text, at + 1) : -1;
      if (next === -1) break;
      at = next + 1;
      from = at;
    }
  }
  return result;
}

const backslashValues: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** `E'…'`: PostgreSQL manual, 4.1.2.2. Bytes beyond ASCII must be written as `\u`. */
function decodeBackslashes(raw: string, position: number): string {
  const pattern = /\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u(.{0,4})|U(.{0,8})|([^]|$))/g;
  return raw.replace(pattern, (_, octal, hex, short, long, other) => {
    if (octal !== undefined) return byteCharacter(parseInt(octal, 8) & 0xff, position);
    if (hex !== undefined) return byteCharacter(parseInt(hex, 16), position);
    if (short !== undefined) return unicodeCharacter(short, 4, position);
    if (long !== undefined) return unicodeCharacter(long, 8, position);
    return backslashValues[other] ?? other;
  });
}

/** `U&'…'` and `U&"…"` with the default escape character: manual, 4.1.2.3. */
function decodeUnicodeEscapes(raw: string, position: number): string {
  return raw.replace(/\\(?:(\\)|\+(.{0,6})|(.{0,4}))/g, (_, backslash, long, short) => {
    if (backslash !== undefined) return "\\";
    if (long !== undefined) return unicodeCharacter(long, 6, position);
    return unicodeCharacter(short, 4, position);
  });
}

function byteCharacter(byte: number, position: number): string {
  if (byte === 0 || byte > 0x7f) {
    throw malformed("byte escapes must be ASCII; write other characters as \\u", position);
  }
  return String.fromCharCode(byte);
}

function unicodeCharacter(digits: string, width: number, position: number): string {
  const value = /^[0-9A-Fa-f]+$/.test(digits) ? parseInt(digits, 16) : NaN;
  if (digits.length !== width || !(value > 0 && value <= 0x10ffff)) {
    throw malformed("invalid Unicode escape", position);
  }
  // Halves of a surrogate pair come as two escapes and join by themselves.
  return String.fromCodePoint(value);
}

function malformed(message: string, position: number): OrlaError {
  return new OrlaError("syntax_error", message, { position });
}
