/** What uploads cause: jobs for the bucket's triggers, added in the transaction that shows the object. */
import type pg from "pg";
import { z } from "zod";
import type { TriggerDirectory } from "../trigger-directory.ts";
import { optionOf } from "../trigger-options.ts";
import { matchesPattern } from "./pattern.ts";

export interface UploadedObject {
  readonly bucket: string;
  readonly name: string;
  /** Another one for each upload. */
  readonly uploadId: string;
  readonly size: number;
  /** `null` where nobody knows it. */
  readonly contentType: string | null;
  readonly etag: string | null;
  readonly uploadedAt: Date;
}

/** Of a bucket without triggers. */
const DEFAULT_MAX_BYTES = 5 * 2 ** 30;

const row = z.object({
  trigger_id: z.string(),
  name: z.string(),
  options: z.record(z.string(), z.unknown()),
});

export class UploadTriggers {
  readonly #directory: TriggerDirectory;

  constructor(directory: TriggerDirectory) {
    this.#directory = directory;
  }

  /** The smallest of the bucket's triggers that are switched on. */
  maxSizeBytes(bucket: string): number {
    const sizes = this.#directory.ofKind("upload")
      .filter(({ enabled, spec }) => enabled && spec.bucket === bucket)
      .map((trigger) => Number(optionOf(trigger, "MAX_SIZE")));
    return sizes.length === 0 ? DEFAULT_MAX_BYTES : Math.min(...sizes);
  }

  /** A function may read the buckets whose uploads it is told of. */
  mayRead(functionId: string, bucket: string): boolean {
    return this.#directory.ofKind("upload").some((trigger) =>
      trigger.functionId === functionId && trigger.spec.bucket === bucket
    );
  }

  async record(client: pg.Pool | pg.PoolClient, object: UploadedObject): Promise<number> {
    const { bucket, name, uploadId, size, contentType, etag, uploadedAt } = object;
    // As the transaction sees them: this node's memory may be a moment behind.
    const { rows } = await client.query(
      `SELECT t.trigger_id::text, t.name::text, t.options FROM edge.triggers t
       WHERE t.kind = 'upload' AND t.enabled AND t.spec ->> 'bucket' = $1`,
      [bucket],
    );
    const triggers = rows.map((found) => row.parse(found)).filter((trigger) => {
      const pattern = optionOf(trigger, "PATTERN");
      return typeof pattern !== "string" || matchesPattern(pattern, name);
    });
    for (const trigger of triggers) {
      const id = `${bucket}/${name}/${uploadId}`;
      const message = {
        id,
        event: "upload",
        trigger: trigger.name,
        bucket,
        name,
        ...{ size, contentType, etag },
        uploadedAt: uploadedAt.toISOString(),
      };
      await client.query(
        "SELECT edge.add_job($1, $2)",
        [`trigger/${trigger.trigger_id}`, JSON.stringify({ message, eventId: id })],
      );
    }
    return triggers.length;
  }
}
