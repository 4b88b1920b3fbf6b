/** `POST /storage/v1/{bucket}`: the files of a form, as uploads into the bucket. */
import { OrlaError } from "../base/errors.ts";
import type { Exchange } from "../gateway/route.ts";
import { formFiles } from "../storage/form-files.ts";
import { checkBucketName } from "../storage/object-name.ts";
import type { Objects, UploadRequest } from "../storage/objects.ts";

/** Of a form: what is not file content, for each of a hundred files. */
const FORM_OVERHEAD_BYTES = 2 ** 20;
const MAX_FORM_FILES = 100;

/** Throws `invalid_request` also at the end, for a form that would lose a file or has none. */
export async function* formUploads(
  exchange: Exchange,
  objects: Objects,
): AsyncGenerator<UploadRequest> {
  const { params, request, url, streamBody } = exchange;
  const bucket = params["bucket"] ?? "";
  const prefix = new URL(url).searchParams.get("prefix") ?? "";
  checkBucketName(bucket);
  const maxBytes = objects.maxSizeBytes(bucket, `${prefix}x`) * MAX_FORM_FILES +
    FORM_OVERHEAD_BYTES;
  const contentType = request.headers.get("content-type") ?? "";
  const names = new Set<string>();
  for await (const file of formFiles(contentType, streamBody(maxBytes))) {
    const name = `${prefix}${file.fileName}`;
    if (names.has(name)) {
      throw new OrlaError("invalid_request", `The form has two files that would be ${name}.`, {
        hint: "Names of files count without their directories.",
      });
    }
    names.add(name);
    yield { bucket, name, ...file };
  }
  if (names.size === 0) {
    throw new OrlaError("invalid_request", "The form has no files.", {
      hint: "A file's part has a filename: with curl, -F 'file=@path'.",
    });
  }
}
