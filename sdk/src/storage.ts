/** Objects in buckets, streamed both ways. Needs the service key. */
import { Answer } from "./answer.ts";
import { OrlaError } from "./error.ts";
import { pathOf } from "./path.ts";
import type { Body, CallOptions, Transport } from "./transport.ts";

export interface StoredObject {
  readonly bucket: string;
  /** With slashes, if it has any. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly contentType: string;
  readonly etag: string;
  readonly uploadedAt: Date;
}

export interface PutOptions extends CallOptions {
  /** Unless the first bytes say otherwise. */
  readonly contentType?: string | undefined;
}

export interface GetOptions extends CallOptions {
  /** Bytes from `start` to `end`, both included, from 0; without `end` to the last. */
  readonly range?: { readonly start: number; readonly end?: number | undefined } | undefined;
}

export interface SignOptions extends CallOptions {
  /** `GET` without it. */
  readonly method?: "GET" | "PUT" | "DELETE" | undefined;
  /** At most a week; an hour without it. */
  readonly expiresInSeconds?: number | undefined;
}

export class Storage {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Uploads an object, and resolves once it is durable. A `ReadableStream` is sent as it comes. Each
   * upload is an event, so it is sent again only when Orla says that it did not begin, and never as a
   * stream. Without `timeoutMs` it may take as long as it takes.
   */
  async put(
    bucket: string,
    name: string,
    body: Body,
    { contentType, timeoutMs = Infinity, ...options }: PutOptions = {},
  ): Promise<StoredObject> {
    const answer = new Answer(
      await this.#transport.json({
        ...options,
        ...{ method: "PUT", path: objectPath(bucket, name), body, timeoutMs, repeatable: false },
        headers: contentType === undefined ? {} : { "content-type": contentType },
      }),
    );
    return {
      bucket: answer.text("bucket"),
      name: answer.text("name"),
      size: answer.number("size"),
      contentType: answer.text("contentType"),
      etag: answer.text("etag"),
      uploadedAt: answer.date("uploadedAt"),
    };
  }

  /**
   * The object as a response: `body` is its stream, `arrayBuffer()` and `text()` read all of it. Read
   * or cancel it. Rejects with `not_found`. `timeoutMs` is for its beginning, `signal` for all of it.
   */
  async get(
    bucket: string,
    name: string,
    { range, ...options }: GetOptions = {},
  ): Promise<Response> {
    return await this.#transport.success({
      ...options,
      ...{ method: "GET", path: objectPath(bucket, name), repeatable: true },
      headers: range === undefined ? {} : { range: `bytes=${range.start}-${range.end ?? ""}` },
    });
  }

  /** What is known of the object, its time in whole seconds; `null` if there is none. */
  async head(
    bucket: string,
    name: string,
    options: CallOptions = {},
  ): Promise<StoredObject | null> {
    const call = { ...options, method: "HEAD", path: objectPath(bucket, name), repeatable: true };
    const response = await unlessMissing(this.#transport.success(call));
    if (response === null) return null;
    const header = (header: string) => response.headers.get(header) ?? "";
    return {
      ...{ bucket, name, size: Number(header("content-length")) },
      contentType: header("content-type"),
      etag: header("etag").replaceAll('"', ""),
      uploadedAt: new Date(header("last-modified")),
    };
  }

  /** Resolves with whether it was there. */
  async remove(bucket: string, name: string, options: CallOptions = {}): Promise<boolean> {
    const call = { ...options, method: "DELETE", path: objectPath(bucket, name), repeatable: true };
    return await unlessMissing(this.#transport.success(call)) !== null;
  }

  /** A URL that needs no key, for one method, one object and a time. */
  async sign(
    bucket: string,
    name: string,
    { method, expiresInSeconds, ...options }: SignOptions = {},
  ): Promise<{ readonly url: string; readonly expiresAt: Date }> {
    const answer = new Answer(
      await this.#transport.json({
        ...options,
        method: "POST",
        path: `${pathOf("/api/v1/storage", [bucket], "a bucket")}/sign`,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ object: name, method, expires_in: expiresInSeconds }),
        repeatable: true,
      }),
    );
    return { url: answer.text("url"), expiresAt: answer.date("expires_at") };
  }
}

function objectPath(bucket: string, name: string): string {
  return pathOf(pathOf("/storage/v1", [bucket], "a bucket"), name.split("/"), "an object");
}

async function unlessMissing(answer: Promise<Response>): Promise<Response | null> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof OrlaError && thrown.code === "not_found") return null;
    throw thrown;
  }
}
