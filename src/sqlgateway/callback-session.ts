/**
 * One connection of a Postgres backend to the callback endpoint.
 *
 * Phases: greeting → password → ready ⇄ calling. While a call runs the connection is still read,
 * because its closing is how Postgres says that the statement was cancelled.
 */
import { randomBytes } from "node:crypto";
import { OrlaError } from "../base/errors.ts";
import { uuidV7 } from "../base/uuid.ts";
import type { HttpCall, Invoker, PayloadCall } from "../functions/call.ts";
import { Cancellation } from "../functions/cancellation.ts";
import type { FunctionVersion } from "../functions/function.ts";
import { recordedCall, replyAsJson } from "../functions/recorded-request.ts";
import { requireEnabled } from "../functions/switched-off.ts";
import {
  type ErrorReport,
  errorResponse,
  writeAuthenticationOk,
  writeBackendKeyData,
  writeEmptyQueryResponse,
  writeParameterStatus,
  writeReadyForQuery,
} from "../pgwire/backend.ts";
import { HEADER_BYTES, MessageFramer } from "../pgwire/framer.ts";
import { readQuery } from "../pgwire/frontend.ts";
import { Frontend, TransactionStatus } from "../pgwire/types.ts";
import { ProtocolViolation } from "../pgwire/violation.ts";
import { MessageWriter } from "../pgwire/writer.ts";
import {
  type CallbackAnswer,
  type CallbackRequest,
  type CallRequest,
  encodeAnswer,
  errorAnswer,
  parseCallbackRequest,
} from "./callback-message.ts";
import { type Channel, closeQuietly, isClosedError, writeAll } from "./channel.ts";
import type { PasswordCheck } from "./password-check.ts";
import { fatal } from "./session-state.ts";

/** Where versions come from. `catalog/` implements it. */
export interface VersionSource {
  /** From memory. */
  versionById(versionId: string): FunctionVersion | undefined;
  /** Takes in a definition as `edge.call` sends it. Throws `OrlaError` for what is none. */
  remember(definition: unknown): FunctionVersion;
}

/** Who gets instances ready. `runtime/` implements it. */
export interface Warmer {
  /** Resolves when they can take calls. Throws `OrlaError`. */
  warm(version: FunctionVersion): Promise<void>;
}

export interface CallbackSessionOptions {
  readonly channel: Channel;
  readonly processId: number;
  readonly check: PasswordCheck;
  readonly invoker: Invoker;
  readonly warmer: Warmer;
  readonly versions: VersionSource;
  readonly maxInputBytes: number;
  readonly maxResultBytes: number;
  readonly onError: (thrown: unknown) => void;
}

/** What libpq and dblink look at; any others would be taken and ignored. */
const PARAMETERS: readonly (readonly [string, string])[] = [
  ["client_encoding", "UTF8"],
  ["server_encoding", "UTF8"],
  ["server_version", "18.0 (Orla)"],
  ["standard_conforming_strings", "on"],
  ["integer_datetimes", "on"],
  ["DateStyle", "ISO, MDY"],
  ["IntervalStyle", "postgres"],
  ["TimeZone", "UTC"],
  ["in_hot_standby", "off"],
  ["default_transaction_read_only", "off"],
  ["is_superuser", "off"],
  ["session_authorization", "orla"],
];

const decoder = new TextDecoder();

export class CallbackSession {
  readonly key: Uint8Array = randomBytes(4);
  readonly #options: CallbackSessionOptions;
  readonly #framer: MessageFramer;
  #authenticated = false;
  /** A query whose body is too large to hold is being skipped. */
  #skipsQuery = false;
  #call: { readonly cancellation: Cancellation; readonly done: Promise<void> } | null = null;
  #closesAfterCall = false;

