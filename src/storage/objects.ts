/**
 * Objects in buckets. An *object* is a name in a bucket; an *upload* is bytes in the store under an id
 * of its own. Uploads come first and are invisible; a row then gives the object its upload, in one
 * transaction with the events. What was replaced is removed afterwards, and what a crash left behind by
 * {@link Objects.sweep}.
 */
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { contentTypeOf } from "./content-type.ts";
import { type HashName, MeasuredStream, tooLarge } from "./measured-stream.ts";
import { checkBucketName, checkObjectName } from "./object-name.ts";
import type { ByteRange, ObjectStore } from "./object-store.ts";
import { type Listing, listObjects, type ListRequest } from "./object-listing.ts";
import type { Bucket, NewObject, ObjectTable, StoredObject, UploadEvents } from "./object-table.ts";

export interface UploadRequest {
  readonly bucket: string;
  readonly name: string;
  readonly body: ReadableStream<Uint8Array>;
  /** As whoever uploads says. */
  readonly contentType: string | null;
  /** The object's tag: a hash of its bytes (SHA-256 unless said), or one that is known already. */
  readonly etag?: HashName | { readonly known: string };
  /** Headers to give back with it; names in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface OpenObject {
  readonly object: StoredObject;
  readonly body: ReadableStream<Uint8Array>;
}

export interface ObjectsOptions {
  readonly store: ObjectStore;
  readonly table: ObjectTable;
  readonly events: UploadEvents;
  readonly log: Logger;
}

/** An upload that is younger may still get its row. */
const UNNAMED_MS = 48 * 3_600_000;
const SWEEP_BATCH = 500;
const KEEP_FINISHED_DAYS = 30;

export class Objects {
  readonly #store: ObjectStore;
  readonly #table: ObjectTable;
  readonly #events: UploadEvents;
  readonly #log: Logger;

  constructor({ store, table, events, log }: ObjectsOptions) {
    this.#store = store;
    this.#table = table;
    this.#events = events;
    this.#log = log.with({ part: "storage" });
  }

  /** Throws `invalid_request` for names that cannot be. */
  maxSizeBytes(bucket: string, name: string): number {
    checkBucketName(bucket);
    checkObjectName(name);
    return this.#events.maxSizeBytes(bucket);
  }

  async put(request: UploadRequest): Promise<StoredObject> {
    const [object] = await this.putAll([request]);
    // One goes in, one comes out.
    if (object === undefined) throw new Error("nothing was published");
    return object;
  }

