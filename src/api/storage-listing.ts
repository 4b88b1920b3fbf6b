/** `GET /storage/v1/{bucket}`: which page of the bucket's objects the query asks for. */
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import type { Exchange } from "../gateway/route.ts";
import type { ListRequest } from "../storage/object-listing.ts";
import { checkBucketName } from "../storage/object-name.ts";

/** As S3 has it. */
const MAX_LIMIT = 1000;
const USUAL_LIMIT = 100;

const MAX_TEXT = 1024;
const name = z.string().max(MAX_TEXT)
  .refine((text) => !text.includes("\0"), "no text has a NUL");

const query = z.strictObject({
  prefix: name.default(""),
  delimiter: name.min(1).optional(),
  /** The `next` of the page before. */
  from: name.default(""),
  limit: z.string().regex(/^\d{1,6}$/, `a number from 1 to ${MAX_LIMIT}`).transform(Number)
    .pipe(z.number().min(1).max(MAX_LIMIT)).default(USUAL_LIMIT),
});

export function listRequestOf({ params, url }: Exchange): [bucket: string, request: ListRequest] {
  const bucket = params["bucket"] ?? "";
  checkBucketName(bucket);
  const parsed = query.safeParse(Object.fromEntries(new URL(url).searchParams));
  if (!parsed.success) {
    throw new OrlaError("invalid_request", "The query does not say what to list.", {
      detail: z.prettifyError(parsed.error),
      hint: `It may have prefix, delimiter, from and limit, which is at most ${MAX_LIMIT}.`,
    });
  }
  const { prefix, delimiter = null, from, limit } = parsed.data;
  return [bucket, { prefix, delimiter, from: { at: from }, limit }];
}
