/**
 * One pass over a request's headers: what the gateway needs from them, and the list the function
 * gets to see.
 *
 * The function does not get: hop-by-hop headers (RFC 9110, section 7.6.1), which speak about the
 * connection to the gateway; a header that carried one of the platform's keys, because a key lets
 * its holder call other functions; and `forwarded` / `x-forwarded-*`, which anyone can write and
 * nothing here vouches for.
 */
import { OrlaError } from "../base/errors.ts";
import type { Caller } from "../functions/call.ts";
import type { KeyVerifier } from "./keys.ts";
import type { GatewayLimits } from "./limits.ts";

export interface InboundHeaders {
  /** Names and values alternate; sorted by name, equal names joined, as `Headers` iterates them. */
  readonly forFunction: string[];
  readonly host: string | undefined;
  /** Whose key came with the request; the mightiest of several. */
  readonly caller: Caller | undefined;
  /** A key header held something that is no key of ours. It may be meant for the function. */
  readonly foreignKey: boolean;
  /** The client's own, when it is one we would write into logs. */
  readonly requestId: string | undefined;
  /** Announced length of the body. */
  readonly contentLength: number | undefined;
  /** The body comes in chunks, as only HTTP/1.1 has them. */
  readonly chunked: boolean;
  /** The request asks to become a WebSocket. */
  readonly webSocket: boolean;
}

type Treatment =
  | "host"
  | "key"
  | "request-id"
  | "content-length"
  | "transfer-encoding"
  | "connection"
  | "upgrade"
  | "drop";

const treatments = new Map<string, Treatment>([
  ["host", "host"],
  ["authorization", "key"],
  ["apikey", "key"],
  ["x-api-key", "key"],
  ["x-request-id", "request-id"],
  ["content-length", "content-length"],
  ["connection", "connection"],
  ["upgrade", "upgrade"],
  // The gateway has answered it by the time the function runs.
  ["expect", "drop"],
  ["forwarded", "drop"],
  ["http2-settings", "drop"],
  ["keep-alive", "drop"],
  ["proxy-authenticate", "drop"],
  ["proxy-authorization", "drop"],
  ["proxy-connection", "drop"],
  ["te", "drop"],
  ["trailer", "drop"],
  ["transfer-encoding", "transfer-encoding"],
  ["x-forwarded-for", "drop"],
  ["x-forwarded-host", "drop"],
  ["x-forwarded-port", "drop"],
  ["x-forwarded-proto", "drop"],
]);

/** `: ` and the line's end, as HTTP/1.1 writes a header. */
const BYTES_AROUND_HEADER = 4;

/** Throws `headers_too_large` and `invalid_request`. */
export function readHeaders(
  headers: Headers,
  keys: KeyVerifier,
  limits: GatewayLimits,
): InboundHeaders {
  const forFunction: string[] = [];
  let host: string | undefined;
  let caller: Caller | undefined;
  let foreignKey = false;
  let requestId: string | undefined;
  let contentLength: number | undefined;
  let chunked = false;
  let webSocket = false;
  let connection = "";
  let count = 0;
  let bytes = 0;

  headers.forEach((value, name) => {
    count++;
    bytes += name.length + value.length + BYTES_AROUND_HEADER;
    switch (treatments.get(name)) {
      case undefined:
        forFunction.push(name, value);
        break;
      case "host":
        host = value;
        forFunction.push(name, value);
        break;
      case "key": {
        const owner = keys.identify(value);
        if (owner === undefined) {
          foreignKey = true;
          forFunction.push(name, value);
        } else if (caller === undefined || owner.service) {
          caller = owner;
        }
        break;
      }
      case "request-id":
        if (isRequestId(value)) requestId = value;
        break;
      case "content-length":
        contentLength = readLength(value);
        forFunction.push(name, value);
        break;
      case "transfer-encoding":
        chunked = true;
        break;
      case "connection":
        connection = value;
        break;
      case "upgrade":
        webSocket = value.toLowerCase() === "websocket";
        break;
      case "drop":
        break;
    }
  });
  if (count > limits.maxHeaders || bytes > limits.maxHeaderBytes) throw tooLarge(limits);
  if (webSocket) forFunction.push("connection", "Upgrade", "upgrade", "websocket");
  return {
    forFunction: withoutNominated(forFunction, connection),
    host,
    caller,
    foreignKey,
    requestId,
    contentLength,
    chunked,
    webSocket,
  };
}

/** Drops the headers that `connection` declares to be hop-by-hop as well. */
function withoutNominated(list: string[], connection: string): string[] {
  if (connection === "" || connection === "keep-alive" || connection === "close") return list;
  const nominated = connection.toLowerCase().split(",").map((token) => token.trim())
    .filter((token) => token !== "upgrade" && token !== "host" && token !== "content-length");
  // A value goes with the name before it.
  return list.filter((_, i) => !nominated.includes(list[i - i % 2] ?? ""));
}

/** Printable, and of a length that logs bear; anything else is replaced by an id of ours. */
function isRequestId(value: string): boolean {
  return value.length <= 128 && /^[\w.:/+=@-]+$/.test(value);
}

/** Repeated lengths arrive joined by commas, which no integer contains: refused, never guessed. */
function readLength(value: string): number {
  if (!/^\d{1,15}$/.test(value)) {
    throw new OrlaError(
      "invalid_request",
      "Content-Length must be given once, as a number of bytes.",
    );
  }
  return Number(value);
}

function tooLarge(limits: GatewayLimits): OrlaError {
  return new OrlaError(
    "headers_too_large",
    `The request's headers exceed ${limits.maxHeaders} headers or ${limits.maxHeaderBytes} bytes.`,
    { hint: "Send less in cookies and custom headers; large values belong into the body." },
  );
}
