/**
 * Event notifications of S3-compatible stores
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
 */
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";

export interface S3Object {
  readonly bucket: string;
  readonly name: string;
  /** The same however often the store tells of the upload. */
  readonly uploadId: string;
  readonly size: number;
  readonly contentType: string | null;
  readonly etag: string | null;
  readonly uploadedAt: Date;
}

const record = z.object({
  eventName: z.string(),
  eventTime: z.coerce.date(),
  s3: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({
      key: z.string().min(1),
      size: z.number().default(0),
      eTag: z.string().nullable().default(null),
      versionId: z.string().optional(),
      sequencer: z.string().optional(),
      contentType: z.string().nullable().default(null),
    }),
  }),
});

const notification = z.object({ Records: z.array(record) });

/** The objects that were made; what else happened is left out. Throws `invalid_request`. */
export function readS3Events(body: unknown): readonly S3Object[] {
  const parsed = notification.safeParse(body);
  if (!parsed.success) {
    throw new OrlaError("invalid_request", "The body is no event notification of S3.", {
      detail: z.prettifyError(parsed.error),
    });
  }
  // MinIO writes "s3:ObjectCreated:Put".
  const made = parsed.data.Records.filter(({ eventName }) =>
    /^(?:s3:)?ObjectCreated:/.test(eventName)
  );
  return made.map(({ eventTime, s3: { bucket, object } }) => ({
    bucket: bucket.name,
    name: decodeKey(object.key),
    uploadId: object.sequencer ?? object.versionId ?? object.eTag ?? eventTime.toISOString(),
    size: object.size,
    contentType: object.contentType,
    etag: object.eTag,
    uploadedAt: eventTime,
  }));
}

/** As in a form: "+" is a space. */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch (cause) {
    throw new OrlaError("invalid_request", `The key ${key} is not URL-encoded.`, { cause });
  }
}
