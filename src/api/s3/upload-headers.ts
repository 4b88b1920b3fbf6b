/** What the headers of an upload say about the object, beside its bytes. */
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";

export interface ObjectHeaders {
  readonly contentType: string | null;
  /** Given back with the object. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** As S3 has it, names and values together. */
const MAX_METADATA_BYTES = 2048;

const kept = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "expires",
];

/** Throws `MetadataTooLarge` and `NotImplemented`. */
export function objectHeaders(request: S3Request): ObjectHeaders {
  const own = [...request.headers, ...request.query].map(([name, value]) =>
    [name.toLowerCase(), value] as const
  ).filter(([name]) => name.startsWith("x-amz-meta-"));
  const bytes = own.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > MAX_METADATA_BYTES) {
    throw new S3Error("MetadataTooLarge", `Metadata have at most ${MAX_METADATA_BYTES} bytes.`);
  }
  const standard = kept.flatMap((name) => {
    const value = keptValue(name, request.headers.get(name) ?? "");
    return value === "" ? [] : [[name, value] as const];
  });
  return {
    contentType: request.headers.get("content-type"),
    metadata: Object.fromEntries([...own, ...standard]),
  };
}

function keptValue(name: string, value: string): string {
  if (name === "content-encoding") {
    // That one was taken off.
    return value.split(",").map((coding) => coding.trim())
      .filter((coding) => !/^(?:aws-chunked|identity)?$/i.test(coding)).join(", ");
  }
  if (name === "content-disposition" && value !== "" && !/^attachment\b/i.test(value)) {
    throw new S3Error("NotImplemented", "Objects are always attachments: they are no pages here.");
  }
  return value;
}
