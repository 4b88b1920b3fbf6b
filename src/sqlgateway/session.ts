/**
 * One client's session after its start-up packet: two pumps between client and server.
 *
 * Each pump reads a chunk, lets its stream look at the messages in it, and writes it on, before it
 * reads again: a side that does not read stops the other one, and nothing piles up in memory. In the
 * common case that is one read and one write per chunk and no copy.
 *
 * The session ends when either side closes. A half-closed client still gets its answers: Postgres
 * sees the end, finishes, and closes.
 */
import { type ErrorReport, errorResponse } from "../pgwire/backend.ts";
import type { MessageFramer } from "../pgwire/framer.ts";
import { ProtocolViolation } from "../pgwire/violation.ts";
import { type Channel, closeQuietly, isClosedError, writeAll } from "./channel.ts";
import { ReplyStream } from "./reply-stream.ts";
import { RequestStream, type StatementTranslator } from "./request-stream.ts";
import { fatal, SessionState } from "./session-state.ts";

export interface SessionOptions {
  readonly client: Channel;
  readonly server: Channel;
  readonly translator: StatementTranslator;
  readonly afterEdgeChange: () => Promise<void>;
  readonly maxStatementBytes: number;
  /** Called for anything that should not happen, with the session ended. */
  readonly onError: (thrown: unknown) => void;
}

/** A direction's stream, as the pump sees it. */
interface Stream {
  readonly framer: MessageFramer;
  replacement(): Uint8Array | Promise<Uint8Array | null> | null;
}

/** A client that does not read must not keep its session alive. */
const FAREWELL_TIMEOUT_MS = 1_000;

export class Session {
  readonly #options: SessionOptions;
  readonly #state = new SessionState();
  readonly #requests: RequestStream;
  readonly #replies: ReplyStream;
  /** The reply pump waits in `read`: what is written to the client now lands between two chunks. */
  #repliesWait = false;
  #drainReason: ErrorReport | null = null;
  #farewell: Promise<void> | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { translator, afterEdgeChange, maxStatementBytes } = options;
    const state = this.#state;
    this.#requests = new RequestStream({ state, translator, maxStatementBytes });
    this.#replies = new ReplyStream({ state, afterEdgeChange });
  }

  get authenticated(): boolean {
    return this.#state.authenticated;
  }

  /** Resolves when both sides are closed; never rejects. `early` was read from the client already. */
  async run(early: Uint8Array): Promise<void> {
    await Promise.all([this.#pumpRequests(early), this.#pumpReplies()]);
    await this.#farewell;
  }

  /** Ends the session as soon as it holds no transaction and awaits no answer. */
  drain(reason: ErrorReport): void {
    this.#drainReason = reason;
    this.#endIfIdle();
  }

  /** Ends the session now, telling the client why where that is possible. */
  terminate(reason: ErrorReport): void {
    this.#farewell ??= this.#sayFarewell(reason);
  }

  async #pumpRequests(early: Uint8Array): Promise<void> {
    const { client, server } = this.#options;
    const { framer } = this.#requests;
    try {
      for (let rest = early; rest.length > 0;) {
        const space = framer.space();
        const chunk = rest.subarray(0, space.length);
        space.set(chunk);
        framer.received(chunk.length);
        await forward(this.#requests, server);
        rest = rest.subarray(chunk.length);
      }
      for (;;) {
        const read = await client.read(framer.space());
        if (read === null) break;
        framer.received(read);
        await forward(this.#requests, server);
      }
    } catch (thrown) {
      // A server that closed may have left its reason for the other pump to read.
      if (!isClosedError(thrown)) this.#fail(thrown);
    }
    this.#state.clientEnded = true;
    await server.closeWrite().catch(ignoreClosed);
  }

  async #pumpReplies(): Promise<void> {
    const { client, server } = this.#options;
    const { framer } = this.#replies;
    try {
      for (;;) {
        this.#repliesWait = true;
        if (this.#drainReason !== null) this.#endIfIdle();
        const read = await server.read(framer.space());
        if (read === null || this.#farewell !== null) break;
        this.#repliesWait = false;
        framer.received(read);
        await forward(this.#replies, client);
      }
    } catch (thrown) {
      if (!isClosedError(thrown)) return this.#fail(thrown);
    }
    if (this.#state.fatalSeen || this.#state.clientEnded) this.#close();
    else this.terminate(fatal("08006", "the database server closed the connection unexpectedly"));
  }

  #endIfIdle(): void {
    const reason = this.#drainReason;
    if (reason !== null && this.#repliesWait && this.#state.idle) this.terminate(reason);
  }

  #fail(thrown: unknown): void {
    if (thrown instanceof ProtocolViolation) this.terminate(fatal("08P01", thrown.message));
    else {
      this.#options.onError(thrown);
      this.terminate(fatal("XX000", "the SQL gateway failed on this session"));
    }
  }

  async #sayFarewell(reason: ErrorReport): Promise<void> {
    const { client } = this.#options;
    if (this.#repliesWait && this.#replies.framer.atBoundary && !this.#state.clientEnded) {
      const timer = setTimeout(() => this.#close(), FAREWELL_TIMEOUT_MS);
      await writeAll(client, errorResponse(reason)).catch(ignoreClosed);
      clearTimeout(timer);
    }
    this.#close();
  }

  #close(): void {
    closeQuietly(this.#options.client);
    closeQuietly(this.#options.server);
  }
}

/** Writes everything that is judged, in order, and makes room for the next read. */
async function forward(stream: Stream, target: Channel): Promise<void> {
  const { framer } = stream;
  let written = 0;
  const writeUpTo = async (offset: number): Promise<void> => {
    if (offset > written) await writeAll(target, framer.buffer.subarray(written, offset));
    written = offset;
  };
  while (framer.next()) {
    const { start, end } = framer;
    let replacement = stream.replacement();
    if (replacement instanceof Promise) {
      // What came before must not wait with it.
      await writeUpTo(start);
      replacement = await replacement;
    }
    if (replacement === null) continue;
    await writeUpTo(start);
    if (replacement.length > 0) await writeAll(target, replacement);
    written = end;
  }
  await writeUpTo(framer.passable);
  framer.discard();
}

function ignoreClosed(thrown: unknown): void {
  if (!isClosedError(thrown)) throw thrown;
}
