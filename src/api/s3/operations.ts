/** Which operation a request asks for, and what it may say. Whatever else it says is refused by name. */
import {
  bucketLocation,
  bucketVersioning,
  createBucket,
  deleteBucket,
  headBucket,
  listBuckets,
} from "./bucket-operations.ts";
import { listObjectsV1, listObjectsV2 } from "./list-operations.ts";
import {
  abortUpload,
  completeUpload,
  createUpload,
  listParts,
  uploadPart,
} from "./multipart-operations.ts";
import {
  copyObject,
  deleteObject,
  deleteObjects,
  getObject,
  putObject,
} from "./object-operations.ts";
import type { S3Call } from "./s3-call.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";

export interface S3Operation {
  readonly method: string;
  readonly at: "service" | "bucket" | "object";
  /** Parameters and headers that tell it from the others there. */
  readonly by: readonly string[];
  /** What else it takes: parameters, and headers of S3's. */
  readonly takes: readonly string[];
  readonly run: (call: S3Call) => Promise<Response>;
}

const checksum = [
  ...["x-amz-sdk-checksum-algorithm", "x-amz-trailer", "x-amz-decoded-content-length"],
  ...["x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme"],
  ...["x-amz-checksum-sha1", "x-amz-checksum-sha256"],
];
const described = ["x-amz-meta-*", "x-amz-acl", "x-amz-storage-class"];
const conditions = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
const listed = ["prefix", "delimiter", "max-keys", "encoding-type"];

/** The first that matches is the one. */
const operations: readonly S3Operation[] = [
  { method: "GET", at: "service", by: [], takes: [], run: listBuckets },
  {
    ...{ method: "GET", at: "bucket", by: ["list-type"] },
    takes: [...listed, "continuation-token", "start-after", "fetch-owner"],
    run: listObjectsV2,
  },
  { method: "GET", at: "bucket", by: ["location"], takes: [], run: bucketLocation },
  { method: "GET", at: "bucket", by: ["versioning"], takes: [], run: bucketVersioning },
  { method: "GET", at: "bucket", by: [], takes: [...listed, "marker"], run: listObjectsV1 },
  { method: "HEAD", at: "bucket", by: [], takes: [], run: headBucket },
  { method: "PUT", at: "bucket", by: [], takes: ["x-amz-acl", ...checksum], run: createBucket },
  { method: "DELETE", at: "bucket", by: [], takes: [], run: deleteBucket },
  { method: "POST", at: "bucket", by: ["delete"], takes: checksum, run: deleteObjects },
  {
    ...{ method: "GET", at: "object", by: ["uploadId"] },
    takes: ["max-parts", "part-number-marker"],
    run: listParts,
  },
  ...["GET", "HEAD"].map((method): S3Operation => ({
    ...{
      method,
      at: "object",
      by: [],
      takes: ["x-amz-checksum-mode", "partNumber", ...conditions],
    },
    run: getObject,
  })),
  {
    ...{ method: "PUT", at: "object", by: ["uploadId", "partNumber"] },
    takes: checksum,
    run: uploadPart,
  },
  {
    ...{ method: "PUT", at: "object", by: ["x-amz-copy-source"] },
    takes: [...described, "x-amz-metadata-directive"],
    run: copyObject,
  },
  { method: "PUT", at: "object", by: [], takes: [...described, ...checksum], run: putObject },
  {
    ...{ method: "POST", at: "object", by: ["uploads"] },
    takes: [...described, "x-amz-checksum-algorithm", "x-amz-checksum-type"],
    run: createUpload,
  },
  {
    ...{ method: "POST", at: "object", by: ["uploadId"] },
    // Checksums that it says are the object's, where the others' are the body's.
    takes: [],
    run: completeUpload,
  },
  { method: "DELETE", at: "object", by: ["uploadId"], takes: [], run: abortUpload },
  { method: "DELETE", at: "object", by: [], takes: [], run: deleteObject },
];

/** Said by every client, and looked at before; `x-id` repeats the operation's name. */
const always = [
  ...["x-id", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires"],
  ...["x-amz-signedheaders", "x-amz-signature", "x-amz-content-sha256", "x-amz-user-agent"],
];

/** Of these headers only what is so anyway. */
const onlyValues: Readonly<Record<string, readonly string[]>> = {
  "x-amz-acl": ["private", "bucket-owner-full-control"],
  "x-amz-storage-class": ["STANDARD"],
  "x-amz-checksum-type": ["COMPOSITE"],
};

/** Throws `NotImplemented`. */
export function operationFor(request: S3Request): S3Operation {
  const { method, bucket, key } = request;
  const at = key !== "" ? "object" : bucket !== "" ? "bucket" : "service";
  const said = new Set([
    ...request.query.keys().map((name) => name.startsWith("X-Amz-") ? name.toLowerCase() : name),
    ...[...request.headers.keys()].filter((name) =>
      name.startsWith("x-amz-") || conditions.includes(name)
    ),
  ]);
  const operation = operations.find((candidate) =>
    candidate.method === method && candidate.at === at &&
    candidate.by.every((name) => said.has(name))
  );
  if (operation === undefined) {
    throw new S3Error(
      "NotImplemented",
      `${method} of ${at === "object" ? "an" : "a"} ${at} like this is not possible here.`,
    );
  }
  const taken = [...always, ...operation.by, ...operation.takes];
  for (const name of said) {
    if (
      !taken.includes(name) && !(name.startsWith("x-amz-meta-") && taken.includes("x-amz-meta-*"))
    ) {
      throw new S3Error("NotImplemented", `${name} is not possible here.`);
    }
    const value = request.header(name) ?? "";
    if (onlyValues[name]?.includes(value) === false) {
      throw new S3Error("NotImplemented", `${name} can only be ${onlyValues[name]?.[0]} here.`);
    }
  }
  return operation;
}
