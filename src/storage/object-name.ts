/** Names of buckets and objects, as people write them in URLs. */
import { OrlaError } from "../base/errors.ts";
import { BUCKET_NAME_RULE, isBucketName } from "../base/plain-name.ts";

/** As S3 has it. */
const MAX_NAME_BYTES = 1024;

// deno-lint-ignore no-control-regex
const controls = /[\u0000-\u001f\u007f]/;

/** Throws `invalid_request`. */
export function checkBucketName(bucket: string): void {
  if (isBucketName(bucket)) return;
  throw new OrlaError("invalid_request", `"${bucket}" cannot be the name of a bucket.`, {
    hint: BUCKET_NAME_RULE,
  });
}

/** Segments apart by slashes, none of them empty, `.` or `..`. Throws `invalid_request`. */
export function checkObjectName(name: string): void {
  const problem = problemOf(name);
  if (problem === undefined) return;
  throw new OrlaError("invalid_request", `This cannot be the name of an object: ${problem}.`);
}

function problemOf(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (!name.isWellFormed()) return "it is no text";
  if (controls.test(name)) return "it has control characters";
  if (name.includes("\\")) return "it has a backslash";
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES) {
    return `it is longer than ${MAX_NAME_BYTES} bytes`;
  }
  const segments = name.split("/");
  if (segments.includes("")) return "it begins or ends with a slash, or has two in a row";
  if (segments.includes(".") || segments.includes("..")) return "it has a . or .. segment";
  return undefined;
}
