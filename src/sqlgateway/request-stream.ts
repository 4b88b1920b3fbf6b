/**
 * The direction client → server: everything passes, except that a query text with edge statements is
 * replaced by its translation.
 */
import { MessageFramer } from "../pgwire/framer.ts";
import { parseMessage, queryMessage, readParse, readQuery } from "../pgwire/frontend.ts";
import { Frontend } from "../pgwire/types.ts";
import type { Place } from "./reply-tracker.ts";
import { type Rewrite, rewrittenText } from "./rewrite.ts";
import type { SessionState } from "./session-state.ts";

/** What translating depends on besides the text. */
export interface TranslationContext {
  readonly standardConformingStrings: boolean;
  /** Who logged in: of the rights in force, an upper bound. */
  readonly sessionUser: string | null;
  /** Why an edge statement cannot be taken from this text at all, or `null`. */
  readonly refusal: string | null;
}

export interface StatementTranslator {
  /** A certain no, or a maybe. Looks at every query: must be fast. */
  mayContainEdge(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * The text for the server, or `null` when it holds no edge statement. Never throws: a mistake in
   * the text becomes a statement that raises it in the client's own transaction.
   */
  translate(text: string, context: TranslationContext): Promise<Rewrite | null>;
}

export interface RequestStreamOptions {
  readonly state: SessionState;
  readonly translator: StatementTranslator;
  /** Larger query texts pass unread. */
  readonly maxStatementBytes: number;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
/** One character per byte, so that nothing can be lost. */
const byteText = new TextDecoder("latin1");

export class RequestStream {
  readonly framer: MessageFramer;
  readonly #options: RequestStreamOptions;
  #place: Place = { cycle: 0, index: 0 };

  constructor(options: RequestStreamOptions) {
    this.#options = options;
    const { state, maxStatementBytes } = options;
    this.framer = new MessageFramer({
      wants: (type, bodyBytes) => {
        const isText = type === Frontend.query || type === Frontend.parse;
        const wanted = isText && state.authenticated && bodyBytes <= maxStatementBytes;
        if (wanted) this.#place = state.tracker.nextPlace;
        state.tracker.sent(type);
        if (type === Frontend.terminate) state.clientEnded = true;
        return wanted;
      },
    });
  }

  /** The bytes to send instead of the framer's current message, or `null` to pass it on. */
  replacement(): Promise<Uint8Array<ArrayBuffer> | null> | null {
    const { buffer, start, end } = this.framer;
    return this.#options.translator.mayContainEdge(buffer, start, end) ? this.#translate() : null;
  }

  async #translate(): Promise<Uint8Array<ArrayBuffer> | null> {
    const { buffer, type, start, end } = this.framer;
    const { state, translator } = this.#options;
    // The place is read now: translating waits, and other messages may be framed meanwhile.
    const place = this.#place;
    if (type === Frontend.query) {
      const { text, refusal } = this.#decode(readQuery(buffer, start, end));
      const rewrite = await translator.translate(text, this.#context(refusal));
      if (rewrite === null) return null;
      state.rewrote(place, rewrite);
      return queryMessage(rewrittenText(rewrite));
    }
    const message = readParse(buffer, start, end);
    const { text, refusal } = this.#decode(message.query);
    const rewrite = await translator.translate(text, this.#context(refusal));
    if (rewrite === null) return null;
    state.rewrote(place, rewrite);
    return parseMessage(message, rewrittenText(rewrite));
  }

  #context(refusal: string | null): TranslationContext {
    const { standardConformingStrings, sessionUser } = this.#options.state;
    return { standardConformingStrings, sessionUser, refusal };
  }

  /**
   * Every client encoding of Postgres agrees with ASCII on bytes below 128. Other bytes are understood
   * as UTF-8 only, which SQL_ASCII passes through unchanged.
   */
  #decode(bytes: Uint8Array): { text: string; refusal: string | null } {
    const encoding = this.#options.state.clientEncoding;
    if (encoding === "UTF8" || encoding === "SQL_ASCII") {
      try {
        return { text: strictUtf8.decode(bytes), refusal: null };
      } catch {
        return {
          text: byteText.decode(bytes),
          refusal: "the text of an edge statement is not valid UTF-8",
        };
      }
    }
    const isAscii = bytes.every((byte) => byte < 128);
    return {
      text: byteText.decode(bytes),
      refusal: isAscii
        ? null
        : `edge statements with characters outside ASCII need client_encoding UTF8, not ${encoding}`,
    };
  }
}