  /** One after the other; visible together at the end, or none of them. */
  async putAll(
    requests: Iterable<UploadRequest> | AsyncIterable<UploadRequest>,
  ): Promise<readonly StoredObject[]> {
    const uploads: NewObject[] = [];
    try {
      for await (const request of requests) {
        uploads.push(await this.#upload(request, crypto.randomUUID()));
      }
    } catch (thrown) {
      for (const upload of uploads) await this.#forget(upload);
      throw thrown;
    }
    const published = await this.#publish(uploads, false);
    return published ?? [];
  }

  /** An upload that waits elsewhere becomes an object, once, however often this is called. */
  async finish(
    uploadId: string,
    request: Omit<UploadRequest, "body">,
    open: () => Promise<ReadableStream<Uint8Array>>,
  ): Promise<void> {
    if (await this.#table.isFinished(uploadId)) return;
    const upload = await this.#upload({ ...request, body: await open() }, uploadId);
    await this.#publish([upload], true);
  }

  isFinished(uploadId: string): Promise<boolean> {
    return this.#table.isFinished(uploadId);
  }

  find(bucket: string, name: string): Promise<StoredObject | null> {
    return this.#table.find(bucket, name);
  }

  /** A page of a bucket's objects, by name. */
  list(bucket: string, request: ListRequest): Promise<Listing> {
    return listObjects(
      (from, limit) => this.#table.page(bucket, request.prefix, from, limit),
      request,
    );
  }

  /** Those that have objects. */
  buckets(): Promise<Bucket[]> {
    return this.#table.buckets();
  }

  /** `range` gets the object's size; `null` is all of it. */
  async open(
    bucket: string,
    name: string,
    range: (object: StoredObject) => ByteRange | null = () => null,
  ): Promise<OpenObject | null> {
    // An upload may be replaced, and removed, between the look and the opening.
    for (let attempt = 0; attempt < 3; attempt++) {
      const object = await this.#table.find(bucket, name);
      if (object === null) return null;
      const body = await this.#store.get(keyOf(object), range(object) ?? undefined);
      if (body !== null) return { object, body };
    }
    throw new OrlaError("unavailable", "The object's bytes are not in this node's store.", {
      hint: "Several nodes need one store: S3, or a directory that all share.",
    });
  }

  /** A part of it in memory; `null` as range: nothing of it. */
  async read(
    bucket: string,
    name: string,
    range: (object: StoredObject) => ByteRange | null,
  ): Promise<{ object: StoredObject; bytes: Uint8Array } | null> {
    const object = await this.#table.find(bucket, name);
    if (object === null) return null;
    if (range(object) === null) return { object, bytes: new Uint8Array(0) };
    const found = await this.open(bucket, name, range);
    if (found === null) return null;
    return { object: found.object, bytes: await new Response(found.body).bytes() };
  }

  async remove(bucket: string, name: string): Promise<boolean> {
    const uploadId = await this.#table.remove(bucket, name);
    if (uploadId === null) return false;
    await this.#forget({ bucket, uploadId });
    return true;
  }

  /** Removes uploads that no object has and that nobody can be about to publish. */
  async sweep(now = new Date()): Promise<number> {
    let removed = 0;
    let batch: string[] = [];
    const flush = async () => {
      const named = await this.#table.named(batch.map(uploadIdOf));
      for (const key of batch.filter((key) => !named.has(uploadIdOf(key)))) {
        await this.#store.delete(key);
        removed++;
      }
      batch = [];
    };
    for await (const { key, modifiedAt } of this.#store.list("")) {
      if (now.getTime() - modifiedAt.getTime() < UNNAMED_MS || !isUploadKey(key)) continue;
      batch.push(key);
      if (batch.length >= SWEEP_BATCH) await flush();
    }
    if (batch.length > 0) await flush();
    await this.#table.forgetFinished(KEEP_FINISHED_DAYS);
    return removed;
  }

  async #upload(
    { bucket, name, body, contentType, etag = "sha256", metadata = {} }: UploadRequest,
    uploadId: string,
  ): Promise<NewObject> {
    const maxBytes = this.maxSizeBytes(bucket, name);
    const tag = typeof etag === "string" ? null : etag.known;
    const measured = new MeasuredStream(body, maxBytes, typeof etag === "string" ? etag : "md5");
    await this.#store.put(keyOf({ bucket, uploadId }), measured.stream);
    const { size, hash, head } = measured.result();
    const upload = { bucket, name, uploadId, size, etag: tag ?? hash, metadata };
    // The limit may have become smaller meanwhile.
    const limit = this.#events.maxSizeBytes(bucket);
    if (size > limit) {
      await this.#forget(upload);
      throw tooLarge(limit);
    }
    return { ...upload, contentType: await contentTypeOf(head, contentType) };
  }

  async #publish(
    uploads: readonly NewObject[],
    once: boolean,
  ): Promise<readonly StoredObject[] | null> {
    // When this fails, whether it was committed is unknown: the sweep finds out.
    const published = await this.#table.publish(uploads, once).catch((cause) => {
      if (cause instanceof OrlaError) throw cause;
      throw new OrlaError("unavailable", "The upload could not be recorded.", {
        cause,
        retryAfterSeconds: 1,
      });
    });
    if (published === null) return null;
    for (const replaced of published.replaced) await this.#forget(replaced);
    return published.objects;
  }

  /** Only tidies up: the sweep does what fails here. */
  async #forget(upload: { readonly bucket: string; readonly uploadId: string }): Promise<void> {
    try {
      await this.#store.delete(keyOf(upload));
    } catch (error) {
      this.#log.warn("cannot remove the bytes of an upload; trying again later", { error });
    }
  }
}

function keyOf({ bucket, uploadId }: { bucket: string; uploadId: string }): string {
  return `${bucket}/${uploadId}`;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function uploadIdOf(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

function isUploadKey(key: string): boolean {
  return uuid.test(uploadIdOf(key));
}
