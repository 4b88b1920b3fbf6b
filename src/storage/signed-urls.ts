/**
 * URLs that carry the right to do one thing with one object until a certain time, for clients that have
 * no key. The signature is an HMAC over method, object and time, with a key derived from the service key.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

export const signedMethods = ["GET", "PUT", "DELETE"] as const;
export type SignedMethod = typeof signedMethods[number];

export interface Signed {
  readonly method: SignedMethod;
  readonly bucket: string;
  readonly name: string;
  /** Seconds since 1970. */
  readonly expires: number;
}

export class UrlSigner {
  readonly #key: Uint8Array;

  constructor(serviceKey: string) {
    // Other signatures made with the service key mean something else.
    this.#key = createHmac("sha256", serviceKey).update("orla storage urls 1").digest();
  }

  /** The query of the object's URL. */
  sign(signed: Signed): string {
    const signature = this.#signature(signed).toString("base64url");
    return new URLSearchParams({ expires: String(signed.expires), signature }).toString();
  }

  /** Whether the query allows it now. A GET's allows HEAD too. */
  allows(
    method: string,
    bucket: string,
    name: string,
    query: URLSearchParams,
    now = Date.now(),
  ): boolean {
    const signed = signedMethods.find((one) => one === (method === "HEAD" ? "GET" : method));
    const [expires, signature] = [query.get("expires"), query.get("signature")];
    if (signed === undefined || expires === null || signature === null) return false;
    if (!/^\d{1,12}$/.test(expires)) return false;
    const expected = this.#signature({ method: signed, bucket, name, expires: Number(expires) });
    const given = new Uint8Array(expected.length);
    const bytes = Uint8Array.from(decode(signature));
    given.set(bytes.subarray(0, given.length));
    const same = timingSafeEqual(given, expected) && bytes.length === expected.length;
    return same && Number(expires) * 1000 > now;
  }

  #signature({ method, bucket, name, expires }: Signed) {
    // No part but the last can have a line break.
    return createHmac("sha256", this.#key).update([method, expires, bucket, name].join("\n"))
      .digest();
  }
}

function decode(text: string): Iterable<number> {
  try {
    return Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch {
    return [];
  }
}
