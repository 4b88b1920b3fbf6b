/**
 * Paths of HTTP triggers: `/orders/:id/*rest`. `:id` takes one segment, `*rest` (or `*`) all that
 * follow, at least one. The most specific path wins: segment by segment, text before `:name` before
 * `*`; a method before ANY; a host of its own before none.
 */
import { OrlaError } from "../../base/errors.ts";

export type PathSegment =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "parameter"; readonly name: string }
  | { readonly kind: "rest"; readonly name: string };

const parameterName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** RFC 3986 `pchar`, without the characters that mean something here. */
const plainSegment = /^(?:[A-Za-z0-9\-._~!$&'()+,;=@]|%[0-9A-Fa-f]{2})+$/;

/** Prefixes that are the platform's own, whatever a path with parameters would match. */
const reserved = ["api/v1", "functions/v1", "storage/v1", "invoke", "healthz", "readyz", "metrics"]
  .map((prefix) => prefix.split("/"));

/** The platform's prefix that a path begins with. Segments are decoded, as the platform sees them. */
export function reservedPrefix(segments: readonly (string | undefined)[]): string | undefined {
  return reserved.find((prefix) => prefix.every((part, index) => segments[index] === part))
    ?.join("/");
}

/** Throws `invalid_option`; `position` in it counts from the path's beginning. */
export function parsePath(path: string): PathSegment[] {
  if (!path.startsWith("/")) throw bad('a path begins with "/"', 0);
  if (path === "/") return [];
  const segments: PathSegment[] = [];
  const names = new Set<string>();
  let offset = 1;
  for (const text of path.slice(1).split("/")) {
    if (segments.at(-1)?.kind === "rest") throw bad("nothing can follow *", offset);
    const segment = parseSegment(text, offset);
    if (segment.kind !== "text") {
      if (names.has(segment.name)) throw bad(`:${segment.name} is there twice`, offset);
      names.add(segment.name);
    }
    segments.push(segment);
    offset += text.length + 1;
  }
  const prefix = reservedPrefix(
    segments.map((segment) => segment.kind === "text" ? segment.text : undefined),
  );
  if (prefix !== undefined) throw bad(`paths below /${prefix} are the platform's own`, 0);
  return segments;
}

/** The path with its parameters' names left out: equal for paths that match the same requests. */
export function routeOf(segments: readonly PathSegment[]): string {
  const parts = segments.map((segment) => {
    switch (segment.kind) {
      case "text":
        // What means something here stays apart from text that is spelt like it.
        return encodeURIComponent(segment.text).replaceAll("*", "%2A");
      case "parameter":
        return ":";
      case "rest":
        return "*";
    }
  });
  return `/${parts.join("/")}`;
}

function parseSegment(text: string, offset: number): PathSegment {
  if (text.startsWith(":")) {
    const name = text.slice(1);
    if (!parameterName.test(name)) throw bad('":" is followed by a name', offset);
    return { kind: "parameter", name };
  }
  if (text.startsWith("*")) {
    const name = text.slice(1) || "rest";
    if (!parameterName.test(name)) throw bad('"*" is followed by a name or nothing', offset);
    return { kind: "rest", name };
  }
  if (text === "") throw bad("a path has no empty segments and no slash at its end", offset);
  if (!plainSegment.test(text)) throw bad(`"${text}" cannot stand in a path as it is`, offset);
  const decoded = decodeSegment(text);
  if (decoded === undefined) throw bad(`the escapes in "${text}" spell no text`, offset);
  if (decoded === "." || decoded === "..") throw bad("a path has no . and .. segments", offset);
  return { kind: "text", text: decoded };
}

/** Without its percent escapes; `undefined` when they spell no text. */
export function decodeSegment(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function bad(message: string, position: number): OrlaError {
  return new OrlaError("invalid_option", message, { position });
}
