/** The operation `storage.read` of `functions/host-services.ts`. */
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import type { Operation } from "./host-services.ts";
import { parseInput } from "./input.ts";

export interface ReadableObject {
  readonly size: number;
  readonly contentType: string;
  readonly etag: string;
  readonly uploadedAt: Date;
}

/** Implemented by `storage/`. */
export interface ObjectReader {
  /** `null` where there is no object. `range` gets what there is; `null` is nothing of it. */
  read(
    bucket: string,
    name: string,
    range: (object: ReadableObject) => { readonly start: number; readonly end: number } | null,
  ): Promise<{ readonly object: ReadableObject; readonly bytes: Uint8Array } | null>;
}

/** Implemented by `triggers/`. */
export interface BucketRights {
  mayRead(functionId: string, bucket: string): boolean;
}

/** Several of these make a message of the channel; a reader asks for the next while it uses one. */
const MAX_LENGTH = 2 ** 20;

const schema = z.strictObject({
  bucket: z.string(),
  name: z.string(),
  offset: z.int().min(0).default(0),
  length: z.int().min(0).max(MAX_LENGTH).default(MAX_LENGTH),
  etag: z.string().optional(),
});

export function storageOperation(
  reader: ObjectReader,
  rights: BucketRights,
): Readonly<Record<"storage.read", Operation>> {
  return {
    "storage.read": async (input, { version }) => {
      const { bucket, name, offset, length, etag } = parseInput("storage.read", schema, input);
      if (!rights.mayRead(version.functionId, bucket)) {
        throw new OrlaError("forbidden", `The function may not read the bucket ${bucket}.`, {
          hint: "A function may read the buckets of its own ON FILE_UPLOAD triggers.",
        });
      }
      const found = await reader.read(bucket, name, (object) => {
        if (etag !== undefined && etag !== object.etag) {
          throw new OrlaError("not_found", `${name} was replaced while it was read.`);
        }
        const end = Math.min(offset + length, object.size) - 1;
        return end < offset ? null : { start: offset, end };
      });
      if (found === null) return "null";
      const { size, contentType, uploadedAt, etag: current } = found.object;
      return JSON.stringify({
        object: { bucket, name, size, contentType, etag: current, uploadedAt },
        data: found.bytes.toBase64(),
      });
    },
  };
}
