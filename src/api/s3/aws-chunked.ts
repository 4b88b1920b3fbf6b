/**
 * Takes a body out of its `aws-chunked` wrapping: pieces that announce their length, perhaps each with a
 * signature, and lines after the last one, perhaps signed too. Pieces go on as their bytes come, before
 * their signature is known to be right: whoever reads must use nothing until the end.
 */
import { createHash } from "node:crypto";
import { isSame } from "./authenticate.ts";
import { S3Error } from "./s3-error.ts";
import type { ChunkSigner } from "./signature.ts";

export interface ChunkedBody {
  readonly source: ReadableStream<Uint8Array>;
  /** `null` where pieces carry no signatures. */
  readonly signer: ChunkSigner | null;
  /** Lines are to follow the last piece. */
  readonly hasTrailer: boolean;
  /** As announced, of what is inside. */
  readonly length: number;
  /** Told each of the lines. */
  readonly onTrailer: (name: string, value: string) => void;
}

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
/** A length and a signature take a hundred; a trailer's line little more. */
const MAX_LINE_BYTES = 1024;
const MAX_TRAILERS = 10;

/** Throws `IncompleteBody`, `InvalidRequest` and `SignatureDoesNotMatch`. */
export async function* unwrapChunks(body: ChunkedBody): AsyncGenerator<Uint8Array> {
  const { signer, length } = body;
  const reader = new PieceReader(body.source);
  try {
    let received = 0;
    for (;;) {
      const { size, signature } = readHead(await reader.line());
      received += size;
      if (received > length) throw malformed("it is longer than x-amz-decoded-content-length");
      const hash = createHash("sha256");
      for await (const bytes of reader.take(size)) {
        if (signer !== null) hash.update(bytes);
        yield bytes;
      }
      if (signer !== null) checkSignature(signature, signer.signChunk(hash.digest("hex")));
      if (size === 0) break;
      if (await reader.line() !== "") throw malformed("a piece is longer than it says");
    }
    if (received !== length) throw incomplete();
    await readTrailer(reader, body);
  } finally {
    await reader.close();
  }
}

/** `400;chunk-signature=…`, the size in hexadecimal digits. */
function readHead(line: string): { readonly size: number; readonly signature: string } {
  const [, size, signature = ""] = /^([0-9A-Fa-f]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/
    .exec(line) ?? [];
  if (size === undefined) throw malformed("a piece has no size");
  return { size: Number.parseInt(size, 16), signature };
}

async function readTrailer(
  reader: PieceReader,
  { signer, hasTrailer, onTrailer }: ChunkedBody,
): Promise<void> {
  let signed = "";
  let signature = "";
  for (let count = 0;; count++) {
    const line = await reader.line();
    if (line === "") break;
    const [, name, value = ""] = /^([A-Za-z0-9-]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || count === MAX_TRAILERS) throw malformed("its trailer is none");
    if (name.toLowerCase() === "x-amz-trailer-signature") {
      signature = value.trim();
      continue;
    }
    signed += `${name.toLowerCase()}:${value.trim()}\n`;
    onTrailer(name.toLowerCase(), value.trim());
  }
  if (!hasTrailer && signed !== "") throw malformed("it has a trailer that was not announced");
  if (hasTrailer && signer !== null) checkSignature(signature, signer.signTrailer(signed));
  if (!await reader.isAtEnd()) throw malformed("there is more after its end");
}

function checkSignature(given: string, expected: string): void {
  if (isSame(given, expected)) return;
  throw new S3Error("SignatureDoesNotMatch", "The signature of a piece of the body is not right.");
}

/** Lines and lengths of a stream. */
class PieceReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest = new Uint8Array(0);

  constructor(source: ReadableStream<Uint8Array>) {
    this.#reader = source.getReader();
  }

  /** Without its end. */
  async line(): Promise<string> {
    let line = new Uint8Array(0);
    for (;;) {
      line = joined(line, this.#rest);
      const end = indexOfLineEnd(line);
      if (end > MAX_LINE_BYTES || end === -1 && line.length > MAX_LINE_BYTES) {
        throw malformed("a line is too long");
      }
      if (end !== -1) {
        this.#rest = line.subarray(end + 2);
        return new TextDecoder().decode(line.subarray(0, end));
      }
      if (!await this.#fill()) throw incomplete();
    }
  }

  async *take(size: number): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0;) {
      if (this.#rest.length === 0 && !await this.#fill()) throw incomplete();
      const bytes = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(bytes.length);
      left -= bytes.length;
      yield bytes;
    }
  }

  async isAtEnd(): Promise<boolean> {
    return this.#rest.length === 0 && !await this.#fill();
  }

  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }

  /** Whether there was more. */
  async #fill(): Promise<boolean> {
    do {
      const { done, value } = await this.#reader.read();
      if (done) {
        this.#rest = new Uint8Array(0);
        return false;
      }
      this.#rest = new Uint8Array(value);
    } while (this.#rest.length === 0);
    return true;
  }
}

function joined(a: Uint8Array<ArrayBuffer>, b: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function indexOfLineEnd(bytes: Uint8Array): number {
  const at = bytes.indexOf(CARRIAGE_RETURN);
  return at !== -1 && bytes[at + 1] === LINE_FEED ? at : -1;
}

function malformed(what: string): S3Error {
  return new S3Error("InvalidRequest", `The body is not aws-chunked as announced: ${what}.`);
}

function incomplete(): S3Error {
  return new S3Error("IncompleteBody", "The body is shorter than announced.");
}
