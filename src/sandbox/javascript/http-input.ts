/** An HTTP call as the function sees it: a Web `Request`, or the plain object of `handler(req)`. */
import type { HttpCallHead, PayloadCallHead } from "../../protocol/messages.ts";
import { uncurryThis } from "../../protocol/primordials.ts";
import { InvalidInput } from "./errors.ts";
import { linkRequest } from "./request-signal.ts";
import type { CallInput, RunningCall } from "./running-call.ts";

const WebRequest = Request;
const WebHeaders = Headers;
const Url = URL;
const { defineProperty } = Object;
const append = uncurryThis(Headers.prototype.append);
const headersOf = uncurryThis(
  Object.getOwnPropertyDescriptor(Request.prototype, "headers")?.get as (this: Request) => Headers,
);
const decode = uncurryThis(TextDecoder.prototype.decode) as (
  decoder: TextDecoder,
  bytes: Uint8Array,
) => string;
const decoder = new TextDecoder();
const text = uncurryThis(Response.prototype.text);
const forEachParameter = uncurryThis(URLSearchParams.prototype.forEach);
const searchParams = uncurryThis(
  Object.getOwnPropertyDescriptor(URL.prototype, "searchParams")?.get as (
    this: URL,
  ) => URLSearchParams,
);
const WebResponse = Response;
const Binary = Blob;
const byteLength = uncurryThis(
  Object.getOwnPropertyDescriptor(Blob.prototype, "size")?.get as (this: Blob) => number,
);

export interface RequestObject {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly params: Record<string, string>;
  readonly user_id: string | null;
  readonly user_email: string | null;
  readonly user_role: string | null;
  readonly session_id: string | null;
}

export function makeRequest(head: HttpCallHead, input: CallInput, call: RunningCall): Request {
  let request: Request;
  try {
    request = bareRequest(head, input);
  } catch (error) {
    throw new InvalidInput((error as Error).message, { cause: error });
  }
  linkRequest(request, call);
  return request;
}

/**
 * Headers are appended to a request without any: four cost 0.5 µs, 1.5 as an array for the
 * constructor. Nor does a plain GET need to be told so.
 */
function bareRequest({ method, url, headers }: HttpCallHead, input: CallInput): Request {
  if (typeof input === "string") {
    // Made of text it would have a content type by itself.
    const init = { method, headers: headerPairs(headers), body: bodyOf(input) };
    return new WebRequest(url, init);
  }
  const request = method === "GET" ? new WebRequest(url) : new WebRequest(url, {
    method,
    body: method === "HEAD" ? null : bodyOf(input),
    ...("stream" in input ? { duplex: "half" } : {}),
  } as RequestInit);
  const own = headersOf(request);
  // In range: names and values come in pairs.
  for (let i = 0; i < headers.length; i += 2) append(own, headers[i]!, headers[i + 1]!);
  return request;
}

function bodyOf(input: CallInput): BodyInit | null {
  if (typeof input === "object" && "stream" in input) return input.stream;
  return input.length === 0 ? null : input;
}

function headerPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  // In range: names and values come in pairs.
  for (let i = 0; i < flat.length; i += 2) pairs[i / 2] = [flat[i]!, flat[i + 1]!];
  return pairs;
}

/** The fields `fetch(request)` finds on its request beyond the standard's. */
export function addFields(request: Request, head: HttpCallHead): Request {
  const fields = { params: paramsOf(head), ...identityOf(head) };
  for (const name in fields) {
    defineProperty(request, name, {
      value: fields[name as keyof typeof fields],
      configurable: true,
      enumerable: true,
    });
  }
  return request;
}

export async function makeRequestObject(
  head: HttpCallHead,
  input: CallInput,
): Promise<RequestObject> {
  const headers: Record<string, string> = {};
  // Headers joins repeated ones as HTTP prescribes and lower-cases the names.
  new WebHeaders(headerPairs(head.headers)).forEach((value, name) => headers[name] = value);
  return {
    method: head.method,
    url: head.url,
    headers,
    body: await textOf(input),
    params: paramsOf(head),
    ...identityOf(head),
  };
}

export async function textOf(input: CallInput): Promise<string> {
  if (typeof input === "string") return input;
  if ("stream" in input) return await text(new WebResponse(input.stream));
  return input.length === 0 ? "" : decode(decoder, input);
}

function queryOf(url: string): Record<string, string> {
  const params: Record<string, string> = {};
  forEachParameter(searchParams(new Url(url)), (value, name) => params[name] = value);
  return params;
}

/** The query's, and over them what the trigger's path took out of the URL. */
export function paramsOf({ url, params }: HttpCallHead): Record<string, string> {
  const all = queryOf(url);
  for (const name in params) all[name] = params[name] as string; // its own: JSON has no prototype
  return all;
}

/** Who calls, as far as a key or a verified token tells. */
function identityOf({ role, user }: HttpCallHead) {
  return {
    user_id: user?.id ?? null,
    user_email: user?.email ?? null,
    user_role: user?.role ?? role,
    session_id: user?.sessionId ?? null,
  };
}

/** A payload for code that wants requests: a POST of its JSON text. */
export function payloadAsHttp(json: string, head: PayloadCallHead, name: string): HttpCallHead {
  const length = byteLength(new Binary([json]));
  return {
    kind: "http",
    executionId: head.executionId,
    sentAt: head.sentAt,
    method: "POST",
    url: `http://localhost/${name}`,
    headers: ["content-type", "application/json", "content-length", `${length}`],
    role: head.role,
  };
}
