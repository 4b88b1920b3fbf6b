import assert from "node:assert/strict";
import { operationFor } from "./operations.ts";
import { readRequest } from "./s3-request.ts";

function nameOf(method: string, path: string, headers: Record<string, string> = {}): string {
  const url = `http://h/storage/v1/s3${path}`;
  return operationFor(readRequest(method, url, new Headers(headers))).run.name;
}

const found: readonly (readonly [string, string, string, Record<string, string>?])[] = [
  ["GET", "", "listBuckets"],
  ["GET", "/", "listBuckets"],
  ["GET", "/b", "listObjectsV1"],
  ["GET", "/b/", "listObjectsV1"],
  ["GET", "/b?list-type=2&prefix=a", "listObjectsV2"],
  ["GET", "/b?location", "bucketLocation"],
  ["GET", "/b?versioning", "bucketVersioning"],
  ["HEAD", "/b", "headBucket"],
  ["PUT", "/b", "createBucket"],
  ["DELETE", "/b/", "deleteBucket"],
  ["POST", "/b?delete", "deleteObjects"],
  ["GET", "/b/k?x-id=GetObject", "getObject"],
  ["HEAD", "/b/k/l", "getObject"],
  ["PUT", "/b/k", "putObject", { "x-amz-meta-a": "b", "x-amz-acl": "private" }],
  ["PUT", "/b/k", "copyObject", { "x-amz-copy-source": "/b/l" }],
  ["PUT", "/b/k?partNumber=1&uploadId=u", "uploadPart"],
  ["POST", "/b/k?uploads", "createUpload"],
  ["POST", "/b/k?uploadId=u", "completeUpload"],
  ["DELETE", "/b/k?uploadId=u", "abortUpload"],
  ["DELETE", "/b/k", "deleteObject"],
  ["GET", "/b/k?uploadId=u", "listParts"],
];

for (const [method, path, operation, headers] of found) {
  Deno.test(`${method} ${path || "nothing"} is ${operation}`, () => {
    assert.equal(nameOf(method, path, headers), operation);
  });
}

const refused: readonly (readonly [string, string, string, Record<string, string>?])[] = [
  ["POST", "/", "POST of a service"],
  ["POST", "/b/k", "POST of an object"],
  ["GET", "/b?acl", "acl"],
  ["GET", "/b?uploads", "uploads"],
  ["PUT", "/b?policy", "policy"],
  ["GET", "/b/k?versionId=1", "versionId"],
  ["GET", "/b/k?response-content-type=text/html", "response-content-type"],
  ["PUT", "/b/k?tagging", "tagging"],
  ["PUT", "/b/k", "x-amz-tagging", { "x-amz-tagging": "a=b" }],
  ["PUT", "/b/k?x-amz-tagging=a", "x-amz-tagging"],
  ["PUT", "/b/k", "x-amz-acl can only be private", { "x-amz-acl": "public-read" }],
  ["PUT", "/b/k", "x-amz-storage-class", { "x-amz-storage-class": "GLACIER" }],
  ["PUT", "/b/k", "x-amz-server-side", { "x-amz-server-side-encryption": "AES256" }],
  ["PUT", "/b/k", "if-match", { "if-match": '"a"' }],
  ["DELETE", "/b/k", "if-match", { "if-match": '"a"' }],
  ["PUT", "/b/k?partNumber=1&uploadId=u", "x-amz-copy-source", { "x-amz-copy-source": "/b/l" }],
];

for (const [method, path, message, headers] of refused) {
  Deno.test(`${method} ${path} with ${message} is refused by name`, () => {
    assert.throws(() => nameOf(method, path, headers), (error) => {
      assert.ok(error instanceof Error && error.message.includes(message), String(error));
      assert.equal(Reflect.get(error, "code"), "NotImplemented");
      return true;
    });
  });
}

Deno.test("a query that can be read in two ways is refused", () => {
  for (const query of ["prefix=a&prefix=b", "=a", "a&a", `a=${"&b=".repeat(101)}`]) {
    assert.throws(() => nameOf("GET", `/b?${query}`), { code: "InvalidArgument" });
  }
  for (const path of ["/b/%zz", "/b/%00", "/b?prefix=%ff"]) {
    assert.throws(() => nameOf("GET", path), { code: "InvalidURI" });
  }
});
