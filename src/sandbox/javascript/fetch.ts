/**
 * `fetch` by way of the egress proxy, which speaks TLS for it: Deno checks its permission for the
 * very host that is fetched, so the request goes to the proxy with the URL in its path.
 *
 * Requests and responses are Deno's own. Of each, the part it keeps for itself says which URLs it
 * has been at: it is where a request is sent elsewhere, and where a response learns what it answers.
 * Redirects are followed here, each through the proxy.
 */
import { uncurryThis } from "../../protocol/primordials.ts";
import { readRefusal, theWayOut, traceparent } from "./way-out.ts";

/** What Deno keeps in a `Request`. */
interface InnerRequest {
  urlList: (() => string)[];
  urlListProcessed: string[];
  headerList: [string, string][];
  redirectMode: RequestRedirect;
  readonly body: { readonly source: BodyInit | null } | null;
}

/** What Deno keeps in a `Response`. */
interface InnerResponse {
  urlList: string[];
}

const nativeFetch = fetch;
const WebRequest = Request;
const WebHeaders = Headers;
const WebUrl = URL;
const TypeMistake = TypeError;
const encodeBase64 = btoa;
const decodePart = decodeURIComponent;
const { get: getHeader, set: setHeader, has: hasHeader, delete: deleteHeader } = Headers.prototype;
const headerOf = uncurryThis(getHeader);
const setHeaderOf = uncurryThis(setHeader);
const hasHeaderOf = uncurryThis(hasHeader);
const removeHeaderOf = uncurryThis(deleteHeader);
const responseText = uncurryThis(Response.prototype.text);
const cancelStream = uncurryThis(ReadableStream.prototype.cancel);
const { apply } = Reflect;
const { includes, replaceAll } = String.prototype;
const { push } = Array.prototype;

const innerOfRequest = symbolNamed(new Request("http://localhost"), "request");
const innerOfResponse = symbolNamed(new Response(null), "response");

function symbolNamed(object: object, name: string): symbol {
  const symbol = Object.getOwnPropertySymbols(object).find((each) => each.description === name);
  if (symbol === undefined) throw new Error(`Deno's ${name}s have no inner ${name}`);
  return symbol;
}

/** As browsers and Deno do it. */
const MAX_REDIRECTS = 20;

/** What describes a body goes with it. */
const BODY_HEADERS = [
  ...["content-encoding", "content-language", "content-location", "content-type"],
  "content-length",
];
/** What was meant for one host goes to no other. */
const CREDENTIALS = ["authorization", "cookie"];

interface Fetched {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: BodyInit | null | undefined;
  readonly signal: AbortSignal;
}

/** Its name and length are what `fetch` has. */
export async function proxiedFetch(
  input: RequestInfo | URL,
  init: RequestInit | undefined = undefined,
): Promise<Response> {
  const request = new WebRequest(input, init);
  const url = new WebUrl(request.url);
  if (url.protocol !== "http:" && url.protocol !== "https:") return await nativeFetch(request);
  const inner = innerRequest(request);
  const mode = inner.redirectMode;
  const body = inner.body === null ? null : inner.body.source ?? undefined;
  const { method, signal } = request;
  const client = (init as { client?: Deno.HttpClient } | undefined)?.client;
  const visited = [url.href];
  // A copy: those of later hops are made of it.
  let next: Fetched = { url, method, headers: new WebHeaders(request.headers), body, signal };
  let response = await send(request, url);
  while (mode !== "manual") {
    const location = redirectOf(response);
    if (location === null) break;
    if (mode === "error") throw await discard(response, next.url, "it is a redirect");
    if (visited.length > MAX_REDIRECTS) {
      throw await discard(response, next.url, "there are too many redirects");
    }
    const following = follow(next, response.status, location);
    if (typeof following === "string") throw await discard(response, next.url, following);
    if (response.body !== null) await cancelStream(response.body);
    next = following;
    apply(push, visited, [next.url.href]);
    const { method, headers, body, signal } = next;
    const hop = new WebRequest(next.url, {
      ...{ method, headers, signal },
      ...body === null ? {} : { body },
      ...client === undefined ? {} : { client },
    } as RequestInit);
    response = await send(hop, next.url);
  }
  (response as unknown as Record<symbol, InnerResponse>)[innerOfResponse]!.urlList = visited; // every response has one
  return response;
}

