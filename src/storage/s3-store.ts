/**
 * Objects in a bucket of any store that speaks S3. Bytes go there as they come, in parts; an object is
 * there once its last part has been acknowledged, which S3 does when it is durable.
 */
import { S3mini, S3ServiceError } from "s3mini";
import { OrlaError } from "../base/errors.ts";
import { type ByteRange, checkKey, type ObjectStore, type StoredKey } from "./object-store.ts";

export interface S3Options {
  /** With the bucket: `https://s3.eu-west-1.amazonaws.com/bucket`. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** What all keys begin with, such as `orla/`. */
  readonly prefix: string;
}

/** S3 takes 10,000 parts of at least 5 MiB: with growing parts that holds 5 TiB. */
const FIRST_PART_BYTES = 8 * 2 ** 20;
const PARTS_OF_ONE_SIZE = 1000;
const LIST_PAGE = 1000;

export class S3Store implements ObjectStore {
  readonly #client: S3mini;
  readonly #prefix: string;

  constructor({ prefix, ...options }: S3Options) {
    this.#client = new S3mini(options);
    this.#prefix = prefix;
  }

  async put(key: string, body: ReadableStream<Uint8Array>): Promise<void> {
    const place = this.#place(key);
    const parts = inParts(body);
    const first = await parts.next();
    const whole = first.done === true ? new Uint8Array(0) : first.value.bytes;
    if (first.done === true || first.value.isLast) {
      await asking(() => this.#client.putObject(place, whole));
      return;
    }
    const uploadId = await asking(() => this.#client.getMultipartUploadId(place));
    try {
      const done = [await asking(() => this.#client.uploadPart(place, uploadId, whole, 1))];
      for await (const { bytes } of parts) {
        const number = done.length + 1;
        done.push(await asking(() => this.#client.uploadPart(place, uploadId, bytes, number)));
      }
      await asking(() => this.#client.completeMultipartUpload(place, uploadId, done));
    } catch (thrown) {
      // What cannot be aborted now is for the bucket's rule about unfinished uploads.
      await this.#client.abortMultipartUpload(place, uploadId).catch(() => {});
      throw thrown;
    }
  }

  async get(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null> {
    const place = this.#place(key);
    const response = await orNull(() =>
      range === undefined
        ? this.#client.getObjectRaw(place)
        : this.#client.getObjectRaw(place, false, range.start, range.end + 1)
    );
    if (response === null) return null;
    if (range !== undefined && response.status !== 206) {
      await response.body?.cancel();
      throw new OrlaError("unavailable", "The object store does not answer ranges.");
    }
    return response.body ?? new Blob([]).stream();
  }

  async size(key: string): Promise<number | null> {
    return await orNull(() => this.#client.getContentLength(this.#place(key)));
  }

  async delete(key: string): Promise<void> {
    await orNull(() => this.#client.deleteObject(this.#place(key)));
  }

  async *list(prefix: string): AsyncIterable<StoredKey> {
    let next: string | undefined;
    do {
      const token = next;
      const page = await asking(() =>
        this.#client.listObjectsPaged("/", `${this.#prefix}${prefix}`, LIST_PAGE, token)
      );
      for (const { Key, Size, LastModified } of page?.objects ?? []) {
        if (!Key.startsWith(this.#prefix)) continue;
        yield {
          key: Key.slice(this.#prefix.length),
          size: Number(Size),
          modifiedAt: new Date(LastModified),
        };
      }
      next = page?.nextContinuationToken;
    } while (next !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #place(key: string): string {
    checkKey(key);
    return `${this.#prefix}${key}`;
  }
}

interface Part {
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

/** Equal pieces, the last one smaller or empty; larger ones when there are many. */
async function* inParts(body: ReadableStream<Uint8Array>): AsyncGenerator<Part> {
  let number = 0;
  let buffer = new Uint8Array(FIRST_PART_BYTES);
  let filled = 0;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length;) {
      if (filled === buffer.length) {
        yield { bytes: buffer, isLast: false };
        number++;
        const steps = Math.floor(number / PARTS_OF_ONE_SIZE);
        buffer = new Uint8Array(FIRST_PART_BYTES * 2 ** Math.min(steps, 6));
        filled = 0;
      }
      const piece = chunk.subarray(at, at + buffer.length - filled);
      buffer.set(piece, filled);
      filled += piece.length;
      at += piece.length;
    }
  }
  yield { bytes: buffer.subarray(0, filled), isLast: true };
}

async function orNull<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (thrown) {
    if (isMissing(thrown)) return null;
    throw unavailable(thrown);
  }
}

async function asking<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw unavailable(thrown);
  }
}

function isMissing(thrown: unknown): boolean {
  if (thrown instanceof S3ServiceError) return thrown.status === 404;
  return thrown instanceof Error && thrown.cause !== undefined && isMissing(thrown.cause);
}

function unavailable(cause: unknown): OrlaError {
  if (cause instanceof OrlaError) return cause;
  return new OrlaError("unavailable", "The object store failed.", { cause, retryAfterSeconds: 5 });
}
