/**
 * The URL of a request: checked, and cut into what routing needs.
 *
 * Deno builds `request.url` from the Host header and the request line without looking at either, so
 * a Host of `a/functions/v1/b?` would move the path. A URL in ordinary spelling is cut by offsets
 * (60 ns); anything unusual (an absolute-form target, dot segments, escapes, other alphabets) is
 * first normalised by the URL parser, so that the router and the function agree on what it means.
 */
export interface RequestTarget {
  /** Absolute. */
  readonly url: string;
  /** From the first slash after the authority to the query. */
  readonly path: string;
}

/** `undefined` when the URL or the Host header cannot be understood. */
export function readTarget(url: string, host: string | undefined): RequestTarget | undefined {
  const authority = url.indexOf("//") + 2;
  if (host !== undefined && isHost(host) && url.startsWith(host, authority)) {
    const pathStart = authority + host.length;
    const pathEnd = ordinaryPathEnd(url, pathStart);
    if (pathEnd > pathStart) return { url, path: url.slice(pathStart, pathEnd) };
  }
  return normalised(url, host);
}

/**
 * The host that the request is for, perhaps with a port. Not its Host header: HTTP/2 has `:authority`
 * instead, and before an absolute-form target it does not count (RFC 9112, section 3.2.2).
 */
export function authorityOf({ url }: RequestTarget): string {
  const start = url.indexOf("//") + 2;
  return url.slice(start, url.indexOf("/", start));
}

function normalised(url: string, host: string | undefined): RequestTarget | undefined {
  if (host !== undefined && !isHost(host)) return undefined;
  if (!URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  if (parsed.username !== "" || parsed.password !== "") return undefined;
  parsed.hash = "";
  return { url: parsed.href, path: parsed.pathname };
}

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const QUESTION_MARK = 0x3f;
const HASH = 0x23;
const FIRST_VISIBLE = 0x21;
const LAST_VISIBLE = 0x7e;

/** Where a path that needs no normalising ends, or -1. */
function ordinaryPathEnd(url: string, start: number): number {
  if (url.charCodeAt(start) !== SLASH) return -1;
  for (let at = start; at < url.length; at++) {
    const code = url.charCodeAt(at);
    if (code === QUESTION_MARK) return url.indexOf("#", at) === -1 ? at : -1;
    if (code < FIRST_VISIBLE || code > LAST_VISIBLE) return -1;
    if (code === PERCENT || code === BACKSLASH || code === HASH) return -1;
    if (code === DOT && url.charCodeAt(at - 1) === SLASH) return -1;
  }
  return url.length;
}

/** Hosts already checked: clients use few. Bounded, because they may send any. */
const checkedHosts = new Set<string>();
const MAX_CHECKED_HOSTS = 256;

/** A host name or address with an optional port (RFC 9110, section 7.2). */
function isHost(host: string): boolean {
  if (checkedHosts.has(host)) return true;
  const valid = /^[\w.~%!$&'()*+,;=-]+(:\d*)?$|^\[[\d:.A-Fa-f]+\](:\d*)?$/.test(host) &&
    URL.canParse(`http://${host}/`);
  if (valid && checkedHosts.size < MAX_CHECKED_HOSTS) checkedHosts.add(host);
  return valid;
}

/** A path segment without its percent escapes; `undefined` when they spell no text. */
export function decodeSegment(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