function innerRequest(request: Request): InnerRequest {
  return (request as unknown as Record<symbol, InnerRequest>)[innerOfRequest]!; // every request has one
}

/** Sends a request of our own making, which it changes. */
async function send(request: Request, url: URL): Promise<Response> {
  const { port, credentials } = theWayOut();
  const base = `http://127.0.0.1:${port}/`;
  const inner = innerRequest(request);
  const { headers } = request;
  if (url.username !== "" || url.password !== "") {
    if (!hasHeaderOf(headers, "authorization")) {
      const userinfo = `${decodePart(url.username)}:${decodePart(url.password)}`;
      setHeaderOf(headers, "authorization", `Basic ${encodeBase64(userinfo)}`);
    }
  }
  const trace = hasHeaderOf(headers, "traceparent") ? undefined : traceparent();
  if (trace !== undefined) setHeaderOf(headers, "traceparent", trace);
  setHeaderOf(headers, "proxy-authorization", credentials);
  const target = base + addressOf(url);
  inner.urlList = [() => target];
  inner.urlListProcessed = [];
  inner.redirectMode = "manual";
  let response: Response;
  try {
    response = await nativeFetch(request);
  } catch (error) {
    if (!(error instanceof TypeMistake) || !apply(includes, error.message, [base])) throw error;
    // A URL of ours means nothing to the function.
    throw new TypeMistake(apply(replaceAll, error.message, [base, ""]), { cause: error.cause });
  }
  const code = headerOf(response.headers, "orla-egress");
  if (code === null) return response;
  const refusal = readRefusal(code, await responseText(response));
  throw new TypeMistake(
    code === "not_allowed"
      ? `fetch to ${url.href} is not allowed: ${refusal.message}`
      : `error sending request for url (${url.href}): ${refusal.message}`,
    { cause: refusal },
  );
}

/** Without user, password and fragment. */
function addressOf({ protocol, host, pathname, search }: URL): string {
  return `${protocol}//${host}${pathname}${search}`;
}

function redirectOf({ status, headers }: Response): string | null {
  const is = status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
  return is ? headerOf(headers, "location") : null;
}

/** Fetch standard, "HTTP-redirect fetch". Returns why it cannot be followed. */
function follow(from: Fetched, status: number, location: string): Fetched | string {
  const url = WebUrl.parse(location, from.url);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return `it redirects to ${location}, which is no URL of http or https`;
  }
  if (url.hash === "") url.hash = from.url.hash;
  const headers = new WebHeaders(from.headers);
  let { method, body } = from;
  const isGet = method === "GET" || method === "HEAD";
  if ((status === 303 && !isGet) || ((status === 301 || status === 302) && method === "POST")) {
    method = "GET";
    body = null;
    for (let i = 0; i < BODY_HEADERS.length; i++) removeHeaderOf(headers, BODY_HEADERS[i] ?? "");
  } else if (body === undefined) return "it redirects, and a streamed body cannot be sent twice";
  if (url.origin !== from.url.origin) {
    for (let i = 0; i < CREDENTIALS.length; i++) removeHeaderOf(headers, CREDENTIALS[i] ?? "");
  }
  return { url, method, headers, body, signal: from.signal };
}

async function discard(response: Response, url: URL, reason: string): Promise<TypeError> {
  if (response.body !== null) await cancelStream(response.body);
  return new TypeMistake(`error sending request for url (${url.href}): ${reason}`);
}

export function installFetch(): void {
  Object.defineProperty(proxiedFetch, "name", { value: "fetch" });
  Object.defineProperty(proxiedFetch, "length", { value: 1 });
  Object.defineProperty(globalThis, "fetch", {
    value: proxiedFetch,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
