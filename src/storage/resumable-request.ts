/** What the tus protocol has servers refuse, and @tus/server lets through or answers otherwise. */

const VERSION = "1.0.0";

/** The refusal; `null` when the request may go on. */
export function refusalOf({ method, headers }: Request): Response | null {
  if (method === "OPTIONS") return null;
  const version = headers.get("tus-resumable");
  if (version !== null && version !== VERSION) {
    return refused(412, `This server speaks version ${VERSION}`, { "tus-version": VERSION });
  }
  if (method === "PATCH" && mediaTypeOf(headers) !== "application/offset+octet-stream") {
    return refused(415, "PATCH needs the content type application/offset+octet-stream");
  }
  // Whoever sends a checksum believes that it is looked at.
  if (headers.has("upload-checksum")) {
    return refused(400, "Upload-Checksum is of an extension that this server does not have");
  }
  return null;
}

function mediaTypeOf(headers: Headers): string | undefined {
  return headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
}

function refused(status: number, why: string, headers: Record<string, string> = {}): Response {
  return new Response(`${why}.\n`, { status, headers: { ...headers, "tus-resumable": VERSION } });
}
