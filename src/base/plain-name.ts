/** Names of queues, hooks and buckets: the same in SQL and, unescaped, in URLs. */
export const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export const PLAIN_NAME_RULE =
  "A name has at most 100 letters, digits, dots, dashes and underscores.";

/** Where buckets are: `/storage/v1/tus` begins resumable uploads, `/storage/v1/s3` is for clients of S3. */
const takenByPlatform: ReadonlySet<string> = new Set(["tus", "s3"]);

export function isBucketName(name: string): boolean {
  return plainName.test(name) && !takenByPlatform.has(name);
}

export const BUCKET_NAME_RULE = `${PLAIN_NAME_RULE} tus and s3 are the platform's own.`;
