/**
 * Uploads in parts, as S3 has them. A *part* is bytes in the store under an id of its own, with a row
 * that says what it belongs to; nothing of it is visible. When the client says that all are there, they
 * are copied into one upload, which becomes an object as any other does. Rows and store are all there
 * is: any node that shares both can go on.
 */
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { MeasuredStream } from "./measured-stream.ts";
import type { MultipartTable, MultipartUpload, Part } from "./multipart-table.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Objects } from "./objects.ts";

export interface MultipartUploadsOptions {
  readonly store: ObjectStore;
  readonly table: MultipartTable;
  readonly objects: Objects;
  readonly log: Logger;
}

/** For the whole of an upload, pauses included. */
const KEEP_DAYS = 7;

/** So many are removed side by side, where each takes a request to another store. */
const REMOVED_AT_ONCE = 16;

export class MultipartUploads {
  readonly #store: ObjectStore;
  readonly #table: MultipartTable;
  readonly #objects: Objects;
  readonly #log: Logger;

  constructor({ store, table, objects, log }: MultipartUploadsOptions) {
    this.#store = store;
    this.#table = table;
    this.#objects = objects;
    this.#log = log.with({ part: "storage" });
  }

  /** The new upload's id. Throws `invalid_request` for names that cannot be. */
  async begin(upload: Omit<MultipartUpload, "uploadId">): Promise<string> {
    this.#objects.maxSizeBytes(upload.bucket, upload.name);
    const uploadId = crypto.randomUUID();
    await this.#table.add({ ...upload, uploadId });
    return uploadId;
  }

  /** `null` when there is none, or only for another object. */
  async find(uploadId: string, bucket: string, name: string): Promise<MultipartUpload | null> {
    const upload = uuid.test(uploadId) ? await this.#table.find(uploadId) : null;
    return upload?.bucket === bucket && upload.name === name ? upload : null;
  }

  parts({ uploadId }: MultipartUpload): Promise<Part[]> {
    return this.#table.parts(uploadId);
  }

  /** What the upload may still get. */
  async roomFor({ uploadId, bucket, name }: MultipartUpload, number: number): Promise<number> {
    const taken = await this.#table.sizeBeside(uploadId, number);
    return Math.max(0, this.#objects.maxSizeBytes(bucket, name) - taken);
  }

  /** Its MD5, once it is durable; `null` when the upload ended meanwhile. */
  async putPart(
    { uploadId, bucket }: MultipartUpload,
    number: number,
    body: ReadableStream<Uint8Array>,
    maxBytes: number,
  ): Promise<string | null> {
    const partId = crypto.randomUUID();
    const measured = new MeasuredStream(body, maxBytes, "md5");
    await this.#store.put(`${bucket}/${partId}`, measured.stream);
    const { size, hash: etag } = measured.result();
    const replaced = await this.#table.addPart(uploadId, { number, partId, size, etag });
    if (replaced === undefined) await this.#forget(bucket, [partId]);
    else if (replaced !== null) await this.#forget(bucket, [replaced]);
    return replaced === undefined ? null : etag;
  }

  /** Makes these parts, one after the other, the object; once, however often this is called. */
  async complete(upload: MultipartUpload, parts: readonly Part[], etag: string): Promise<void> {
    const { uploadId, bucket, name, contentType, metadata } = upload;
    await this.#objects.finish(
      uploadId,
      { bucket, name, contentType, metadata, etag: { known: etag } },
      () => Promise.resolve(ReadableStream.from(this.#contentOf(bucket, parts))),
    );
    await this.abort(upload);
  }

  /** Whether it became an object before. */
  async isComplete(uploadId: string): Promise<boolean> {
    return uuid.test(uploadId) && await this.#objects.isFinished(uploadId);
  }

  async abort({ uploadId, bucket }: MultipartUpload): Promise<void> {
    await this.#forget(bucket, await this.#table.remove(uploadId) ?? []);
  }

  /** Gives up those that nobody went on with; {@link Objects.sweep} removes their parts. */
  async sweep(): Promise<void> {
    await this.#table.removeOlderThan(KEEP_DAYS);
  }

  async *#contentOf(bucket: string, parts: readonly Part[]): AsyncGenerator<Uint8Array> {
    for (const { partId } of parts) {
      const body = await this.#store.get(`${bucket}/${partId}`);
      if (body === null) {
        throw new OrlaError("unavailable", "A part of the upload is not in this node's store.", {
          hint: "Several nodes need one store: S3, or a directory that all share.",
        });
      }
      yield* body;
    }
  }

  /** Only tidies up: the sweep does what fails here. */
  async #forget(bucket: string, partIds: readonly string[]): Promise<void> {
    for (let at = 0; at < partIds.length; at += REMOVED_AT_ONCE) {
      const some = partIds.slice(at, at + REMOVED_AT_ONCE);
      try {
        await Promise.all(some.map((id) => this.#store.delete(`${bucket}/${id}`)));
      } catch (error) {
        this.#log.warn("cannot remove the parts of an upload; trying again later", { error });
        return;
      }
    }
  }
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
