/** The rows of uploads that come in parts, until they are one object. */
import type pg from "pg";
import { z } from "zod";

export interface MultipartUpload {
  readonly uploadId: string;
  readonly bucket: string;
  readonly name: string;
  /** As whoever uploads says. */
  readonly contentType: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Part {
  readonly number: number;
  /** Names its bytes in the store. */
  readonly partId: string;
  readonly size: number;
  /** MD5 in hexadecimal digits. */
  readonly etag: string;
  readonly uploadedAt: Date;
}

const uploadRow = z.object({
  upload_id: z.string(),
  bucket: z.string(),
  name: z.string(),
  content_type: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
}).transform(({ upload_id, content_type, ...rest }): MultipartUpload => ({
  ...rest,
  uploadId: upload_id,
  contentType: content_type,
}));

const partRow = z.object({
  number: z.int(),
  part_id: z.string(),
  size: z.coerce.number(),
  etag: z.string(),
  uploaded_at: z.date(),
}).transform(({ part_id, uploaded_at, ...rest }): Part => ({
  ...rest,
  partId: part_id,
  uploadedAt: uploaded_at,
}));

const partIdRow = z.object({ part_id: z.string().nullable() });

export class MultipartTable {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async add({ uploadId, bucket, name, contentType, metadata }: MultipartUpload): Promise<void> {
    await this.#pool.query(
      `INSERT INTO edge.multipart_uploads (upload_id, bucket, name, content_type, metadata)
       VALUES ($1, $2, $3, $4, $5)`,
      [uploadId, bucket, name, contentType, metadata],
    );
  }

  async find(uploadId: string): Promise<MultipartUpload | null> {
    const { rows } = await this.#pool.query(
      `SELECT upload_id, bucket, name, content_type, metadata FROM edge.multipart_uploads
       WHERE upload_id = $1`,
      [uploadId],
    );
    return rows.length === 0 ? null : uploadRow.parse(rows[0]);
  }

  /** By number. */
  async parts(uploadId: string): Promise<Part[]> {
    const { rows } = await this.#pool.query(
      `SELECT number, part_id, size, etag, uploaded_at FROM edge.multipart_parts
       WHERE upload_id = $1 ORDER BY number`,
      [uploadId],
    );
    return rows.map((found) => partRow.parse(found));
  }

  /** How many bytes the other parts have. */
  async sizeBeside(uploadId: string, number: number): Promise<number> {
    const { rows: [row] } = await this.#pool.query<{ size: string }>(
      `SELECT coalesce(sum(size), 0) AS size FROM edge.multipart_parts
       WHERE upload_id = $1 AND number <> $2`,
      [uploadId, number],
    );
    return Number(row?.size ?? 0);
  }

  /** The part that it replaces, `null` for none; `undefined` when there is no such upload any more. */
  async addPart(
    uploadId: string,
    { number, partId, size, etag }: Omit<Part, "uploadedAt">,
  ): Promise<string | null | undefined> {
    const { rows } = await this.#pool.query(
      `INSERT INTO edge.multipart_parts (upload_id, number, part_id, size, etag)
       SELECT upload_id, $2, $3, $4, $5 FROM edge.multipart_uploads WHERE upload_id = $1 FOR SHARE
       ON CONFLICT (upload_id, number) DO UPDATE SET part_id = excluded.part_id,
         size = excluded.size, etag = excluded.etag, uploaded_at = excluded.uploaded_at
       RETURNING (SELECT o.part_id FROM edge.multipart_parts o
         WHERE o.upload_id = $1 AND o.number = $2) AS part_id`,
      [uploadId, number, partId, size, etag],
    );
    return rows.length === 0 ? undefined : partIdRow.parse(rows[0]).part_id;
  }

  /** The parts it had; `null` when there is no such upload. */
  async remove(uploadId: string): Promise<string[] | null> {
    const { rows } = await this.#pool.query(
      `WITH gone AS (DELETE FROM edge.multipart_uploads WHERE upload_id = $1 RETURNING upload_id)
       SELECT p.part_id FROM gone LEFT JOIN edge.multipart_parts p USING (upload_id)`,
      [uploadId],
    );
    if (rows.length === 0) return null;
    return rows.map((row) => partIdRow.parse(row).part_id).filter((id) => id !== null);
  }

  async removeOlderThan(days: number): Promise<void> {
    await this.#pool.query(
      "DELETE FROM edge.multipart_uploads WHERE begun_at < now() - $1 * interval '1 day'",
      [days],
    );
  }
}
