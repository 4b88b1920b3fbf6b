/** The rows that make uploads visible, written together with the events they cause. */
import type pg from "pg";
import { z } from "zod";
import { inTransaction } from "../catalog/transaction.ts";

export interface StoredObject {
  readonly bucket: string;
  readonly name: string;
  readonly uploadId: string;
  readonly size: number;
  readonly contentType: string;
  readonly etag: string;
  /** Headers to give back with it; names in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly uploadedAt: Date;
}

export type NewObject = Omit<StoredObject, "uploadedAt">;

/** Implemented by `triggers/`. */
export interface UploadEvents {
  /** What an upload into the bucket may have. */
  maxSizeBytes(bucket: string): number;
  /** Adds the jobs of the bucket's triggers, in the transaction that is open on the connection. */
  record(client: pg.PoolClient, object: StoredObject): Promise<void>;
}

const row = z.object({
  bucket: z.string(),
  name: z.string(),
  upload_id: z.string(),
  size: z.coerce.number(),
  content_type: z.string(),
  etag: z.string(),
  metadata: z.record(z.string(), z.string()),
  uploaded_at: z.date(),
}).transform(({ upload_id, content_type, uploaded_at, ...rest }): StoredObject => ({
  ...rest,
  uploadId: upload_id,
  contentType: content_type,
  uploadedAt: uploaded_at,
}));

export interface Bucket {
  readonly name: string;
  /** Its oldest object's time. */
  readonly since: Date;
}

const bucketRow = z.object({ name: z.string(), since: z.date() });

const uploadIdRow = z.object({ upload_id: z.string() });

const COLUMNS = "bucket, name, upload_id, size, content_type, etag, metadata, uploaded_at";

export interface Published {
  readonly objects: readonly StoredObject[];
  /** Uploads that nothing names any more. */
  readonly replaced: readonly { readonly bucket: string; readonly uploadId: string }[];
}

export class ObjectTable {
  readonly #pool: pg.Pool;
  readonly #events: UploadEvents;

  constructor(pool: pg.Pool, events: UploadEvents) {
    this.#pool = pool;
    this.#events = events;
  }

  async find(bucket: string, name: string): Promise<StoredObject | null> {
    const { rows } = await this.#pool.query(
      `SELECT ${COLUMNS} FROM edge.objects WHERE bucket = $1 AND name = $2`,
      [bucket, name],
    );
    return rows.length === 0 ? null : row.parse(rows[0]);
  }

  async isFinished(uploadId: string): Promise<boolean> {
    const { rows } = await this.#pool.query(
      "SELECT FROM edge.finished_uploads WHERE upload_id = $1",
      [uploadId],
    );
    return rows.length > 0;
  }

  /**
   * Makes all of them visible and records their events, or does neither. `once`: does nothing and
   * returns `null` if it was done before.
   */
  async publish(objects: readonly NewObject[], once = false): Promise<Published | null> {
    return await inTransaction(this.#pool, async (client) => {
      const published: StoredObject[] = [];
      const replaced: Published["replaced"][number][] = [];
      // In one order, so that two that publish the same names do not wait for each other.
      for (const object of [...objects].sort(byName)) {
        if (once && !await this.#finishOnce(client, object.uploadId)) return null;
        const { stored, old } = await publishOne(client, object);
        if (old !== null) replaced.push({ bucket: object.bucket, uploadId: old });
        await this.#events.record(client, stored);
        published.push(stored);
      }
      return { objects: published, replaced };
    });
  }

  /** By name, in the order of UTF-8 bytes. `from` is included. */
  async page(bucket: string, prefix: string, from: string, limit: number): Promise<StoredObject[]> {
    const { rows } = await this.#pool.query(
      `SELECT ${COLUMNS} FROM edge.objects
       WHERE bucket = $1 AND starts_with(name, $2) AND name >= $3 ORDER BY name LIMIT $4`,
      [bucket, prefix, from, limit],
    );
    return rows.map((found) => row.parse(found));
  }

  /** Those that have objects, by name. */
  async buckets(): Promise<Bucket[]> {
    const { rows } = await this.#pool.query(
      "SELECT bucket AS name, min(uploaded_at) AS since FROM edge.objects GROUP BY 1 ORDER BY 1",
    );
    return rows.map((found) => bucketRow.parse(found));
  }

  /** The upload it had, `null` where there was none. */
  async remove(bucket: string, name: string): Promise<string | null> {
    const { rows } = await this.#pool.query(
      "DELETE FROM edge.objects WHERE bucket = $1 AND name = $2 RETURNING upload_id",
      [bucket, name],
    );
    return rows.length === 0 ? null : uploadIdRow.parse(rows[0]).upload_id;
  }

  /** Of these uploads those that an object has, or that are parts of one to come. */
  async named(uploadIds: readonly string[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.#pool.query(
      `SELECT upload_id FROM edge.objects WHERE upload_id = ANY ($1::uuid[])
       UNION ALL
       SELECT part_id FROM edge.multipart_parts WHERE part_id = ANY ($1::uuid[])`,
      [uploadIds],
    );
    return new Set(rows.map((found) => uploadIdRow.parse(found).upload_id));
  }

  async forgetFinished(olderThanDays: number): Promise<void> {
    await this.#pool.query(
      "DELETE FROM edge.finished_uploads WHERE finished_at < now() - $1 * interval '1 day'",
      [olderThanDays],
    );
  }

  async #finishOnce(client: pg.PoolClient, uploadId: string): Promise<boolean> {
    const { rowCount } = await client.query(
      "INSERT INTO edge.finished_uploads (upload_id) VALUES ($1) ON CONFLICT DO NOTHING",
      [uploadId],
    );
    return rowCount === 1;
  }
}

async function publishOne(
  client: pg.PoolClient,
  object: NewObject,
): Promise<{ stored: StoredObject; old: string | null }> {
  const { bucket, name, uploadId, size, contentType, etag, metadata } = object;
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [
    `orla object ${bucket}/${name}`,
  ]);
  const { rows: before } = await client.query(
    "SELECT upload_id FROM edge.objects WHERE bucket = $1 AND name = $2",
    [bucket, name],
  );
  const { rows } = await client.query(
    `INSERT INTO edge.objects (bucket, name, upload_id, size, content_type, etag, metadata)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (bucket, name) DO UPDATE SET upload_id = excluded.upload_id, size = excluded.size,
       content_type = excluded.content_type, etag = excluded.etag, metadata = excluded.metadata,
       uploaded_at = excluded.uploaded_at
     RETURNING ${COLUMNS}`,
    [bucket, name, uploadId, size, contentType, etag, metadata],
  );
  const old = before.length === 0 ? null : uploadIdRow.parse(before[0]).upload_id;
  return { stored: row.parse(rows[0]), old };
}

function byName(a: NewObject, b: NewObject): number {
  const [x, y] = [`${a.bucket}/${a.name}`, `${b.bucket}/${b.name}`];
  return x < y ? -1 : x > y ? 1 : 0;
}
