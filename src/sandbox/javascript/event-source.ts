/** `EventSource` on top of our own `fetch`: Deno's goes to the host directly, where it may not. */
import { EventStreamParser } from "./event-stream.ts";
import { proxiedFetch } from "./fetch.ts";

type Handler = ((event: Event) => unknown) | null;

const DEFAULT_RETRY_MS = 3000;

export class OutgoingEventSource extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSED = 2;
  readonly url: string;
  readonly withCredentials: boolean;
  readyState = 0;
  onopen: Handler = null;
  onmessage: Handler = null;
  onerror: Handler = null;
  readonly #controller = new AbortController();
  readonly #parser: EventStreamParser;

  constructor(url: string | URL, options: { readonly withCredentials?: boolean } = {}) {
    super();
    const parsed = URL.parse(url);
    if (parsed === null) throw new DOMException(`${url} is no URL`, "SyntaxError");
    this.url = parsed.href;
    this.withCredentials = options.withCredentials === true;
    this.#parser = new EventStreamParser(({ type, data, lastEventId }) => {
      const { origin } = parsed;
      this.#emit(new MessageEvent(type, { data, lastEventId, origin }));
    });
    this.#run();
  }

  close(): void {
    this.readyState = 2;
    this.#controller.abort();
  }

  async #run(): Promise<void> {
    while (this.readyState !== 2) {
      let hasOpened: boolean;
      try {
        hasOpened = await this.#listen();
      } catch (error) {
        // A connection that broke is tried again, one that is not allowed will never be.
        const cause = error instanceof Error ? error.cause as { code?: string } | undefined : {};
        hasOpened = cause?.code !== "not_allowed";
      }
      if (this.#controller.signal.aborted) return;
      this.readyState = hasOpened ? 0 : 2;
      this.#emit(new Event("error"));
      if (!hasOpened) return;
      const { retryMs = DEFAULT_RETRY_MS } = this.#parser;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  /** Until the response's end. Returns `false` when the server has no events there. */
  async #listen(): Promise<boolean> {
    const headers: Record<string, string> = {
      accept: "text/event-stream",
      "cache-control": "no-cache",
    };
    if (this.#parser.lastEventId !== "") headers["last-event-id"] = this.#parser.lastEventId;
    const { signal } = this.#controller;
    const response = await proxiedFetch(this.url, { headers, signal });
    const type = response.headers.get("content-type")?.split(";")[0]?.trim();
    if (response.status !== 200 || type !== "text/event-stream" || response.body === null) {
      await response.body?.cancel();
      return false;
    }
    this.readyState = 1;
    this.#emit(new Event("open"));
    const decoder = new TextDecoder();
    for await (const chunk of response.body) {
      this.#parser.push(decoder.decode(chunk, { stream: true }));
    }
    return true;
  }

  #emit(event: Event): void {
    const handler = this[`on${event.type}` as "onmessage"];
    if (["open", "message", "error"].includes(event.type) && typeof handler === "function") {
      try {
        handler.call(this, event);
      } catch (error) {
        reportError(error);
      }
    }
    this.dispatchEvent(event);
  }
}

export function installEventSource(): void {
  Object.defineProperty(OutgoingEventSource, "name", { value: "EventSource" });
  Object.defineProperty(globalThis, "EventSource", {
    value: OutgoingEventSource,
    writable: true,
    configurable: true,
  });
}
