/**
 * Uploads in parts: CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload,
 * ListParts.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { tooLarge } from "../../storage/measured-stream.ts";
import type { MultipartUpload, Part } from "../../storage/multipart-table.ts";
import { bucketOf, documentOf, numberIn, type S3Call } from "./s3-call.ts";
import { S3Error } from "./s3-error.ts";
import { slowAnswer } from "./slow-answer.ts";
import { objectHeaders } from "./upload-headers.ts";
import { parseXml, type XmlObject, xmlResponse } from "./xml.ts";

/** As S3 has it. */
const MAX_PARTS = 10_000;
const LISTED_PARTS = 1000;

export async function createUpload(call: S3Call): Promise<Response> {
  const { request, multipart } = call;
  const [bucket, name] = [bucketOf(call), request.key];
  const uploadId = await multipart.begin({ bucket, name, ...objectHeaders(request) });
  return xmlResponse("InitiateMultipartUploadResult", {
    ...{ Bucket: bucket, Key: name, UploadId: uploadId },
  });
}

export async function uploadPart(call: S3Call): Promise<Response> {
  const number = numberIn(call, "partNumber", { least: 1, most: MAX_PARTS, otherwise: 0 });
  if (number === 0) throw new S3Error("InvalidArgument", "partNumber is missing.");
  const upload = await uploadOf(call);
  const room = await call.multipart.roomFor(upload, number);
  const { body, checksumHeaders } = await call.payload(room);
  const etag = await call.multipart.putPart(upload, number, body, room);
  if (etag === null) throw noSuchUpload();
  return new Response(null, { headers: { ...checksumHeaders(), etag: `"${etag}"` } });
}

const completeSchema = z.object({
  Part: z.array(z.object({
    PartNumber: z.coerce.number().int().min(1).max(MAX_PARTS),
    // It names the bytes: their checksums were looked at when they came.
    ETag: z.string().transform((etag) => etag.replaceAll('"', "")).pipe(z.hex().length(32)),
  })).min(1).max(MAX_PARTS),
});
type Named = z.infer<typeof completeSchema>["Part"];

export async function completeUpload(call: S3Call): Promise<Response> {
  const { request: { bucket, key, path }, multipart } = call;
  const named = parseXml(await documentOf(call), "CompleteMultipartUpload", completeSchema).Part;
  const etag = tagOf(named);
  const result = { Location: path, Bucket: bucket, Key: key, ETag: `"${etag}"` };
  const upload = await multipart.find(call.request.query.get("uploadId") ?? "", bucket, key);
  if (upload === null) {
    // Whoever missed the answer asks again.
    if (!await multipart.isComplete(call.request.query.get("uploadId") ?? "")) throw noSuchUpload();
    return xmlResponse("CompleteMultipartUploadResult", result);
  }
  const parts = chosen(await multipart.parts(upload), named);
  const maxBytes = call.objects.maxSizeBytes(bucket, key);
  if (parts.reduce((sum, { size }) => sum + size, 0) > maxBytes) throw tooLarge(maxBytes);
  return await slowAnswer("CompleteMultipartUploadResult", call, async () => {
    await multipart.complete(upload, parts, etag);
    return result;
  });
}

/** Of S3's making: the hash of the parts' hashes, and how many they are. */
function tagOf(named: Named): string {
  const hash = createHash("md5");
  for (const { ETag } of named) hash.update(Uint8Array.fromHex(ETag));
  return `${hash.digest("hex")}-${named.length}`;
}

function chosen(parts: readonly Part[], named: Named): readonly Part[] {
  const byNumber = new Map(parts.map((part) => [part.number, part]));
  return named.map(({ PartNumber, ETag }, index) => {
    const before = named[index - 1]?.PartNumber ?? 0;
    if (PartNumber <= before) {
      throw new S3Error("InvalidPartOrder", `Part ${PartNumber} must not come after ${before}.`);
    }
    const part = byNumber.get(PartNumber);
    if (part?.etag !== ETag.toLowerCase()) {
      throw new S3Error("InvalidPart", `There is no part ${PartNumber} with that tag.`);
    }
    return part;
  });
}

export async function abortUpload(call: S3Call): Promise<Response> {
  await call.multipart.abort(await uploadOf(call));
  return new Response(null, { status: 204 });
}

export async function listParts(call: S3Call): Promise<Response> {
  const upload = await uploadOf(call);
  const marker = numberIn(call, "part-number-marker", {
    ...{ least: 0, most: MAX_PARTS, otherwise: 0 },
  });
  const limit = numberIn(call, "max-parts", {
    ...{ least: 1, most: LISTED_PARTS, otherwise: LISTED_PARTS },
  });
  const rest = (await call.multipart.parts(upload)).filter(({ number }) => number > marker);
  const page = rest.slice(0, limit);
  const { bucket, name, uploadId } = upload;
  return xmlResponse("ListPartsResult", {
    ...{ Bucket: bucket, Key: name, UploadId: uploadId },
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number ?? marker,
    MaxParts: limit,
    IsTruncated: rest.length > page.length,
    StorageClass: "STANDARD",
    Part: page.map(shown),
  });
}

function shown({ number, size, etag, uploadedAt }: Part): XmlObject {
  return {
    ...{ PartNumber: number, ETag: `"${etag}"`, Size: size },
    LastModified: uploadedAt.toISOString(),
  };
}

async function uploadOf(call: S3Call): Promise<MultipartUpload> {
  const { query, key } = call.request;
  const upload = await call.multipart.find(query.get("uploadId") ?? "", bucketOf(call), key);
  if (upload === null) throw noSuchUpload();
  return upload;
}

function noSuchUpload(): S3Error {
  return new S3Error("NoSuchUpload", "There is no such upload: it has ended, or never began.");
}
