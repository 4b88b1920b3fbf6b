/**
 * Where the bytes of uploads are: a place that takes a stream under a key, all of it or nothing.
 *
 * Keys are made by the platform (`bucket/id`), never by whoever uploads; a store refuses any other all
 * the same. A key is written once, so that readers need no lock.
 */
import { OrlaError } from "../base/errors.ts";

export interface ObjectStore extends AsyncDisposable {
  /**
   * Resolves when the bytes are durable. Rejects with what the stream failed with, or else
   * `unavailable`; nothing is at the key then. Holds a few megabytes at most, whatever the size.
   */
  put(key: string, body: ReadableStream<Uint8Array>): Promise<void>;
  /** `null` where there is nothing. */
  get(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null>;
  /** Bytes; `null` where there is nothing. */
  size(key: string): Promise<number | null>;
  /** Whether it was there makes no difference. */
  delete(key: string): Promise<void>;
  /** In no order. */
  list(prefix: string): AsyncIterable<StoredKey>;
}

/** Both ends are included, as in HTTP; they lie within the object. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface StoredKey {
  readonly key: string;
  readonly size: number;
  readonly modifiedAt: Date;
}

const keySegment = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Throws `invalid_request`. */
export function checkKey(key: string): void {
  const segments = key.split("/");
  if (key.length <= 300 && segments.every((segment) => keySegment.test(segment))) return;
  throw new OrlaError("invalid_request", "This cannot be the key of an object.");
}
