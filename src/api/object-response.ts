/** An object over HTTP: whole or one range of it, never as a page of this origin. */
import { OrlaError } from "../base/errors.ts";
import type { Exchange } from "../gateway/route.ts";
import type { StoredObject } from "../storage/object-table.ts";
import type { Objects } from "../storage/objects.ts";
import { wantedOf } from "./object-conditions.ts";

export async function objectResponse(
  objects: Objects,
  bucket: string,
  name: string,
  { request, requestId }: Exchange,
): Promise<Response> {
  const { headers } = request;
  const found = request.method === "HEAD"
    ? await objects.find(bucket, name)
    : await objects.open(bucket, name, (object) => {
      const wanted = wantedOf(headers, object);
      return wanted.status === 206 ? wanted.range : null;
    });
  if (found === null) {
    throw new OrlaError("not_found", `There is no object ${name} in the bucket ${bucket}.`);
  }
  const [object, body] = "body" in found ? [found.object, found.body] : [found, null];
  const wanted = wantedOf(headers, object);
  const shared = { ...headersOf(object), "x-request-id": requestId };
  switch (wanted.status) {
    case 200:
      return new Response(body, {
        headers: { ...shared, "content-length": String(object.size) },
      });
    case 206: {
      const { start, end } = wanted.range;
      return new Response(body, {
        status: 206,
        headers: {
          ...shared,
          "content-length": String(end - start + 1),
          "content-range": `bytes ${start}-${end}/${object.size}`,
        },
      });
    }
    default: {
      await body?.cancel();
      const range = { "content-range": `bytes */${object.size}` };
      return new Response(null, {
        status: wanted.status,
        headers: { ...shared, ...wanted.status === 416 ? range : {} },
      });
    }
  }
}

/** What was uploaded must not run as part of whatever else this origin serves. */
function headersOf(object: StoredObject): Record<string, string> {
  const { name, contentType, etag, metadata, uploadedAt } = object;
  const file = name.slice(name.lastIndexOf("/") + 1);
  return {
    "content-type": contentType,
    // RFC 6266: the encoded form is the one that can say any name.
    "content-disposition": `attachment; filename*=UTF-8''${encode(file)}`,
    "accept-ranges": "bytes",
    "cache-control": "private, no-cache",
    ...metadata,
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    etag: `"${etag}"`,
    "last-modified": uploadedAt.toUTCString(),
  };
}

/** RFC 5987 `attr-char` has no quotes, parentheses and stars. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
