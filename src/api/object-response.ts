/** An object over HTTP: whole or one range of it, never as a page of this origin. */
import { OrlaError } from "../base/errors.ts";
import type { Exchange } from "../gateway/route.ts";
import type { ByteRange } from "../storage/object-store.ts";
import type { StoredObject } from "../storage/object-table.ts";
import type { Objects } from "../storage/objects.ts";

export async function objectResponse(
  objects: Objects,
  bucket: string,
  name: string,
  { request, requestId }: Exchange,
): Promise<Response> {
  const { headers } = request;
  const decide = (object: StoredObject) => rangeOf(headers, object);
  const found = request.method === "HEAD"
    ? await objects.find(bucket, name)
    : await objects.open(bucket, name, (object) => {
      const range = decide(object);
      return range === "impossible" ? null : range;
    });
  if (found === null) {
    throw new OrlaError("not_found", `There is no object ${name} in the bucket ${bucket}.`);
  }
  const [object, body] = "body" in found ? [found.object, found.body] : [found, null];
  const shared = { ...headersOf(object), "x-request-id": requestId };
  const without = async (status: number, more: Record<string, string> = {}) => {
    await body?.cancel();
    return new Response(null, { status, headers: { ...shared, ...more } });
  };
  if (matches(headers.get("if-none-match"), object)) return await without(304);
  const range = decide(object);
  if (range === "impossible") {
    return await without(416, { "content-range": `bytes */${object.size}` });
  }
  const length = range === null ? object.size : range.end - range.start + 1;
  return new Response(body, {
    status: range === null ? 200 : 206,
    headers: {
      ...shared,
      "content-length": String(length),
      ...range === null
        ? {}
        : { "content-range": `bytes ${range.start}-${range.end}/${object.size}` },
    },
  });
}

/** What was uploaded must not run as part of whatever else this origin serves. */
function headersOf({ name, contentType, etag, uploadedAt }: StoredObject): Record<string, string> {
  const file = name.slice(name.lastIndexOf("/") + 1);
  return {
    "content-type": contentType,
    // RFC 6266: the encoded form is the one that can say any name.
    "content-disposition": `attachment; filename*=UTF-8''${encode(file)}`,
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "accept-ranges": "bytes",
    "cache-control": "private, no-cache",
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

function matches(header: string | null, { etag }: StoredObject): boolean {
  return (header ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === "*" || tag === `"${etag}"`);
}

/** RFC 9110, section 14: one range; what is not understood is as if it were not there. */
function rangeOf(headers: Headers, object: StoredObject): ByteRange | null | "impossible" {
  const { size } = object;
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(headers.get("range") ?? "") ?? [];
  if (from === "" && to === "") return null;
  const condition = headers.get("if-range");
  if (condition !== null && condition !== `"${object.etag}"`) return null;
  if (from === "") {
    const start = Math.max(0, size - Number(to));
    return start >= size ? "impossible" : { start, end: size - 1 };
  }
  const start = Number(from);
  const end = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < start) return null;
  return start >= size ? "impossible" : { start, end };
}
