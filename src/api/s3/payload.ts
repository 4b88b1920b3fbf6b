/** The body of a request, out of its wrapping, as it comes; its end fails when it is not what was sent. */
import { createHash } from "node:crypto";
import type { S3Access } from "../../storage/s3-access.ts";
import { tooLarge } from "../../storage/measured-stream.ts";
import type { Authorization } from "./authorization.ts";
import { unwrapChunks } from "./aws-chunked.ts";
import { type Check, checked, type ChecksumOpener, checksums } from "./checksums.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { ChunkSigner } from "./signature.ts";

export interface Payload {
  readonly body: ReadableStream<Uint8Array>;
  /** For the answer, once the body has been read: what was found right. */
  readonly checksumHeaders: () => Readonly<Record<string, string>>;
}

export interface PayloadOptions {
  readonly request: S3Request;
  readonly authorization: Authorization;
  readonly access: S3Access;
  /** The body as it comes, within this limit. */
  readonly stream: (maxBytes: number) => ReadableStream<Uint8Array>;
}

const UNSIGNED = "UNSIGNED-PAYLOAD";
const wrappings: Readonly<Record<string, { readonly signed: boolean; readonly trailer: boolean }>> =
  {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": { signed: true, trailer: false },
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": { signed: true, trailer: true },
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": { signed: false, trailer: true },
  };

/** Throws `EntityTooLarge` at once where the length is announced, otherwise while it is read. */
export async function openPayload(options: PayloadOptions, maxBytes: number): Promise<Payload> {
  const { request, authorization, access } = options;
  const declared = request.headers.get("x-amz-content-sha256") ??
    (authorization.isPresigned ? UNSIGNED : "");
  const found = new Map<string, string>();
  const checks = await checksOf(request, found);
  const wrapping = wrappings[declared];
  if (wrapping === undefined) {
    checks.push(...sha256Check(declared));
    const body = checked(options.stream(maxBytes), checks);
    return { body, checksumHeaders: () => Object.fromEntries(found) };
  }
  const length = decodedLength(request);
  if (length > maxBytes) throw tooLarge(maxBytes);
  const chunks = unwrapChunks({
    // What it has inside is within the limit; the wrapping is the client's to choose.
    source: options.stream(Number.MAX_SAFE_INTEGER),
    signer: wrapping.signed ? new ChunkSigner(authorization, access) : null,
    hasTrailer: wrapping.trailer,
    length,
    onTrailer: (name, value) => {
      if (name !== trailerOf(request)) {
        throw new S3Error("InvalidRequest", `x-amz-trailer does not announce ${name}.`);
      }
      found.set(name, value);
    },
  });
  return {
    body: checked(ReadableStream.from(chunks), checks),
    checksumHeaders: () => Object.fromEntries(found),
  };
}

/** Adds to `found` what is known before the body. */
async function checksOf(request: S3Request, found: Map<string, string>): Promise<Check[]> {
  const checks: Check[] = [];
  const md5 = request.header("content-md5");
  if (md5 !== null) {
    const expected = fromBase64(md5, 16, "Content-MD5");
    checks.push({ ...bodyIsAnother, checksum: createHash("md5"), expected: () => expected });
  }
  const trailer = trailerOf(request);
  for (const [algorithm, open] of Object.entries(checksums)) {
    const name = `x-amz-checksum-${algorithm}`;
    const value = request.header(name);
    if (value === null && trailer !== name) continue;
    // The official client writes it into URLs that it signs before there is a body.
    if (!request.headers.has(name) && value === await ofNothing(open)) continue;
    if (value !== null) found.set(name, value);
    const checksum = await open();
    const expected = () => fromBase64(found.get(name) ?? "", null, name);
    checks.push({ ...bodyIsAnother, checksum, expected });
  }
  const known = Object.keys(checksums).map((algorithm) => `x-amz-checksum-${algorithm}`);
  if (trailer !== undefined && !known.includes(trailer)) {
    throw new S3Error("NotImplemented", `The trailer ${trailer} is not known.`);
  }
  return checks;
}

async function ofNothing(open: ChecksumOpener): Promise<string> {
  return (await open()).digest().toBase64();
}

function trailerOf(request: S3Request): string | undefined {
  return request.headers.get("x-amz-trailer")?.trim().toLowerCase();
}

const bodyIsAnother = {
  code: "BadDigest",
  message: "The body is not what its checksum says.",
} as const;

function sha256Check(declared: string): Check[] {
  if (declared === UNSIGNED) return [];
  if (!/^[0-9a-f]{64}$/.test(declared)) {
    throw new S3Error("NotImplemented", `x-amz-content-sha256 "${declared}" is not known.`);
  }
  const expected = Uint8Array.fromHex(declared);
  return [{
    checksum: createHash("sha256"),
    expected: () => expected,
    code: "XAmzContentSHA256Mismatch",
    message: "The body is not the one that was signed.",
  }];
}

function decodedLength(request: S3Request): number {
  const written = request.headers.get("x-amz-decoded-content-length") ?? "";
  if (/^\d{1,15}$/.test(written)) return Number(written);
  throw new S3Error("MissingContentLength", "x-amz-decoded-content-length must be a number.");
}

function fromBase64(text: string, length: number | null, name: string): Uint8Array {
  try {
    const bytes = Uint8Array.fromBase64(text);
    if (length === null || bytes.length === length) return bytes;
    throw new Error(`it has ${bytes.length} bytes`);
  } catch (cause) {
    throw new S3Error("InvalidDigest", `${name} is not Base64 of the right length.`, { cause });
  }
}
