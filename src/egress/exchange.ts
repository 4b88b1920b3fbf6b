/**
 * One HTTP request through the proxy, and its response. Both bodies stream, at the pace of whoever
 * is slower, and at the same time: a host may answer before it has read everything.
 */
import { type BodyFollower, followBody, requestFraming, responseFraming } from "./body-framing.ts";
import { TooLongError, TruncatedError, writeAll } from "./byte-reader.ts";
import {
  decodeLatin1,
  encodeHead,
  endToEnd,
  type HeaderField,
  HeadError,
  listOf,
  parseResponseHead,
  type RequestHead,
  type ResponseHead,
  upgradeOf,
  valuesOf,
} from "./http-head.ts";
import { Refusal, REFUSAL_HEADER } from "./refusal.ts";
import type { EgressSession } from "./session.ts";
import type { UrlTarget } from "./target.ts";
import { closeQuietly, type End, tunnel } from "./tunnel.ts";
import { newTraceparent } from "./traceparent.ts";
import type { Upstream } from "./upstream-pool.ts";

/** As large as any server sends them. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** 100 and 103 come once or twice. */
const MAX_INTERIM_RESPONSES = 20;

/** What a host may be asked twice for (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** A response keeps its `Transfer-Encoding`, as its body passes as it is. */
const NOT_FROM_HOSTS = new Set([REFUSAL_HEADER, "proxy-status"]);
const NOT_TO_HOSTS = new Set(["host", REFUSAL_HEADER]);

export interface ExchangeParts {
  readonly instance: End;
  readonly session: EgressSession;
  readonly openUpstream: (target: UrlTarget) => Promise<Upstream>;
  readonly onActivity: () => void;
}

/** Where the response stands, for those who have to say that there will be none. */
export interface Exchange {
  /** Something of a response went to the instance: it is too late for a refusal. */
  readonly hasAnswered: boolean;
  /** Resolves whether the instance's connection may be used for another request. Throws `Refusal`. */
  run(): Promise<boolean>;
}

export function exchange(head: RequestHead, target: UrlTarget, parts: ExchangeParts): Exchange {
  return new HttpExchange(head, target, parts);
}

/** The host closed an old connection just when it was used again. */
class StaleError extends Error {}

class HttpExchange implements Exchange {
  hasAnswered = false;
  readonly #head: RequestHead;
  readonly #target: UrlTarget;
  readonly #parts: ExchangeParts;
  readonly #upgrade: string | undefined;
  readonly #body: BodyFollower;
  #bodyBegun = false;
  /** The upstream in use; what is noticed after it was given back concerns nobody. */
  #current: Upstream | undefined;

  constructor(head: RequestHead, target: UrlTarget, parts: ExchangeParts) {
    this.#head = head;
    this.#target = target;
    this.#parts = parts;
    this.#upgrade = upgradeOf(head.headers);
    this.#body = followBody(requestFraming(head.headers));
  }

