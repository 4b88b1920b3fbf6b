/** The objects of a bucket, page by page: ListObjectsV2, and ListObjects for older clients. */
import { Buffer } from "node:buffer";
import type { Listing, ListPlace } from "../../storage/object-listing.ts";
import { OWNER } from "./bucket-operations.ts";
import { bucketOf, numberIn, type S3Call } from "./s3-call.ts";
import { S3Error } from "./s3-error.ts";
import { type XmlObject, xmlResponse } from "./xml.ts";

/** As S3 has it. */
const PAGE = 1000;

export async function listObjectsV2(call: S3Call): Promise<Response> {
  const { query } = call.request;
  if (query.get("list-type") !== "2") {
    throw new S3Error("InvalidArgument", "list-type must be 2.");
  }
  const token = query.get("continuation-token");
  const after = query.get("start-after");
  const from = token === undefined ? { after: after ?? "" } : { at: placeIn(token) };
  const { next, ...page } = await readPage(call, from);
  const owner = query.get("fetch-owner") === "true" ? { Owner: OWNER } : {};
  return xmlResponse("ListBucketResult", {
    ...shared(call, page, next),
    KeyCount: page.objects.length + page.folders.length,
    ContinuationToken: token,
    StartAfter: after === undefined ? undefined : write(call, after),
    NextContinuationToken: next === null ? undefined : tokenOf(next),
    Contents: contents(call, page, owner),
  });
}

export async function listObjectsV1(call: S3Call): Promise<Response> {
  const marker = call.request.query.get("marker") ?? "";
  const { next, ...page } = await readPage(call, { after: marker });
  const [object = "", folder = ""] = [page.objects.at(-1)?.name, page.folders.at(-1)];
  const last = Buffer.compare(Buffer.from(object), Buffer.from(folder)) > 0 ? object : folder;
  return xmlResponse("ListBucketResult", {
    ...shared(call, page, next),
    Marker: write(call, marker),
    NextMarker: next === null ? undefined : write(call, last),
    Contents: contents(call, page, { Owner: OWNER }),
  });
}

type Page = Omit<Listing, "next">;

function limitOf(call: S3Call): number {
  return Math.min(
    PAGE,
    numberIn(call, "max-keys", { least: 0, most: 2 ** 31 - 1, otherwise: PAGE }),
  );
}

async function readPage(call: S3Call, from: ListPlace): Promise<Listing> {
  const { query } = call.request;
  const encoding = query.get("encoding-type") ?? "url";
  if (encoding !== "url") throw new S3Error("InvalidArgument", "encoding-type must be url.");
  const bucket = bucketOf(call);
  const limit = limitOf(call);
  // As S3 does: nothing is wanted, so nothing is left.
  if (limit === 0) return { objects: [], folders: [], next: null };
  return await call.objects.list(bucket, {
    prefix: query.get("prefix") ?? "",
    delimiter: query.get("delimiter") || null,
    from,
    limit,
  });
}

function shared(call: S3Call, { folders }: Page, next: string | null): XmlObject {
  const { bucket, query } = call.request;
  const delimiter = query.get("delimiter");
  return {
    Name: bucket,
    Prefix: write(call, query.get("prefix") ?? ""),
    Delimiter: delimiter === undefined ? undefined : write(call, delimiter),
    MaxKeys: limitOf(call),
    EncodingType: query.get("encoding-type"),
    IsTruncated: next !== null,
    CommonPrefixes: folders.map((folder) => ({ Prefix: write(call, folder) })),
  };
}

function contents(call: S3Call, { objects }: Page, more: XmlObject): readonly XmlObject[] {
  return objects.map(({ name, size, etag, uploadedAt }) => ({
    Key: write(call, name),
    LastModified: uploadedAt.toISOString(),
    ETag: `"${etag}"`,
    Size: size,
    StorageClass: "STANDARD",
    ...more,
  }));
}

/** A name as the client wants it. */
function write({ request }: S3Call, text: string): string {
  return request.query.get("encoding-type") === "url"
    ? encodeURIComponent(text).replaceAll("%2F", "/")
    : text;
}

function tokenOf(name: string): string {
  return new TextEncoder().encode(name).toBase64({ alphabet: "base64url" });
}

function placeIn(token: string): string {
  try {
    const bytes = Uint8Array.fromBase64(token, { alphabet: "base64url" });
    const name = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (name.includes("\0")) throw new Error("it has a zero");
    return name;
  } catch (cause) {
    throw new S3Error("InvalidArgument", "The continuation token is none of ours.", { cause });
  }
}
