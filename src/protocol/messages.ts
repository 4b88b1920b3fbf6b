/**
 * The contents of frames: small JSON heads. JSON because V8 writes one in 0.15 µs and reads it in
 * 0.35 µs, which a hand-made binary form in JavaScript does not beat, and it can be read in a trace.
 */
import { ProtocolError, readUint32 } from "./frame.ts";
import { copyInto, viewOf } from "./primordials.ts";

const decoder = new TextDecoder();
const decode = decoder.decode.bind(decoder);
const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const { parse, stringify } = JSON;
const { isArray } = Array;

/** What a blank instance is told to become. */
export interface Assignment {
  /** `file:` URL of the module in the instance's own directory. */
  readonly url: string;
  readonly style: "web" | "fetch" | "handler" | "commonjs" | "main";
  readonly mode: "auto" | "request" | "payload";
  readonly namespace: string;
  readonly name: string;
  readonly version: number;
  readonly parameters:
    | ReadonlyArray<{ readonly name: string | null; readonly type: string }>
    | null;
  /** The declared result type, `null` for JSON. */
  readonly returns: string | null;
  /** MEMORY, in bytes. */
  readonly memoryBytes: number;
  /** Log bytes that may wait in the instance before lines are dropped. */
  readonly logBacklogBytes: number;
  /** Beyond this the supervisor takes no more of a response; a result must fit MAX_RESULT_BYTES too. */
  readonly maxResponseBytes: number;
  /** The function's own variables. */
  readonly env: Readonly<Record<string, string>>;
  /** The code names `process`, so Node's must be made safe before it is imported. */
  readonly usesProcess: boolean;
  /** It names one of Node's modules for sockets, which are then led to the egress proxy. */
  readonly usesNodeSockets: boolean;
  /** The egress proxy's port on loopback and this process's token; `null` for no way out. */
  readonly egress: { readonly port: number; readonly token: string } | null;
}

interface CallHeadBase {
  readonly executionId: string;
  /** The trigger behind the call and which event of it. */
  readonly cause?: {
    readonly triggerName: string;
    readonly eventId: string | null;
    readonly attempt?: number;
  } | undefined;
  /** Wall-clock milliseconds when the frame was made; see `startGate.ts` in the sandbox. */
  readonly sentAt: number;
}

export interface HttpCallHead extends CallHeadBase {
  readonly kind: "http";
  readonly method: string;
  readonly url: string;
  /** Names and values alternate. */
  readonly headers: readonly string[];
  readonly role: string | null;
  /** What the path of an HTTP trigger took out of the URL. */
  readonly params?: Readonly<Record<string, string>> | undefined;
  /** From a verified token. */
  readonly user?: {
    readonly id: string | null;
    readonly email: string | null;
    readonly role: string | null;
    readonly sessionId: string | null;
  } | undefined;
}

export interface PayloadCallHead extends CallHeadBase {
  readonly kind: "payload";
  readonly shape: "arguments" | "payload";
  readonly role: string | null;
}

export type CallHead = HttpCallHead | PayloadCallHead;

/** A payload call's reply has no head: its body is the JSON text of the result. */
export interface HttpReplyHead {
  readonly status: number;
  /** Names and values alternate. */
  readonly headers: readonly string[];
  /** The function accepted a WebSocket, with this subprotocol. */
  readonly socket?: string;
}

export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: ClaimableCode;
  /** A SQLSTATE of the author's choice. */
  readonly sqlState?: string;
}

/**
 * What a function may fail a statement with: no class of success or warnings, and at least one digit, as
 * Postgres's have, so that names such as EPERM are not taken for one.
 */
const ownSqlState = /^(?!0[0-2])(?=.*\d)[0-9A-Z]{5}$/;
const isOwnSqlState = ownSqlState.test.bind(ownSqlState);

/**
 * Codes of the platform that an instance may claim: the caller's input does not fit, the result is
 * too large to be worth sending, a frame would be too large or a host call one too many.
 */
const claimableCodes = ["invalid_request", "response_too_large", "limit_exceeded"] as const;
export type ClaimableCode = typeof claimableCodes[number];

export function encodeMessage(message: Assignment | CallHead | HttpReplyHead | WireError): string {
  return stringify(message);
}

