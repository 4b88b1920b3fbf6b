/** Walks the tokens of one statement and says precisely what it missed. */
import { OrlaError } from "../base/errors.ts";
import { closestName } from "../base/closest-name.ts";
import type { QualifiedName, Span } from "./ast.ts";
import { foldCase, type LexerOptions, scanToken, type Token } from "./lexer.ts";
import { identifierValue, type StringValue, stringValue } from "./literal.ts";

/** Tokens are quoted in messages; a long one is cut. */
const maxQuotedLength = 40;

export class Cursor {
  readonly text: string;
  readonly #end: number;
  readonly #options: LexerOptions;
  #token: Token;
  /** End of the token before the current one. */
  #previousEnd: number;

  /** `span` runs from the statement's first token to its last. */
  constructor(text: string, span: Span, options: LexerOptions) {
    this.text = text;
    this.#end = span.end;
    this.#options = options;
    this.#previousEnd = span.start;
    this.#token = this.#scan(span.start);
  }

  /** The current token. */
  get token(): Token {
    return this.#token;
  }

  /** The current token's keyword, folded, or `null` when it is not an unquoted word. */
  get word(): string | null {
    if (this.#token.kind !== "word") return null;
    return foldCase(this.text.slice(this.#token.start, this.#token.end));
  }

  get atEnd(): boolean {
    return this.#token.kind === "end";
  }

  get previousEnd(): number {
    return this.#previousEnd;
  }

  /** The token after the current one. */
  peek(): Token {
    return this.#scan(this.#token.end);
  }

  peekWord(): string | null {
    const token = this.peek();
    return token.kind === "word" ? foldCase(this.text.slice(token.start, token.end)) : null;
  }

  advance(): Token {
    const token = this.#token;
    this.#previousEnd = token.end;
    this.#token = this.#scan(token.end);
    return token;
  }

  isSymbol(symbol: string): boolean {
    return this.#token.kind === "symbol" && this.text[this.#token.start] === symbol;
  }

  acceptSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.advance();
    return true;
  }

  expectSymbol(symbol: string): Token {
    if (!this.isSymbol(symbol)) throw this.expected([`"${symbol}"`]);
    return this.advance();
  }

  /** Takes the keyword, given in lower case, if it stands here. */
  acceptWord(word: string): boolean {
    if (this.word !== word) return false;
    this.advance();
    return true;
  }

  expectWord(word: string): Token {
    if (this.word !== word) throw this.expected([word.toUpperCase()]);
    return this.advance();
  }

  expectEnd(): void {
    if (!this.atEnd) throw this.expected(["the end of the statement"]);
  }

  /** Any word, reserved or not, or a quoted identifier. */
  identifier(what: string): { name: string; span: Span } {
    const { kind, start, end } = this.#token;
    if (kind !== "word" && kind !== "quoted_identifier") throw this.expected([what]);
    const token = this.advance();
    this.#refuseUescape(token);
    return { name: identifierValue(this.text, token), span: { start, end } };
  }

  qualifiedName(what: string): QualifiedName {
    const first = this.identifier(what);
    if (!this.acceptSymbol(".")) return { schema: null, ...first };
    const second = this.identifier(what);
    if (this.isSymbol(".")) {
      throw this.error("a name has at most two parts, schema.name", this.#token.start);
    }
    const span = { start: first.span.start, end: second.span.end };
    return { schema: first.name, name: second.name, span };
  }

  get isString(): boolean {
    return this.#token.kind === "string" || this.#token.kind === "dollar_string";
  }

  string(what: string): StringValue {
    if (!this.isString) throw this.expected([what]);
    const token = this.advance();
    this.#refuseUescape(token);
    return stringValue(this.text, token, this.#options.standardConformingStrings !== false);
  }

  error(message: string, position: number, hint?: string): OrlaError {
    return new OrlaError("syntax_error", message, hint ? { position, hint } : { position });
  }

  /**
   * `expected A or B, found "C"`. Upper-case entries are keywords, to be suggested for a misspelt one.
   */
  expected(what: readonly string[]): OrlaError {
    const list = what.length < 2
      ? what.join("")
      : `${what.slice(0, -1).join(", ")} or ${what[what.length - 1]}`;
    const keywords = what.filter((entry) => /^[A-Z]+$/.test(entry));
    const word = this.word?.toUpperCase();
    const guess = word === undefined ? undefined : closestName(word, keywords);
    return this.error(
      `expected ${list}, found ${this.#found()}`,
      this.#token.start,
      guess && `Did you mean ${guess}?`,
    );
  }

  #found(): string {
    const { kind, start, end } = this.#token;
    if (kind === "end") return "the end of the statement";
    const text = this.text.slice(start, end);
    return `"${text.length > maxQuotedLength ? `${text.slice(0, maxQuotedLength)}…` : text}"`;
  }

  #refuseUescape(token: Token): void {
    if (/^u&/i.test(this.text.slice(token.start, token.start + 2)) && this.word === "uescape") {
      throw new OrlaError("not_supported", "UESCAPE is not supported in an edge statement", {
        position: this.#token.start,
      });
    }
  }

  #scan(from: number): Token {
    const token = scanToken(this.text, from, this.#options);
    if (!token.terminated) {
      const position = token.kind === "end" ? from : token.start;
      throw this.error(`unterminated ${unterminated[token.kind]}`, position);
    }
    if (token.start < this.#end) return token;
    return { kind: "end", start: this.#end, end: this.#end, terminated: true };
  }
}

const unterminated: Readonly<Record<Token["kind"], string>> = {
  word: "word",
  number: "number",
  parameter: "parameter",
  symbol: "symbol",
  quoted_identifier: "quoted identifier",
  string: "string",
  dollar_string: "dollar-quoted string",
  end: "comment",
};
