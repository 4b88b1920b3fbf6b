/** What an upload is: by its first bytes where they tell, otherwise as the uploader says. */

/** What detection looks at. */
export const SNIFFED_BYTES = 4100;

const UNKNOWN = "application/octet-stream";
const mediaType =
  /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*(?:\s*;\s*[\w-]+=[\w.+-]+)*$/i;
const MAX_LENGTH = 200;

/** Containers of which the declared type may be a closer description. */
const general: Readonly<Record<string, RegExp>> = {
  "application/xml": /^[^;]*(?:\+xml|\/xml|\/html)\b/i,
  "application/zip": /^application\/(?!octet-stream)/i,
};

export async function contentTypeOf(head: Uint8Array, declared: string | null): Promise<string> {
  // Knows some two hundred formats: who uploads nothing need not load them.
  const { fileTypeFromBuffer } = await import("file-type");
  const said = declared !== null && declared.length <= MAX_LENGTH && mediaType.test(declared)
    ? declared.toLowerCase()
    : null;
  const found = (await fileTypeFromBuffer(head).catch(() => undefined))?.mime;
  if (found === undefined) return said ?? UNKNOWN;
  return said !== null && general[found]?.test(said) === true ? said : found;
}