  async run(): Promise<boolean> {
    const { session, openUpstream } = this.#parts;
    const { secure, authority } = this.#target;
    const key = `${secure ? "https" : "http"}://${authority}`;
    for (;;) {
      const upstream = session.pool.take(key) ?? await openUpstream(this.#target);
      this.#current = upstream;
      try {
        const { keepHost, keepInstance } = await this.#over(upstream);
        this.#current = undefined;
        if (keepHost) session.pool.give(key, upstream);
        else closeQuietly(upstream.connection);
        return keepInstance;
      } catch (error) {
        closeQuietly(upstream.connection);
        this.#current = undefined;
        if (!(error instanceof StaleError)) throw error;
      }
    }
  }

  async #over(upstream: Upstream): Promise<{ keepHost: boolean; keepInstance: boolean }> {
    const { session, instance, onActivity } = this.#parts;
    await this.#sendHead(upstream);
    const sending = this.#sendBody(upstream);
    // Looked at below; until then its failure is nobody's yet.
    sending.catch(() => {});
    const response = await this.#responseHead(upstream, sending);
    session.traffic.requests++;
    if (response.status === 101) {
      await this.#switchProtocols(upstream, response);
      return { keepHost: false, keepInstance: false };
    }
    const framing = orRefuse(() =>
      responseFraming(this.#head.method, response.status, response.headers)
    );
    await this.#answer(response, framing.kind === "close");
    const body = followBody(framing);
    const { reader } = upstream;
    for (;;) {
      const count = body.consume(reader.buffered);
      if (count > 0) {
        await writeAll(instance.connection, reader.buffered.subarray(0, count));
        reader.advance(count);
        session.traffic.bytesReceived += count;
        onActivity();
      }
      if (body.done) break;
      if (await reader.fill()) continue;
      if (framing.kind !== "close") throw new TruncatedError("the host ended within its response");
      return { keepHost: false, keepInstance: false };
    }
    // A host that has answered need not read the rest of the request.
    if (!this.#body.done) return { keepHost: false, keepInstance: false };
    await sending;
    return {
      keepHost: !response.isHttp10 && reader.buffered.length === 0 && !closes(response.headers),
      keepInstance: !closes(this.#head.headers),
    };
  }

  /** On another connection, when a kept one turns out to be closed. */
  get #mayRepeat(): boolean {
    const { method, headers } = this.#head;
    return !this.#bodyBegun && !this.hasAnswered &&
      (IDEMPOTENT.has(method) || valuesOf(headers, "idempotency-key").length > 0);
  }

  async #sendHead({ connection, isReused }: Upstream): Promise<void> {
    const { method, headers } = this.#head;
    const passed: HeaderField[] = [
      ["Host", this.#target.authority],
      ...endToEnd(headers, NOT_TO_HOSTS),
    ];
    if (valuesOf(headers, "traceparent").length === 0) {
      passed.push(["traceparent", newTraceparent()]);
    }
    if (this.#upgrade !== undefined) {
      passed.push(["Connection", "Upgrade"], ["Upgrade", this.#upgrade]);
    }
    const bytes = encodeHead(`${method} ${this.#target.path} HTTP/1.1`, passed);
    try {
      await writeAll(connection, bytes);
    } catch (error) {
      throw isReused && this.#mayRepeat ? new StaleError() : endedEarly(error);
    }
    this.#parts.session.traffic.bytesSent += bytes.length;
  }

  async #sendBody({ connection }: Upstream): Promise<void> {
    const { instance: { reader }, session, onActivity } = this.#parts;
    while (!this.#body.done) {
      const count = this.#body.consume(reader.buffered);
      if (count > 0) {
        this.#bodyBegun = true;
        await writeAll(connection, reader.buffered.subarray(0, count));
        reader.advance(count);
        session.traffic.bytesSent += count;
        onActivity();
      } else if (!await reader.fill()) {
        throw new TruncatedError("the request ended within its body");
      }
    }
  }

  /** Passes on what comes before it. The instance's end, or its malformed body, ends the wait. */
  async #responseHead(upstream: Upstream, sending: Promise<void>): Promise<ResponseHead> {
    const { instance, session } = this.#parts;
    const failed = Promise.withResolvers<never>();
    const fail = (error: unknown) => {
      if (this.#current !== upstream) return;
      closeQuietly(upstream.connection);
      failed.reject(error);
    };
    sending.then(() => whenGone(instance, fail), (error) => {
      // A host that closes while it is written to may have answered before: its answer counts.
      if (error instanceof HeadError || error instanceof TruncatedError) fail(error);
    });
    failed.promise.catch(() => {});
    for (let count = 0; count <= MAX_INTERIM_RESPONSES; count++) {
      const head = await Promise.race([this.#nextHead(upstream), failed.promise]);
      session.traffic.bytesReceived += head.length;
      const response = orRefuse(() => parseResponseHead(decodeLatin1(head)));
      if (response.status >= 200 || response.status === 101) return response;
      this.hasAnswered = true;
      const { status, reason } = response;
      const fields = endToEnd(response.headers, NOT_FROM_HOSTS);
      await writeAll(instance.connection, encodeHead(`HTTP/1.1 ${status} ${reason}`, fields));
    }
    throw new Refusal("bad_response", "the host sends interim responses without an end");
  }

  async #nextHead({ reader, isReused }: Upstream): Promise<Uint8Array> {
    const mayRepeat = isReused && this.#mayRepeat && reader.buffered.length === 0;
    let head: Uint8Array | undefined;
    try {
      head = await reader.head(MAX_HEAD_BYTES);
    } catch (error) {
      if (error instanceof TooLongError) {
        throw new Refusal("bad_response", "the host's response has too large a head");
      }
      if (mayRepeat && reader.buffered.length === 0) throw new StaleError();
      throw endedEarly(error);
    }
    if (head !== undefined) return head;
    throw mayRepeat ? new StaleError() : new Refusal("bad_response", "the host did not answer");
  }

  async #answer({ status, reason, headers }: ResponseHead, closesAfter: boolean): Promise<void> {
    const isBoth = valuesOf(headers, "transfer-encoding").length > 0;
    const without = isBoth ? new Set([...NOT_FROM_HOSTS, "content-length"]) : NOT_FROM_HOSTS;
    const fields = endToEnd(headers, without);
    if (closesAfter) fields.push(["Connection", "close"]);
    this.hasAnswered = true;
    const line = `HTTP/1.1 ${status} ${reason}`;
    await writeAll(this.#parts.instance.connection, encodeHead(line, fields));
  }

  async #switchProtocols(upstream: Upstream, response: ResponseHead): Promise<void> {
    const { instance, session, onActivity } = this.#parts;
    const protocol = upgradeOf(response.headers);
    if (this.#upgrade === undefined || protocol === undefined) {
      throw new Refusal("bad_response", "the host changed to another protocol unasked");
    }
    const fields = endToEnd(response.headers, NOT_FROM_HOSTS);
    fields.push(["Connection", "Upgrade"], ["Upgrade", protocol]);
    this.hasAnswered = true;
    await writeAll(instance.connection, encodeHead("HTTP/1.1 101 Switching Protocols", fields));
    await tunnel(instance, upstream, session.traffic, onActivity);
  }
}

/** What it sends before the response is another request, and waits. */
function whenGone({ reader }: End, gone: (error: unknown) => void): void {
  if (reader.buffered.length > 0) return;
  const ended = () => gone(new TruncatedError("the instance went away"));
  reader.fill().then((more) => more || ended(), ended);
}

function closes(headers: readonly HeaderField[]): boolean {
  return listOf(headers, "connection").some((name) => name.toLowerCase() === "close");
}

function orRefuse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof HeadError)) throw error;
    throw new Refusal("bad_response", `the host's response ${error.message}`);
  }
}

function endedEarly(error: unknown): Refusal {
  const reason = error instanceof Error ? error.message : String(error);
  return new Refusal("bad_response", `the connection broke before the host answered: ${reason}`);
}
