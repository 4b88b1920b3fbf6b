/**
 * Signature Version 4, from the verifier's side. The library signs the request anew, with the parts that
 * the client says it has signed; both must come to the same.
 */
import { createHash, createHmac } from "node:crypto";
import aws4 from "aws4";
import type { S3Access } from "../../storage/s3-access.ts";
import type { Authorization } from "./authorization.ts";
import { S3_PATH } from "./s3-path.ts";
import type { S3Request } from "./s3-request.ts";

/**
 * What the client may have signed as the path. Some know endpoints without a path only: a proxy gives
 * them a host of their own and puts the path before theirs. No path may be read in both ways.
 */
export function signedPaths(path: string): readonly string[] {
  const short = path.slice(S3_PATH.length) || "/";
  return short.startsWith(S3_PATH) ? [path] : [path, short];
}

/** In hexadecimal digits. */
export function signatureOf(
  { method, path, query, headers }: Pick<S3Request, "method" | "path" | "query" | "headers">,
  { isPresigned, region, signedHeaders }: Authorization,
  access: S3Access,
): string {
  const pairs = [...query].filter(([name]) => name !== "X-Amz-Signature");
  // Written in one way only, whatever the client's: the library reads some spellings differently.
  const target = [
    path.split("/").map(encodeURIComponent).join("/"),
    ...pairs.length === 0
      ? []
      : [pairs.map((pair) => pair.map(encodeURIComponent).join("=")).join("&")],
  ].join("?");
  const request = {
    ...{ method, path: target, region, service: "s3", signQuery: isPresigned },
    headers: Object.fromEntries(signedHeaders.map((name) => [name, headers.get(name) ?? ""])),
    // It would leave out some that proxies change.
    extraHeadersToInclude: Object.fromEntries(signedHeaders.map((name) => [name, true])),
  };
  const signer = new aws4.RequestSigner(request, access);
  signer.prepareRequest();
  return signer.signature();
}

/**
 * Signatures of a body's pieces, each of which covers the one before
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html).
 */
export class ChunkSigner {
  readonly #key: Uint8Array;
  readonly #scope: string;
  readonly #time: string;
  #previous: string;

  constructor({ day, region, time, signature }: Authorization, { secretAccessKey }: S3Access) {
    const ofDay = hmac(`AWS4${secretAccessKey}`, day);
    this.#key = hmac(hmac(hmac(ofDay, region), "s3"), "aws4_request");
    this.#scope = `${day}/${region}/s3/aws4_request`;
    this.#time = time;
    this.#previous = signature;
  }

  /** Of the next piece. `sha256` is of its bytes, in hexadecimal digits. */
  signChunk(sha256: string): string {
    return this.#sign("AWS4-HMAC-SHA256-PAYLOAD", createHash("sha256").digest("hex"), sha256);
  }

  /** Of what follows the last piece: lines `name:value`, each with its end. */
  signTrailer(lines: string): string {
    return this.#sign(
      "AWS4-HMAC-SHA256-TRAILER",
      createHash("sha256").update(lines).digest("hex"),
    );
  }

  #sign(algorithm: string, ...hashes: readonly string[]): string {
    const text = [algorithm, this.#time, this.#scope, this.#previous, ...hashes].join("\n");
    return this.#previous = createHmac("sha256", this.#key).update(text).digest("hex");
  }
}

function hmac(key: string | Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text).digest();
}
