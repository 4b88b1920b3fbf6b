/** What a request for an object gets, by its conditions and its range (RFC 9110, sections 13 and 14). */
import type { ByteRange } from "../storage/object-store.ts";
import type { StoredObject } from "../storage/object-table.ts";

export type Wanted =
  | { readonly status: 200 | 304 | 412 | 416 }
  | { readonly status: 206; readonly range: ByteRange };

type Tagged = Pick<StoredObject, "etag" | "size" | "uploadedAt">;

/** In the order of section 13.2.2. */
export function wantedOf(headers: Headers, object: Tagged): Wanted {
  const ifMatch = headers.get("if-match");
  const since = secondsOf(object.uploadedAt.toUTCString());
  if (ifMatch !== null) {
    if (!matches(ifMatch, object)) return { status: 412 };
  } else if (since > secondsOf(headers.get("if-unmodified-since"))) {
    return { status: 412 };
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) {
    if (matches(ifNoneMatch, object)) return { status: 304 };
  } else if (since <= secondsOf(headers.get("if-modified-since"))) {
    return { status: 304 };
  }
  return rangeOf(headers, object);
}

/** NaN, which compares with nothing, for a time that is none. */
function secondsOf(date: string | null): number {
  return Math.floor(Date.parse(date ?? "") / 1000);
}

function matches(header: string, { etag }: Tagged): boolean {
  return header.split(",").map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === "*" || tag === `"${etag}"` || tag === etag);
}

/** One range; what is not understood is as if it were not there. */
function rangeOf(headers: Headers, { etag, size }: Tagged): Wanted {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(headers.get("range") ?? "") ?? [];
  if (from === "" && to === "") return { status: 200 };
  const condition = headers.get("if-range");
  if (condition !== null && condition !== `"${etag}"`) return { status: 200 };
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== "" && to !== "" && Number(to) < start) return { status: 200 };
  return start >= size ? { status: 416 } : { status: 206, range: { start, end } };
}
