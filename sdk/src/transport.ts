/**
 * One request: where it goes, with which key, for how long, and whether it may be sent again.
 *
 * It is sent again, at most `retries` times, in two cases only. One: Orla says that it did not begin
 * it. Two: nobody knows what became of it, or an instance or a node died under it, and a second time
 * does no harm (`repeatable`). A body that streams is gone once sent: never again.
 */
import { errorOf, OrlaError } from "./error.ts";

/** What every call takes. */
export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason, as `fetch` does. */
  readonly signal?: AbortSignal | undefined;
  /** For the whole call, waiting and sending again included; `Infinity` for no limit. */
  readonly timeoutMs?: number | undefined;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export type Body = NonNullable<RequestInit["body"]>;

export interface Call extends CallOptions {
  readonly method: string;
  /** With its query, encoded. */
  readonly path: string;
  readonly headers?: RequestInit["headers"];
  readonly body?: Body | undefined;
  /** Whether it does no harm to send it twice. */
  readonly repeatable: boolean;
  readonly redirect?: RequestInit["redirect"];
}

export interface TransportOptions {
  /** Without a slash at its end. */
  readonly base: string;
  readonly apiKey: string | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly fetch: Fetch;
}

/** Answers by which Orla says that it has not begun. */
const NOT_BEGUN: ReadonlySet<string> = new Set(["overloaded", "rate_limited"]);

const UNCERTAIN: ReadonlySet<string> = new Set([
  ...["no_answer", "unavailable", "instance_crashed", "request_timeout"],
]);

/** Of a proxy that did not reach Orla, or lost it. */
const PROXY_STATUSES: ReadonlySet<number | undefined> = new Set([502, 503, 504]);

/** Doubles with each attempt; up to half of it is left to chance, so that clients do not march in step. */
const FIRST_PAUSE_MS = 100;

/** Whoever is asked to wait longer should know, not hang. */
const MAX_PAUSE_MS = 10_000;

/** `setTimeout` takes no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** What a reader makes of an answer that is a success. */
  read<T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    return this.#run(call, async (response) => {
      if (!response.ok) throw await errorOf(response, nameOf(call));
      return await read(response);
    });
  }

  /** Its body as JSON. */
  json(call: Call): Promise<unknown> {
    return this.read(call, async (response) => {
      const text = await response.text();
      try {
        return JSON.parse(text);
      } catch (cause) {
        throw new OrlaError("unexpected_answer", `${nameOf(call)} was not answered with JSON.`, {
          ...{ cause, status: response.status },
        });
      }
    });
  }

  /** Itself. The time-out ends when it begins; the signal holds for its body too. */
  success(call: Call): Promise<Response> {
    return this.read(call, (response) => Promise.resolve(response));
  }

  /** Any answer, at the first attempt. */
  answer(call: Omit<Call, "repeatable">): Promise<Response> {
    return this.#run({ ...call, repeatable: false }, (response) => Promise.resolve(response));
  }

  async #run<T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const timeoutMs = checkAmount("timeoutMs", call.timeoutMs ?? this.#options.timeoutMs);
    const deadline = new AbortController();
    const timer = timeoutMs <= MAX_TIMER_MS
      ? setTimeout(() => deadline.abort(), timeoutMs)
      : undefined;
    const signals = call.signal === undefined ? [] : [call.signal];
    const signal = AbortSignal.any([deadline.signal, ...signals]);
    const { base, fetch } = this.#options;
    let last: OrlaError | undefined;
    try {
      const headers = this.#headersOf(call);
      for (let attempt = 0;; attempt++) {
        try {
          const init = initOf(call, new Headers(headers), signal);
          return await read(await fetch(base + call.path, init));
        } catch (thrown) {
          signal.throwIfAborted();
          last = thrown instanceof OrlaError ? thrown : noAnswer(call, thrown);
        }
        const pauseMs = last.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** attempt;
        const over = attempt >= this.#options.retries || pauseMs > MAX_PAUSE_MS;
        if (over || !mayRepeat(last, call)) throw last;
        await pause(pauseMs * (1 + Math.random() / 2), signal);
      }
    } catch (thrown) {
      call.signal?.throwIfAborted();
      if (!deadline.signal.aborted) throw thrown;
      throw new OrlaError("no_answer_in_time", `${nameOf(call)} took more than ${timeoutMs} ms.`, {
        cause: last,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #headersOf(call: Call): Headers {
    const { apiKey } = this.#options;
    const headers = new Headers(call.headers);
    if (apiKey !== undefined) {
      // A function's own bearer token keeps its place. Redirects elsewhere lose `authorization` only.
      if (headers.has("authorization")) headers.set("apikey", apiKey);
      else headers.set("authorization", `Bearer ${apiKey}`);
    }
    return headers;
  }
}

/** Deno's `fetch` sends a request again by itself when its connection breaks, unless the body streams. */
const FETCH_REPEATS = "Deno" in globalThis;

function initOf(call: Call, headers: Headers, signal: AbortSignal): RequestInit {
  const { method, body, repeatable } = call;
  // Node would keep a copy of all that streams, in case it must follow.
  const { redirect = isStream(body) ? "error" : "manual" } = call;
  const init: RequestInit = { method, headers, signal, redirect };
  if (FETCH_REPEATS && !repeatable && method !== "GET" && method !== "HEAD") {
    const content = new Response(body ?? "");
    // A form's is made with its body.
    const type = body === undefined ? null : content.headers.get("content-type");
    if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
    // Piped, because it knows its own streams over what it holds in memory.
    const stream = content.body?.pipeThrough(new TransformStream());
    return Object.assign(init, { body: stream, duplex: "half" });
  }
  if (body === undefined) return init;
  // `duplex` is what `fetch` wants to hear of a body that streams.
  return Object.assign(init, { body }, isStream(body) ? { duplex: "half" } : {});
}

function mayRepeat({ code, status }: OrlaError, { repeatable, body }: Call): boolean {
  if (isStream(body)) return false;
  if (NOT_BEGUN.has(code)) return true;
  return repeatable &&
    (UNCERTAIN.has(code) || (code === "unexpected_answer" && PROXY_STATUSES.has(status)));
}

function isStream(body: Body | undefined): boolean {
  return body instanceof ReadableStream;
}

function noAnswer(call: Call, cause: unknown): OrlaError {
  return new OrlaError("no_answer", `${nameOf(call)} was not answered: ${reasonOf(cause)}.`, {
    cause,
  });
}

/** `fetch` of Node says the reason one deeper: "fetch failed", because of "ECONNREFUSED". */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { cause } = thrown;
  const deeper = cause instanceof Error ? cause.message : "";
  return deeper === "" ? thrown.message : deeper;
}

function nameOf({ method, path }: Call): string {
  return `${method} ${path.split("?")[0]}`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end);
      resolve();
    }, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Throws `invalid_request`. */
export function checkAmount(name: string, value: number): number {
  if (value >= 0) return value;
  throw new OrlaError("invalid_request", `${name} must be a number from 0, not ${value}.`);
}
