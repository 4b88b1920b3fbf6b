/** Objects one by one: PutObject, GetObject, HeadObject, DeleteObject, DeleteObjects, CopyObject. */
import { z } from "zod";
import { checkObjectName } from "../../storage/object-name.ts";
import type { UploadRequest } from "../../storage/objects.ts";
import { objectResponse } from "../object-response.ts";
import { bucketOf, documentOf, numberIn, type S3Call } from "./s3-call.ts";
import { S3Error, toS3Error } from "./s3-error.ts";
import { slowAnswer } from "./slow-answer.ts";
import { objectHeaders } from "./upload-headers.ts";
import { parseXml, xmlResponse } from "./xml.ts";

/** As S3 has it. */
const MAX_DELETED = 1000;

export async function putObject(call: S3Call): Promise<Response> {
  const { request, objects, payload } = call;
  const [bucket, name] = [bucketOf(call), request.key];
  const { body, checksumHeaders } = await payload(objects.maxSizeBytes(bucket, name));
  const { etag } = await objects.put({
    ...{ bucket, name, body, etag: "md5" },
    ...objectHeaders(request),
  });
  return new Response(null, { headers: { ...checksumHeaders(), etag: `"${etag}"` } });
}

export async function getObject(call: S3Call): Promise<Response> {
  const { request, objects, exchange } = call;
  const bucket = bucketOf(call);
  // The whole of an object is its only part.
  numberIn(call, "partNumber", { least: 1, most: 1, otherwise: 1 });
  const response = await objectResponse(objects, bucket, request.key, exchange);
  switch (response.status) {
    case 412:
      throw new S3Error("PreconditionFailed", "The object is not as the request's conditions say.");
    case 416:
      throw new S3Error("InvalidRange", "The object has no such range.");
    default:
      return response;
  }
}

export async function deleteObject(call: S3Call): Promise<Response> {
  await call.objects.remove(bucketOf(call), call.request.key);
  return new Response(null, { status: 204 });
}

const deleteSchema = z.object({
  Object: z.array(z.object({ Key: z.string(), VersionId: z.undefined().optional() })).max(
    MAX_DELETED,
  ),
  Quiet: z.stringbool().default(false),
});

export async function deleteObjects(call: S3Call): Promise<Response> {
  const bucket = bucketOf(call);
  const asked = parseXml(await documentOf(call), "Delete", deleteSchema);
  const deleted: { Key: string }[] = [];
  const errors: { Key: string; Code: string; Message: string }[] = [];
  for (const { Key } of asked.Object) {
    try {
      await call.objects.remove(bucket, Key);
      deleted.push({ Key });
    } catch (thrown) {
      const { code, message } = toS3Error(thrown);
      if (code === "InternalError") throw thrown;
      errors.push({ Key, Code: code, Message: message });
    }
  }
  return xmlResponse("DeleteResult", { Deleted: asked.Quiet ? [] : deleted, Error: errors });
}

export async function copyObject(call: S3Call): Promise<Response> {
  const { request, objects } = call;
  const [bucket, name] = [bucketOf(call), request.key];
  const source = sourceOf(request.header("x-amz-copy-source") ?? "");
  const replaces = directive(request.header("x-amz-metadata-directive"));
  if (!replaces && source.bucket === bucket && source.name === name) {
    throw new S3Error("InvalidRequest", "A copy onto itself must replace the metadata.");
  }
  checkObjectName(name);
  const found = await objects.open(source.bucket, source.name);
  if (found === null) {
    throw new S3Error("NoSuchKey", `There is no object ${source.name} in ${source.bucket}.`);
  }
  const { contentType, metadata } = found.object;
  const headers = replaces ? objectHeaders(request) : { contentType, metadata };
  const upload: UploadRequest = { bucket, name, body: found.body, etag: "md5", ...headers };
  return await slowAnswer("CopyObjectResult", call, async () => {
    const { etag, uploadedAt } = await objects.put(upload);
    return { LastModified: uploadedAt.toISOString(), ETag: `"${etag}"` };
  });
}

/** `/bucket/key`, perhaps without the first slash, with percent escapes. */
function sourceOf(header: string): { readonly bucket: string; readonly name: string } {
  const [path = "", query] = header.split("?");
  if (query !== undefined) throw new S3Error("NotImplemented", "Objects have no versions here.");
  const text = decoded(path).replace(/^\//, "");
  const slash = text.indexOf("/");
  if (slash < 1) throw new S3Error("InvalidArgument", "x-amz-copy-source must be bucket/key.");
  return { bucket: text.slice(0, slash), name: text.slice(slash + 1) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new S3Error("InvalidArgument", "x-amz-copy-source has wrong escapes.", { cause });
  }
}

/** Whether the copy gets headers of its own. */
function directive(header: string | null): boolean {
  switch (header) {
    case null:
    case "COPY":
      return false;
    case "REPLACE":
      return true;
    default:
      throw new S3Error("InvalidArgument", "x-amz-metadata-directive must be COPY or REPLACE.");
  }
}
