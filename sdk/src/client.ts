/**
 * The client: one node or one address in front of several, and one key.
 *
 * Each noun of Orla's is a property, each verb a method of it. A call takes what it is about first,
 * then the value, then options, `signal` and `timeoutMs` among them; it resolves with a plain value or
 * rejects with an {@link OrlaError}.
 */
import { OrlaError } from "./error.ts";
import { Functions } from "./functions.ts";
import { Hooks } from "./hooks.ts";
import { Queues } from "./queues.ts";
import { Storage } from "./storage.ts";
import { checkAmount, type Fetch, Transport } from "./transport.ts";

export interface ClientOptions {
  /** Where Orla is: `http://127.0.0.1:8000`. A path before Orla's own is kept. */
  readonly url: string;
  /** The anon key calls functions, the service key does everything. Never put the latter in a page. */
  readonly apiKey?: string | undefined;
  /** For calls that name none of their own; 60,000 without it. */
  readonly timeoutMs?: number | undefined;
  /** How often a call is sent again, where that is safe; 2 without it, 0 for never. */
  readonly retries?: number | undefined;
  /** In place of the global one, for proxies and certificates of your own. */
  readonly fetch?: Fetch | undefined;
}

/** A function's own TIMEOUT is half of it, unless it is changed. */
const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_RETRIES = 2;

export class OrlaClient {
  readonly functions: Functions;
  readonly queues: Queues;
  readonly hooks: Hooks;
  readonly storage: Storage;

  /** Throws `invalid_request`. Connects with the first call. */
  constructor({ url, apiKey, timeoutMs, retries, fetch }: ClientOptions) {
    const transport = new Transport({
      base: checkUrl(url),
      apiKey: checkKey(apiKey),
      timeoutMs: checkAmount("timeoutMs", timeoutMs ?? DEFAULT_TIMEOUT_MS),
      retries: checkAmount("retries", retries ?? DEFAULT_RETRIES),
      fetch: fetch ?? ((url, init) => globalThis.fetch(url, init)),
    });
    this.functions = new Functions(transport);
    this.queues = new Queues(transport);
    this.hooks = new Hooks(transport);
    this.storage = new Storage(transport);
  }
}

/** The same, for those who write it so. */
export function createClient(
  url: string,
  apiKey?: string,
  options: Omit<ClientOptions, "url" | "apiKey"> = {},
): OrlaClient {
  return new OrlaClient({ ...options, url, apiKey });
}

function checkUrl(url: string): string {
  if (!URL.canParse(url)) {
    throw new OrlaError("invalid_request", `"${url}" is no URL.`);
  }
  const { protocol, origin, pathname, search, hash, username, password } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") {
    throw new OrlaError("invalid_request", "The url must begin with http:// or https://.");
  }
  if (search + hash + username + password !== "") {
    throw new OrlaError("invalid_request", "The url must have no query, fragment or password.");
  }
  return origin + pathname.replace(/\/+$/, "");
}

/** `fetch` would quote it in its error. */
function checkKey(apiKey: string | undefined): string | undefined {
  if (apiKey === undefined || /^[\x21-\x7e]+$/.test(apiKey)) return apiKey;
  throw new OrlaError("invalid_request", "The apiKey has characters that no key has, or none.", {
    hint: "A line break at its end, from the file it was read from?",
  });
}
