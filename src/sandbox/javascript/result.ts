/** Sends what a handler returned, in the form the caller wants. */
import { encodeMessage } from "../../protocol/messages.ts";
import type { Outbox } from "../../protocol/outbox.ts";
import { uncurryThis } from "../../protocol/primordials.ts";
import { encodeBytes } from "./bytea.ts";
import type { Convention } from "./conventions.ts";
import { flatten, isResponse, sendBody, sendResponse } from "./reply.ts";
import type { RunningCall } from "./running-call.ts";
import { encodeResult } from "./value-codec.ts";

const WebResponse = Response;
const WebHeaders = Headers;
const Bytes = Uint8Array;
const { isInteger } = Number;
const { parse } = JSON;
const { isView } = ArrayBuffer;
const text = uncurryThis(Response.prototype.text);
const bytes = uncurryThis(Response.prototype.bytes);
const getHeader = uncurryThis(Headers.prototype.get);
const hasHeader = uncurryThis(Headers.prototype.has);
const setHeader = uncurryThis(Headers.prototype.set);
const exec = uncurryThis(RegExp.prototype.exec);

const JSON_HEAD = encodeMessage({ status: 200, headers: ["content-type", "application/json"] });
const NO_CONTENT_HEAD = encodeMessage({ status: 204, headers: [] });

export async function sendHttpResult(
  outbox: Outbox,
  call: RunningCall,
  convention: Convention,
  result: unknown,
): Promise<void> {
  if (isResponse(result)) return await sendResponse(outbox, call, result);
  if (convention === "request") throw notAResponse(result, "a Response");
  if (convention !== "payload" && convention !== "parameters") {
    if (isStatusObject(result)) return await sendStatusObject(outbox, call, result);
    if (convention === "requestWithFields") {
      throw notAResponse(result, "a Response or { status, headers, body }");
    }
    if (result === undefined) return await sendBody(outbox, call, NO_CONTENT_HEAD, null);
  }
  await sendBody(outbox, call, JSON_HEAD, encodeResult(result));
}

/** For a caller who wants a value: what an HTTP answer means is its body, and a failure is one. */
export async function payloadResult(
  convention: Convention,
  result: unknown,
  encode: (value: unknown) => string,
): Promise<string> {
  if (convention === "payload" || convention === "parameters") {
    return isResponse(result) ? await valueOfResponse(result) : encode(result);
  }
  if (isResponse(result)) return await valueOfResponse(result);
  if (convention === "request") throw notAResponse(result, "a Response");
  if (isStatusObject(result)) return await valueOfResponse(await toResponse(result));
  return encode(result);
}

interface StatusObject {
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly headers?: unknown;
  readonly body?: unknown;
}

function isStatusObject(value: unknown): value is StatusObject {
  if (typeof value !== "object" || value === null) return false;
  const { status, statusCode } = value as StatusObject;
  return isInteger(status) || isInteger(statusCode);
}

function headOf(result: StatusObject): { status: number; headers: Headers } {
  const status = (isInteger(result.status) ? result.status : result.statusCode) as number;
  if (status < 200 || status > 599) throw new RangeError(`a status is 200 to 599, not ${status}`);
  return { status, headers: new WebHeaders((result.headers ?? {}) as HeadersInit) };
}

async function sendStatusObject(outbox: Outbox, call: RunningCall, result: StatusObject) {
  const { body } = result;
  if (body !== undefined && body !== null && !isText(body)) {
    return await sendResponse(outbox, call, await toResponse(result));
  }
  const { status, headers } = headOf(result);
  if (isText(body) && !hasHeader(headers, "content-type")) {
    setHeader(headers, "content-type", "text/plain;charset=UTF-8");
  }
  const noBody = call.head.kind === "http" && call.head.method === "HEAD";
  const head = encodeMessage({ status, headers: flatten(headers) });
  await sendBody(outbox, call, head, isText(body) && !noBody ? body : null);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

async function toResponse(result: StatusObject): Promise<Response> {
  const { status, headers } = headOf(result);
  const body = await result.body;
  if (body === undefined || body === null) return new WebResponse(null, { status, headers });
  if (isText(body) || isView(body) || isBodyObject(body)) {
    return new WebResponse(body as BodyInit, { status, headers });
  }
  if (!hasHeader(headers, "content-type")) setHeader(headers, "content-type", "application/json");
  return new WebResponse(encodeResult(body), { status, headers });
}

const bodyClasses = [ArrayBuffer, Blob, ReadableStream, FormData, URLSearchParams];

function isBodyObject(value: unknown): boolean {
  for (let i = 0; i < bodyClasses.length; i++) {
    if (value instanceof (bodyClasses[i] as typeof Blob)) return true; // in range
  }
  return false;
}

const jsonType = /^application\/(?:[\w.+-]+\+)?json\b/i;
const textType = /^text\/|charset|^application\/(?:xml|javascript|x-www-form-urlencoded)/i;

async function valueOfResponse(response: Response): Promise<string> {
  const type = getHeader(response.headers, "content-type") ?? "";
  if (response.status >= 400) throw new FailedResponse(response.status, await text(response));
  if (exec(jsonType, type) !== null) {
    const json = await text(response);
    parse(json); // what says it is JSON and is not fails here, in the function's own name
    return json;
  }
  if (type === "" || exec(textType, type) !== null) {
    const body = await text(response);
    return body === "" ? "null" : encodeResult(body);
  }
  const body = await bytes(response);
  return encodeResult(encodeBytes(body.length === 0 ? new Bytes() : body));
}

/** A status of 400 or above, to a caller who expected a value. */
class FailedResponse extends Error {
  override readonly name = "FailedResponse";

  constructor(status: number, body: string) {
    super(`the function answered with status ${status}: ${messageIn(body)}`);
  }
}

/** `{"error": "…"}` and `{"message": "…"}` are what most APIs send. */
function messageIn(body: string): string {
  try {
    const { error, message } = parse(body);
    if (isText(error)) return error;
    if (isText(message)) return message;
  } catch {
    // It was text after all.
  }
  return body;
}

const inspect = Deno.inspect;

function notAResponse(result: unknown, expected: string): TypeError {
  const got = inspect(result, { depth: 1, strAbbreviateSize: 80 });
  return new TypeError(`the handler must return ${expected}; it returned ${got}`);
}