  constructor(options: CallbackSessionOptions) {
    this.#options = options;
    this.#framer = new MessageFramer({
      wants: (type, bodyBytes) => {
        if (!this.#authenticated && bodyBytes > MAX_PASSWORD_BYTES) {
          throw new ProtocolViolation("the message is too long before authentication");
        }
        if (bodyBytes <= options.maxInputBytes) return true;
        if (type !== Frontend.query) throw new ProtocolViolation("the message is too long");
        this.#skipsQuery = true;
        return false;
      },
    });
  }

  get authenticated(): boolean {
    return this.#authenticated;
  }

  /** Resolves when the connection is closed and its call, if any, has ended. */
  async run(early: Uint8Array): Promise<void> {
    const { channel, check } = this.#options;
    try {
      if (early.length > 0) throw new ProtocolViolation("data before authentication was asked for");
      await writeAll(channel, check.begin());
      for (;;) {
        const read = await channel.read(this.#framer.space());
        if (read === null) break;
        this.#framer.received(read);
        while (this.#framer.next()) {
          if (await this.#take() === "end") return;
        }
        this.#framer.discard();
        if (this.#skipsQuery && this.#framer.atBoundary) {
          this.#skipsQuery = false;
          await this.#answer(errorAnswer(tooLarge("arguments", this.#options.maxInputBytes)));
        }
      }
    } catch (thrown) {
      if (thrown instanceof ProtocolViolation) await this.#refuse(fatal("08P01", thrown.message));
      else if (!isClosedError(thrown)) throw thrown;
    } finally {
      this.#call?.cancellation.cancel(callerGone());
      await this.#call?.done;
      closeQuietly(channel);
    }
  }

  /** As CancelRequest asks. */
  cancel(): void {
    this.#call?.cancellation.cancel(callerGone());
  }

  /** Closes the connection, after the running call if there is one. */
  drain(): void {
    if (this.#call === null) closeQuietly(this.#options.channel);
    else this.#closesAfterCall = true;
  }

  /** Closes the connection; the running call is aborted. */
  close(): void {
    closeQuietly(this.#options.channel);
  }

  /** Handles the framer's current message. */
  async #take(): Promise<"go on" | "end"> {
    const { buffer, type, start, end } = this.#framer;
    if (type === Frontend.terminate) return "end";
    if (!this.#authenticated) {
      if (type !== Frontend.password) throw new ProtocolViolation("expected a password");
      return await this.#checkPassword(buffer.slice(start + HEADER_BYTES, end));
    }
    if (type !== Frontend.query) throw new ProtocolViolation("expected a simple query");
    if (this.#call !== null) throw new ProtocolViolation("expected one query at a time");
    const query = decoder.decode(readQuery(buffer, start, end));
    if (query === "") {
      const writer = new MessageWriter();
      writeEmptyQueryResponse(writer);
      writeReadyForQuery(writer, TransactionStatus.idle);
      await writeAll(this.#options.channel, writer.take());
      return "go on";
    }
    let request: CallbackRequest;
    try {
      request = parseCallbackRequest(query);
    } catch (thrown) {
      await this.#answer(errorAnswer(thrown));
      return "go on";
    }
    const cancellation = new Cancellation();
    const done = this.#run(request, cancellation);
    this.#call = { cancellation, done };
    return "go on";
  }

  async #checkPassword(body: Uint8Array): Promise<"go on" | "end"> {
    const { channel, check, processId } = this.#options;
    const { send, outcome } = check.step(body);
    switch (outcome) {
      case "more":
        await writeAll(channel, send);
        return "go on";
      case "refused":
        await this.#refuse(fatal("28P01", "password authentication failed"));
        return "end";
      case "accepted": {
        this.#authenticated = true;
        const writer = new MessageWriter().bytes(send);
        writeAuthenticationOk(writer);
        for (const [name, value] of PARAMETERS) writeParameterStatus(writer, name, value);
        writeBackendKeyData(writer, processId, this.key);
        writeReadyForQuery(writer, TransactionStatus.idle);
        await writeAll(channel, writer.take());
        return "go on";
      }
      default:
        return outcome satisfies never;
    }
  }

  /** Never rejects. */
  async #run(request: CallbackRequest, cancellation: Cancellation): Promise<void> {
    const answer = await this.#invoke(request, cancellation);
    this.#call = null;
    try {
      await this.#answer(answer);
      if (this.#closesAfterCall) closeQuietly(this.#options.channel);
    } catch (thrown) {
      // Postgres went away meanwhile: the reading side sees it too.
      if (!isClosedError(thrown)) this.#options.onError(thrown);
    }
  }

  async #invoke(request: CallbackRequest, cancellation: Cancellation): Promise<CallbackAnswer> {
    const arrivedAt = performance.now();
    const { invoker, versions, maxResultBytes } = this.#options;
    try {
      const version = request.definition === undefined
        ? versions.versionById(request.versionId)
        : versions.remember(request.definition);
      if (version === undefined) return { state: "unknown_version", body: null };
      requireEnabled(version);
      if (request.kind === "warm") {
        await this.#warm(version, cancellation);
        return { state: "ok", body: "null" };
      }
      const about = {
        ...{ executionId: uuidV7(), arrivedAt, cancellation },
        caller: { role: request.role, service: false },
        ...causeOf(request),
      };
      if (request.isRequest) {
        const call: HttpCall = { ...about, ...recordedCall(request.input) };
        const reply = await invoker.invoke(version, call);
        return { state: "ok", body: await replyAsJson(reply, maxResultBytes) };
      }
      const { output } = await invoker.invoke(version, {
        ...about,
        kind: "payload",
        input: request.input,
        shape: version.parameters === null ? "payload" : "arguments",
      });
      // Characters are at most as many as bytes; the exact count is not worth a second pass.
      if (output.length > maxResultBytes) throw tooLarge("result", maxResultBytes);
      return { state: "ok", body: output };
    } catch (thrown) {
      if (!(thrown instanceof OrlaError)) this.#options.onError(thrown);
      return errorAnswer(thrown);
    }
  }

  /** Instances go on getting ready when nobody waits for them any more. */
  async #warm(version: FunctionVersion, cancellation: Cancellation): Promise<void> {
    const over = Promise.withResolvers<never>();
    cancellation.onCancel(() => over.reject(callerGone()));
    const timer = setTimeout(() => over.reject(notWarm()), WARM_TIMEOUT_MS);
    try {
      await Promise.race([this.#options.warmer.warm(version), over.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #answer(answer: CallbackAnswer): Promise<void> {
    await writeAll(this.#options.channel, encodeAnswer(answer));
  }

  async #refuse(reason: ErrorReport): Promise<void> {
    try {
      await writeAll(this.#options.channel, errorResponse(reason));
    } catch (thrown) {
      if (!isClosedError(thrown)) throw thrown;
    }
  }
}

function causeOf(
  { trigger }: CallRequest,
): Pick<PayloadCall, "trigger" | "cause" | "deadlineMs"> {
  if (trigger === null) return { trigger: "sql" };
  const { kind, cause, deadlineMs } = trigger;
  return { trigger: kind, cause, ...(deadlineMs === null ? {} : { deadlineMs }) };
}

function callerGone(): OrlaError {
  return new OrlaError("cancelled", "The statement was cancelled, or its session ended.");
}

/** A module that does not import in this time hangs, or computes what it should not. */
const WARM_TIMEOUT_MS = 30_000;

function notWarm(): OrlaError {
  return new OrlaError("timeout", "The function's module was not imported within 30s");
}

/** Ours has 64 characters; a SCRAM message a few hundred. */
const MAX_PASSWORD_BYTES = 4096;

function tooLarge(what: "arguments" | "result", limit: number): OrlaError {
  return what === "result"
    ? new OrlaError("limit_exceeded", `the function's result is larger than ${limit} bytes`)
    : new OrlaError("payload_too_large", `the arguments are larger than ${limit} bytes`);
}
