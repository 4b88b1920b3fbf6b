/**
 * One connection of an instance to the proxy: *unknown* until its first request has shown a token,
 * then its session's. Requests follow each other on it until it becomes a tunnel or ends.
 */
import { ByteReader, TooLongError, writeAll } from "./byte-reader.ts";
import { exchange, MAX_HEAD_BYTES } from "./exchange.ts";
import {
  decodeLatin1,
  HeadError,
  parseRequestHead,
  type RequestHead,
  valuesOf,
} from "./http-head.ts";
import { encodeRefusal, Refusal } from "./refusal.ts";
import type { EgressSession } from "./session.ts";
import { parseConnectTarget, parseUrlTarget } from "./target.ts";
import { closeQuietly, type End, tunnel } from "./tunnel.ts";
import type { Secure } from "./secure.ts";

export interface ClientConnectionParts {
  readonly connection: Deno.TcpConn;
  readonly sessionOf: (token: string) => EgressSession | undefined;
  readonly secure: Secure;
  /** It has shown a token. */
  readonly onKnown: () => void;
}

/** What is still on its way when we close: unread, it would have the system take back our answer. */
const LINGER_MS = 1000;
const LINGER_BYTES = 1 << 20;

const ESTABLISHED = new TextEncoder().encode("HTTP/1.1 200 Connection established\r\n\r\n");

export class ClientConnection {
  /** `performance.now()` when something last passed. */
  lastActive = performance.now();
  readonly #parts: ClientConnectionParts;
  readonly #end: End;
  #session: EgressSession | undefined;

  constructor(parts: ClientConnectionParts) {
    this.#parts = parts;
    const { connection } = parts;
    this.#end = { connection, reader: new ByteReader(connection) };
  }

  get isKnown(): boolean {
    return this.#session !== undefined;
  }

  close(): void {
    closeQuietly(this.#parts.connection);
  }

  /** Until its end. Never rejects. */
  async serve(): Promise<void> {
    try {
      while (await this.#serveNext());
      await this.#linger();
    } catch {
      // It broke, or was closed from here: there is nobody to tell.
    } finally {
      this.close();
      this.#session?.leave(this);
    }
  }

  async #serveNext(): Promise<boolean> {
    const answered = { begun: false };
    try {
      const head = await this.#readHead();
      if (head === undefined) return false;
      this.#touch();
      const session = this.#identify(head);
      if (head.method === "CONNECT") return await this.#connect(head, session, answered);
      return await this.#exchange(head, session, answered);
    } catch (error) {
      const refusal = asRefusal(error);
      if (answered.begun || refusal === undefined) throw error;
      await writeAll(this.#end.connection, encodeRefusal(refusal));
      return false;
    }
  }

  async #readHead(): Promise<RequestHead | undefined> {
    const head = await this.#end.reader.head(MAX_HEAD_BYTES);
    return head && parseRequestHead(decodeLatin1(head));
  }

  #identify({ headers }: RequestHead): EgressSession {
    const session = this.#parts.sessionOf(tokenIn(valuesOf(headers, "proxy-authorization")) ?? "");
    if (session === undefined || (this.#session ?? session) !== session) {
      throw new Refusal("unauthenticated", "the proxy knows no such token");
    }
    if (this.#session === undefined) {
      session.join(this);
      this.#session = session;
      this.#parts.onKnown();
    }
    return session;
  }

  async #connect(
    { target, headers }: RequestHead,
    session: EgressSession,
    answered: { begun: boolean },
  ): Promise<boolean> {
    if (
      valuesOf(headers, "content-length").length + valuesOf(headers, "transfer-encoding").length > 0
    ) {
      throw new Refusal("bad_request", "CONNECT has no body");
    }
    const connection = await session.connect(parseConnectTarget(target));
    try {
      answered.begun = true;
      session.traffic.tunnels++;
      await writeAll(this.#end.connection, ESTABLISHED);
      const host = { connection, reader: new ByteReader(connection) };
      await tunnel(this.#end, host, session.traffic, () => this.#touch());
    } finally {
      closeQuietly(connection);
    }
    return false;
  }

  async #exchange(
    head: RequestHead,
    session: EgressSession,
    answered: { begun: boolean },
  ): Promise<boolean> {
    const { secure } = this.#parts;
    const running = exchange(head, parseUrlTarget(head.target), {
      instance: this.#end,
      session,
      onActivity: () => this.#touch(),
      openUpstream: async (target) => {
        const plain = await session.connect(target);
        const connection = target.secure ? await secure(plain, target.host) : plain;
        return { connection, reader: new ByteReader(connection), isReused: false };
      },
    });
    try {
      return await running.run();
    } finally {
      answered.begun = running.hasAnswered;
    }
  }

  async #linger(): Promise<void> {
    const { connection, reader } = this.#end;
    await connection.closeWrite();
    const timer = setTimeout(() => this.close(), LINGER_MS);
    try {
      let left = LINGER_BYTES;
      do {
        left -= reader.buffered.length;
        reader.advance(reader.buffered.length);
      } while (left > 0 && await reader.fill());
    } finally {
      clearTimeout(timer);
    }
  }

  #touch(): void {
    this.lastActive = performance.now();
  }
}

/** `Basic base64("orla:<token>")` or `Bearer <token>`. */
function tokenIn(values: readonly string[]): string | undefined {
  const [value, ...more] = values;
  const match = /^(basic|bearer) +([A-Za-z0-9+/_.=~-]+)$/i.exec(value ?? "");
  if (match === null || more.length > 0) return undefined;
  const [, scheme = "", credentials = ""] = match;
  if (scheme.toLowerCase() === "bearer") return credentials;
  try {
    return atob(credentials).split(":")[1];
  } catch {
    return undefined;
  }
}

function asRefusal(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (error instanceof HeadError) return new Refusal("bad_request", `the request ${error.message}`);
  if (!(error instanceof TooLongError)) return undefined;
  return new Refusal("head_too_large", `a request's head has ${MAX_HEAD_BYTES >> 10} KB at most`);
}
