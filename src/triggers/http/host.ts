/**
 * Hosts of HTTP triggers: `shop.example.org`, or `*.example.org` for every name below it, however deep.
 * The most specific one wins: the name itself, then the longest wildcard, then no host at all.
 */
import { isIP } from "node:net";
import { OrlaError } from "../../base/errors.ts";

/** RFC 1035, section 2.3.4. */
const MAX_LENGTH = 253;

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** The one spelling of it: lower case, other alphabets as browsers send them. Throws `invalid_option`. */
export function parseHost(written: string): string {
  const [star, below] = written.startsWith("*.") ? ["*.", written.slice(2)] : ["", written];
  const host = canonical(below);
  if (host !== undefined && (isName(host) || (star === "" && isAddress(host)))) return star + host;
  throw new OrlaError("invalid_option", `"${written}" is no host`, {
    hint: "Write 'shop.example.org', or '*.example.org' for all names below it, without a port.",
  });
}

/** Of a Host header: without port and the root's dot, in lower case. */
export function hostOf(header: string): string {
  return header.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
}

/** What a trigger for requests to this host may say, the most specific first. */
export function hostsFor(host: string): string[] {
  const hosts = [host];
  for (let dot = host.indexOf("."); dot !== -1; dot = host.indexOf(".", dot + 1)) {
    hosts.push(`*${host.slice(dot)}`);
  }
  return hosts;
}

function canonical(written: string): string | undefined {
  // What the URL parser would take for another part of a URL, or undo.
  if (/[\s\p{Cc}/?#@%\\]/u.test(written) || /:\d*$/.test(written)) return undefined;
  const url = `http://${written.replace(/\.$/, "")}/`;
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}

function isAddress(host: string): boolean {
  return isIP(host.replace(/^\[|\]$/g, "")) !== 0;
}

function isName(host: string): boolean {
  return !isAddress(host) && host.length <= MAX_LENGTH &&
    host.split(".").every((part) => label.test(part));
}
