/**
 * Heads of HTTP/1.1 messages (RFC 9112), read strictly: what two readers could understand in two
 * ways is an error.
 */

export type HeaderField = readonly [name: string, value: string];

export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly HeaderField[];
}

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** HTTP/1.0 servers close the connection after each response. */
  readonly isHttp10: boolean;
  readonly headers: readonly HeaderField[];
}

/** A message that is not as the specification says. Its message goes on from "the request" or so. */
export class HeadError extends Error {
  override readonly name = "HeadError";
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible characters, spaces, tabs and bytes beyond ASCII; never CR, LF or NUL. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TARGET = /^[\x21-\x7e]+$/;

/** `text` holds the head's bytes as Latin-1, without the empty line. */
export function parseRequestHead(text: string): RequestHead {
  const [line = "", ...fields] = text.split("\r\n");
  const [method = "", target = "", version, ...more] = line.split(" ");
  if (!TOKEN.test(method) || !TARGET.test(target) || more.length > 0) {
    throw new HeadError("has no request line");
  }
  if (version !== "HTTP/1.1") throw new HeadError("is not of HTTP/1.1");
  return { method, target, headers: parseFields(fields) };
}

export function parseResponseHead(text: string): ResponseHead {
  const [line = "", ...fields] = text.split("\r\n");
  const match = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/.exec(line);
  if (match === null) throw new HeadError("has no status line");
  const [, minor, status, reason = ""] = match;
  if (!VALUE.test(reason)) throw new HeadError("has no status line");
  return { status: Number(status), reason, isHttp10: minor === "0", headers: parseFields(fields) };
}

function parseFields(lines: readonly string[]): HeaderField[] {
  return lines.map((line) => {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1);
    // Also refuses lines that begin with a space, and names with one before the colon.
    if (!TOKEN.test(name) || !VALUE.test(value)) throw new HeadError("has a malformed header");
    return [name, value.replace(/^[\t ]+|[\t ]+$/g, "")];
  });
}

export function encodeHead(line: string, headers: readonly HeaderField[]): Uint8Array {
  let text = `${line}\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  return encodeLatin1(`${text}\r\n`);
}

/** All values of a list-valued header, split at commas. `name` is in lower case. */
export function listOf(headers: readonly HeaderField[], name: string): string[] {
  return valuesOf(headers, name).flatMap((value) =>
    value.split(",").map((item) => item.trim()).filter((item) => item !== "")
  );
}

export function valuesOf(headers: readonly HeaderField[], name: string): string[] {
  return headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
}

/** They concern one connection, not the message. `Transfer-Encoding` stays: bodies pass as they are. */
const HOP_BY_HOP = new Set([
  ...["connection", "proxy-connection", "keep-alive", "te", "upgrade"],
  ...["proxy-authorization", "proxy-authenticate"],
]);

/** Those that describe the message itself; `Connection` must not take them away. */
const FRAMING = new Set(["transfer-encoding", "content-length", "host"]);

/** What goes on to the other side, but for `without`. */
export function endToEnd(
  headers: readonly HeaderField[],
  without: ReadonlySet<string>,
): HeaderField[] {
  const named = new Set(listOf(headers, "connection").map((name) => name.toLowerCase()));
  return headers.filter(([name]) => {
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || without.has(lower)) return false;
    return !named.has(lower) || FRAMING.has(lower);
  });
}

/** The protocol both agree to change to, if the message says so in both of its headers. */
export function upgradeOf(headers: readonly HeaderField[]): string | undefined {
  const asks = listOf(headers, "connection").some((name) => name.toLowerCase() === "upgrade");
  return asks ? valuesOf(headers, "upgrade")[0] : undefined;
}

function encodeLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function decodeLatin1(bytes: Uint8Array): string {
  let text = "";
  // As many arguments as any engine takes.
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return text;
}
