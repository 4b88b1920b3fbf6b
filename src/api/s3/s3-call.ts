/** One signed request, and what operations need to answer it. */
import type { Logger } from "../../base/log.ts";
import type { Exchange } from "../../gateway/route.ts";
import type { MultipartUploads } from "../../storage/multipart-uploads.ts";
import { checkBucketName } from "../../storage/object-name.ts";
import type { Objects } from "../../storage/objects.ts";
import type { Payload } from "./payload.ts";
import { bucketProblem, S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";

export interface S3Storage {
  readonly objects: Objects;
  readonly multipart: MultipartUploads;
}

export interface S3Call extends S3Storage {
  readonly log: Logger;
  readonly request: S3Request;
  readonly exchange: Exchange;
  /** The body, checked as it is read. */
  readonly payload: (maxBytes: number) => Promise<Payload>;
}

/** Documents name ten thousand parts, or a thousand objects of a kilobyte each. */
const MAX_DOCUMENT_BYTES = 8 * 2 ** 20;

export async function documentOf({ payload }: S3Call): Promise<Uint8Array> {
  const { body } = await payload(MAX_DOCUMENT_BYTES);
  return await new Response(body).bytes();
}

/** Throws `InvalidBucketName`. */
export function bucketOf({ request: { bucket } }: S3Call): string {
  try {
    checkBucketName(bucket);
    return bucket;
  } catch (thrown) {
    throw bucketProblem(thrown);
  }
}

/** A parameter that is a number. Throws `InvalidArgument`. */
export function numberIn(
  { request: { query } }: S3Call,
  name: string,
  { least, most, otherwise }: Readonly<Record<"least" | "most" | "otherwise", number>>,
): number {
  const written = query.get(name) ?? "";
  if (written === "") return otherwise;
  const value = /^\d{1,10}$/.test(written) ? Number(written) : -1;
  if (value >= least && value <= most) return value;
  throw new S3Error("InvalidArgument", `${name} must be a number from ${least} to ${most}.`);
}
