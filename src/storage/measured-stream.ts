/** Looks at an upload on its way to the store: its size within the limit, its hash, its first bytes. */
import { createHash, type Hash } from "node:crypto";
import { OrlaError } from "../base/errors.ts";
import { SNIFFED_BYTES } from "./content-type.ts";

export interface Measured {
  readonly size: number;
  /** In hexadecimal digits. */
  readonly hash: string;
  readonly head: Uint8Array;
}

/** MD5 is what clients of S3 compare; nothing relies on it. */
export type HashName = "sha256" | "md5";

export class MeasuredStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #hash: Hash;
  readonly #head = new Uint8Array(SNIFFED_BYTES);
  #size = 0;

  constructor(source: ReadableStream<Uint8Array>, maxBytes: number, hash: HashName) {
    this.#hash = createHash(hash);
    this.stream = source.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          if (this.#size + chunk.length > maxBytes) throw tooLarge(maxBytes);
          if (this.#size < SNIFFED_BYTES) {
            this.#head.set(chunk.subarray(0, SNIFFED_BYTES - this.#size), this.#size);
          }
          this.#size += chunk.length;
          this.#hash.update(chunk);
          controller.enqueue(chunk);
        },
      }),
    );
  }

  /** Once the stream has been read to its end. */
  result(): Measured {
    return {
      size: this.#size,
      hash: this.#hash.digest("hex"),
      head: this.#head.subarray(0, Math.min(this.#size, SNIFFED_BYTES)),
    };
  }
}

export function tooLarge(maxBytes: number): OrlaError {
  return new OrlaError("payload_too_large", `The upload is larger than ${maxBytes} bytes.`, {
    hint: "The smallest MAX_SIZE of the bucket's upload triggers holds.",
  });
}