export interface HeadAndBody {
  /** Empty where the message has no head. */
  readonly head: string;
  /** A view, as the frame's payload is. */
  readonly body: Uint8Array;
}

export function splitHead(payload: Uint8Array): HeadAndBody {
  const length = payload.length < 4 ? Infinity : readUint32(payload, 0);
  if (4 + length > payload.length) throw new ProtocolError("a head is longer than its frame");
  return { head: decode(viewOf(payload, 4, 4 + length)), body: viewOf(payload, 4 + length) };
}

/** For messages of the supervisor, which the instance trusts. */
export function decodeAssignment(payload: Uint8Array): Assignment {
  return parse(decode(payload));
}

/** For messages of the supervisor, which the instance trusts. */
export function decodeCallHead(head: string): CallHead {
  return parse(head);
}

/** Header names are RFC 9110 tokens. */
const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A value may hold anything but NUL, CR and LF, and nothing beyond Latin-1. */
const headerValue = /^[^\0\r\n\u0100-\uffff]*$/;

/** Checks every field: the instance may be hostile. */
export function decodeHttpReplyHead(head: string): HttpReplyHead {
  const { status, headers, socket } = parseObject(head);
  if (typeof status !== "number" || !(status >= 200 && status <= 599)) {
    throw new ProtocolError("a reply's status must be 200 to 599");
  }
  if (!Number.isInteger(status)) throw new ProtocolError("a reply's status must be an integer");
  if (!isArray(headers) || headers.length % 2 !== 0) {
    throw new ProtocolError("a reply's headers must be names and values");
  }
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value] = [headers[i], headers[i + 1]];
    if (typeof name !== "string" || typeof value !== "string") {
      throw new ProtocolError("a reply's headers must be text");
    }
    if (!headerName.test(name) || !headerValue.test(value)) {
      throw new ProtocolError("a reply has an impossible header");
    }
  }
  if (socket === undefined) return { status, headers };
  if (typeof socket !== "string") throw new ProtocolError("a subprotocol must be text");
  return { status, headers, socket };
}

/** Checks every field: the instance may be hostile. */
export function decodeWireError(payload: Uint8Array): WireError {
  const { name, message, stack, code, sqlState } = parseObject(decode(payload));
  if (typeof name !== "string" || typeof message !== "string") {
    throw new ProtocolError("an error must have a name and a message");
  }
  return {
    name,
    message,
    ...(typeof stack === "string" ? { stack } : {}),
    ...(isClaimable(code) ? { code } : {}),
    ...(typeof sqlState === "string" && isOwnSqlState(sqlState) ? { sqlState } : {}),
  };
}

function isClaimable(code: unknown): code is ClaimableCode {
  for (let i = 0; i < claimableCodes.length; i++) if (code === claimableCodes[i]) return true;
  return false;
}

export function decodeText(payload: Uint8Array): string {
  return decode(payload);
}

export function decodeCredit(payload: Uint8Array): number {
  if (payload.length !== 4) throw new ProtocolError("a credit is four bytes");
  return readUint32(payload, 0);
}

export interface SocketClose {
  /** RFC 6455 status code. */
  readonly code: number;
  readonly reason: string;
}

export function encodeSocketClose({ code, reason }: SocketClose): Uint8Array {
  const text = encode(reason);
  const bytes = new Uint8Array(2 + text.length);
  bytes[0] = code >>> 8;
  bytes[1] = code;
  copyInto(bytes, text, 2);
  return bytes;
}

export function decodeSocketClose(payload: Uint8Array): SocketClose {
  if (payload.length < 2) throw new ProtocolError("a WebSocket close has a code");
  const code = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
  return { code, reason: decode(viewOf(payload, 2)) };
}

/** What an instance asks of the platform. */
export interface HostRequest {
  readonly op: string;
  readonly input: unknown;
}

/** The names of what can be asked are shorter. */
const MAX_OP_LENGTH = 64;

/** Checks the shape only: `input` is any JSON of a possibly hostile instance. */
export function decodeHostRequest(text: string): HostRequest {
  const { op, input } = parseObject(text);
  if (typeof op !== "string" || op.length > MAX_OP_LENGTH) {
    throw new ProtocolError("a host call names no operation");
  }
  return { op, input };
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new ProtocolError("a message is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null) {
    throw new ProtocolError("a message is no object");
  }
  return value as Record<string, unknown>;
}
