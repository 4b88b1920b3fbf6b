/**
 * Where a message's body ends. Bodies pass through as they are, chunk sizes and all; this only
 * follows them, so as to know when the next message begins.
 */
import { type HeaderField, HeadError, listOf, valuesOf } from "./http-head.ts";

export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** Until the connection is closed; responses only. */
  | { readonly kind: "close" };

/** RFC 9112, section 6. A request that could be read in two ways is refused. */
export function requestFraming(headers: readonly HeaderField[]): Framing {
  const codings = valuesOf(headers, "transfer-encoding");
  const length = lengthOf(headers);
  if (codings.length === 0) return length === undefined ? { kind: "none" } : framed(length);
  if (length !== undefined) throw new HeadError("has both a length and a transfer encoding");
  if (codings.length > 1 || codings[0]?.toLowerCase() !== "chunked") {
    throw new HeadError("has a transfer encoding other than chunked");
  }
  return { kind: "chunked" };
}

export function responseFraming(
  method: string,
  status: number,
  headers: readonly HeaderField[],
): Framing {
  if (method === "HEAD" || status === 204 || status === 304) return { kind: "none" };
  const codings = listOf(headers, "transfer-encoding");
  if (codings.length > 0) {
    return { kind: codings.at(-1)?.toLowerCase() === "chunked" ? "chunked" : "close" };
  }
  const length = lengthOf(headers);
  return length === undefined ? { kind: "close" } : framed(length);
}

function framed(bytes: number): Framing {
  return bytes === 0 ? { kind: "none" } : { kind: "length", bytes };
}

function lengthOf(headers: readonly HeaderField[]): number | undefined {
  const lengths = valuesOf(headers, "content-length");
  const [first, ...others] = lengths;
  if (first === undefined) return undefined;
  if (!/^\d{1,15}$/.test(first) || others.some((other) => other !== first)) {
    throw new HeadError("has no valid length");
  }
  return Number(first);
}

/** `consume` returns how many of the bytes belong to the body. */
export interface BodyFollower {
  readonly done: boolean;
  /** Throws `HeadError` for a malformed body. */
  consume(bytes: Uint8Array): number;
}

export function followBody(framing: Framing): BodyFollower {
  switch (framing.kind) {
    case "none":
      return new LengthFollower(0);
    case "length":
      return new LengthFollower(framing.bytes);
    case "close":
      return new LengthFollower(Infinity);
    case "chunked":
      return new ChunkFollower();
  }
}

class LengthFollower implements BodyFollower {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  consume(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.#left);
    this.#left -= count;
    return count;
  }
}

/** A size has up to 13 digits: as many as a number holds exactly. */
const MAX_SIZE_DIGITS = 13;
/** Extensions and trailers: nobody needs more. */
const MAX_LINE_BYTES = 8 * 1024;
const MAX_TRAILER_BYTES = 64 * 1024;

const CR = 13;
const LF = 10;

/**
 * RFC 9112, section 7.1. *Size* reads digits, *extension* the rest of that line, *data* the chunk,
 * *dataEnd* the line end after it; the empty chunk is followed by *trailer* lines, up to an empty
 * one. Every line ends with CR LF, and neither stands anywhere else.
 */
class ChunkFollower implements BodyFollower {
  done = false;
  #state: "size" | "extension" | "data" | "dataEnd" | "trailer" = "size";
  #size = 0;
  #digits = 0;
  /** Of this line, and of all trailers. */
  #lineBytes = 0;
  #trailerBytes = 0;
  #afterCr = false;

  consume(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && !this.done) {
      if (this.#state === "data") {
        const count = Math.min(bytes.length - at, this.#size);
        this.#size -= count;
        at += count;
        if (this.#size === 0) this.#state = "dataEnd";
      } else this.#byte(bytes[at++] ?? 0);
    }
    return at;
  }

  #byte(byte: number): void {
    if (this.#afterCr) {
      if (byte !== LF) throw malformed();
      this.#afterCr = false;
      return this.#lineEnded();
    }
    if (byte === CR) {
      this.#afterCr = true;
      return;
    }
    if (byte === LF || ++this.#lineBytes > MAX_LINE_BYTES) throw malformed();
    switch (this.#state) {
      case "size": {
        const digit = hexDigit(byte);
        if (digit === undefined) {
          if (this.#digits === 0 || (byte !== SEMICOLON && byte !== SPACE && byte !== TAB)) {
            throw malformed();
          }
          this.#state = "extension";
        } else if (++this.#digits > MAX_SIZE_DIGITS) throw malformed();
        else this.#size = this.#size * 16 + digit;
        return;
      }
      case "extension":
        return;
      case "trailer":
        if (++this.#trailerBytes > MAX_TRAILER_BYTES) throw malformed();
        return;
      case "data":
      case "dataEnd":
        throw malformed();
    }
  }

  #lineEnded(): void {
    const wasEmpty = this.#lineBytes === 0;
    this.#lineBytes = 0;
    switch (this.#state) {
      case "size":
      case "extension":
        if (this.#digits === 0) throw malformed();
        this.#digits = 0;
        this.#state = this.#size === 0 ? "trailer" : "data";
        return;
      case "dataEnd":
        this.#state = "size";
        return;
      case "trailer":
        this.done = wasEmpty;
        return;
      case "data":
        throw malformed();
    }
  }
}

const SEMICOLON = 59;
const SPACE = 32;
const TAB = 9;

function hexDigit(byte: number): number | undefined {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : undefined;
}

function malformed(): HeadError {
  return new HeadError("has a malformed chunked body");
}
