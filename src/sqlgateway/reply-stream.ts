/**
 * The direction server → client: everything passes, except what tells of our own statements.
 *
 * `edge.apply` ends with an INFO message of SQLSTATE {@link CHANGED} whose text is the command tag.
 * INFO reaches the client whatever `client_min_messages` says, so it is a signal inside the stream
 * itself: right under any pipelining, and for prepared statements run much later. It is swallowed,
 * and the next CommandComplete gets its tag.
 */
import { MessageFramer } from "../pgwire/framer.ts";
import { HEADER_BYTES } from "../pgwire/framer.ts";
import { writeCommandComplete } from "../pgwire/backend.ts";
import { ErrorField, ErrorFields } from "../pgwire/error-fields.ts";
import { FieldReader } from "../pgwire/reader.ts";
import { Backend, TransactionStatus } from "../pgwire/types.ts";
import { MessageWriter } from "../pgwire/writer.ts";
import { mapPosition } from "./rewrite.ts";
import type { SessionState } from "./session-state.ts";

/** SQLSTATE of the INFO message that ends an edge DDL statement. */
export const CHANGED = "OR000";

/** Begins the data type field of errors raised for the gateway; the position follows. */
const POSITION_MARK = "orla:";

/** Messages of these types carry user text; a longer one passes unread rather than fill memory. */
const MAX_READ_BYTES = 1024 * 1024;

const NOTHING = new Uint8Array(0);

export interface ReplyStreamOptions {
  readonly state: SessionState;
  /** Awaited before the client learns that a transaction with edge DDL has ended. */
  readonly afterEdgeChange: () => Promise<void>;
}

export class ReplyStream {
  readonly framer: MessageFramer;
  readonly #state: SessionState;
  readonly #afterEdgeChange: () => Promise<void>;
  #tag: string | null = null;
  #changed = false;

  constructor(options: ReplyStreamOptions) {
    this.#state = options.state;
    this.#afterEdgeChange = options.afterEdgeChange;
    this.framer = new MessageFramer({
      wants: (type, bodyBytes) => {
        // DataRow first: it is by far the most frequent.
        if (type === Backend.dataRow || type === Backend.copyData) return false;
        const wanted = this.#wants(type) && bodyBytes <= MAX_READ_BYTES;
        // An error is counted when it is read, after the place it belongs to has been asked for.
        if (type !== Backend.errorResponse || !wanted) this.#state.tracker.received(type);
        return wanted;
      },
    });
  }

  /** The bytes to send instead of the framer's current message, or `null` to pass it on. */
  replacement(): Uint8Array | Promise<null> | null {
    const { buffer, type, start, end } = this.framer;
    const body = start + HEADER_BYTES;
    switch (type) {
      case Backend.readyForQuery:
        return this.#ready(buffer[body] as number);
      case Backend.commandComplete:
        return this.#complete();
      case Backend.noticeResponse:
        return this.#notice(ErrorFields.read(buffer, body, end));
      case Backend.errorResponse:
        return this.#error(ErrorFields.read(buffer, body, end));
      case Backend.parameterStatus:
        this.#parameter(new FieldReader(buffer, body, end));
        return null;
      case Backend.authentication:
        // AuthenticationOk is the one whose code is 0.
        if (new FieldReader(buffer, body, end).int32() === 0) this.#state.authenticated = true;
        return null;
      default:
        return null;
    }
  }

  #wants(type: number): boolean {
    switch (type) {
      case Backend.readyForQuery:
      case Backend.noticeResponse:
      case Backend.errorResponse:
      case Backend.parameterStatus:
      case Backend.authentication:
        return true;
      case Backend.commandComplete:
        return this.#tag !== null;
      default:
        return false;
    }
  }

  #ready(status: number): Promise<null> | null {
    this.#state.transactionStatus = status;
    this.#state.forgetAnswered();
    this.#tag = null;
    if (!this.#changed || status !== TransactionStatus.idle) return null;
    this.#changed = false;
    return this.#afterEdgeChange().then(() => null);
  }

  #complete(): Uint8Array | null {
    const tag = this.#tag;
    if (tag === null) return null;
    this.#tag = null;
    const writer = new MessageWriter();
    writeCommandComplete(writer, tag);
    return writer.take();
  }

  #notice(fields: ErrorFields): Uint8Array | null {
    if (fields.get(ErrorField.sqlState) !== CHANGED) return null;
    this.#tag = fields.get(ErrorField.message) ?? null;
    this.#changed = true;
    return NOTHING;
  }

  #error(fields: ErrorFields): Uint8Array | null {
    const rewrite = this.#state.answeredRewrite();
    this.#state.tracker.received(Backend.errorResponse);
    this.#tag = null;
    const severity = fields.get(ErrorField.severityCode);
    if (severity === "FATAL" || severity === "PANIC") this.#state.fatalSeen = true;
    const mark = fields.get(ErrorField.dataType);
    if (mark?.startsWith(POSITION_MARK)) {
      fields.delete(
        ErrorField.dataType,
        ErrorField.where,
        ErrorField.file,
        ErrorField.line,
        ErrorField.routine,
        ErrorField.internalPosition,
        ErrorField.internalQuery,
      );
      const position = mark.slice(POSITION_MARK.length);
      if (position !== "") fields.set(ErrorField.position, position);
    } else {
      const position = fields.get(ErrorField.position);
      if (rewrite === undefined || position === undefined) return null;
      const mapped = mapPosition(rewrite, Number(position));
      if (mapped === null) fields.delete(ErrorField.position);
      else fields.set(ErrorField.position, String(mapped));
    }
    const writer = new MessageWriter();
    fields.write(writer, Backend.errorResponse);
    return writer.take();
  }

  #parameter(reader: FieldReader): void {
    const name = reader.string();
    if (name === "client_encoding") this.#state.clientEncoding = reader.string();
    else if (name === "session_authorization") this.#state.sessionUser = reader.string();
    else if (name === "standard_conforming_strings") {
      this.#state.standardConformingStrings = reader.string() === "on";
    }
  }
}
