/**
 * One entry of ALLOW_NET or DENY_NET: which destinations it means.
 *
 *     api.example.com        this name, on every port          api.example.com:8443   on this port
 *     *.example.com          every name below it, not itself   *.example.com:443
 *     10.1.2.3               this address                      10.1.2.3:5432
 *     10.0.0.0/8             every address in it               10.0.0.0/8:5432
 *     fd00::1   [fd00::1]    this address                      [fd00::1]:5432
 *     fd00::/8  [fd00::/8]   every address in it               [fd00::/8]:5432
 *     *                      everything                        *:25
 *
 * Rules on names look at the name that was asked for, rules on addresses at what it resolves to.
 */
import {
  type IpAddress,
  ipAddressOf,
  type IpNetwork,
  isAligned,
  networkContains,
  parseIpAddress,
} from "../base/ip-address.ts";

export interface NetRule {
  /** Its one canonical spelling. */
  readonly text: string;
  /** `null` for every port. */
  readonly port: number | null;
  readonly match:
    | { readonly kind: "everything" }
    | { readonly kind: "name"; readonly name: string }
    /** `suffix` begins with a dot. */
    | { readonly kind: "subdomains"; readonly suffix: string }
    | { readonly kind: "network"; readonly network: IpNetwork };
}

export interface Destination {
  /** Lower case, without a dot at the end; `null` where an address was asked for. */
  readonly name: string | null;
  readonly port: number;
}

/** More is a firewall's work. */
export const MAX_NET_RULES = 500;

/** A domain name has 253 characters at most; room for a port. */
const MAX_RULE_LENGTH = 300;

/** Returns a sentence on what is wrong, which begins with the rule. */
export function parseNetRule(written: string): NetRule | string {
  const shown = `'${written.length > 60 ? `${written.slice(0, 60)}…` : written}'`;
  if (written.trim() === "") return "an entry is empty";
  if (written.length > MAX_RULE_LENGTH) return `${shown} is too long`;
  if (/[\s\p{Cc}]/u.test(written)) return `${shown} holds a space or control character`;
  const url = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(written);
  if (url !== null) return `${shown} is a URL: write its host alone, '${url[1]}'`;
  if (written.includes("@")) return `${shown} holds '@': write the host alone`;
  const parts = splitPort(written);
  if (parts === undefined) {
    return `${shown} is neither a host nor an address, with or without a port`;
  }
  const { host, portText } = parts;
  const port = portText === null ? null : parsePort(portText);
  if (port === undefined) return `${shown} has no port from 1 to 65535: '${portText}'`;
  const match = parseHost(host);
  if (typeof match === "string") return `${shown} ${match}`;
  return {
    match,
    port,
    text: formatMatch(match, port !== null) + (port === null ? "" : `:${port}`),
  };
}

/** For lists that were checked when they were written. */
export function parseNetRules(list: readonly string[]): NetRule[] {
  return list.map((written) => {
    const rule = parseNetRule(written);
    if (typeof rule === "string") throw new Error(rule);
    return rule;
  });
}

export function ruleCoversName({ match, port }: NetRule, destination: Destination): boolean {
  if (port !== null && port !== destination.port) return false;
  switch (match.kind) {
    case "everything":
      return true;
    case "name":
      return destination.name === match.name;
    case "subdomains":
      return destination.name?.endsWith(match.suffix) === true;
    case "network":
      return false;
  }
}

export function ruleCoversAddress(
  { match, port }: NetRule,
  address: IpAddress,
  at: number,
): boolean {
  if (match.kind !== "network" || (port !== null && port !== at)) return false;
  return networkContains(match.network, address);
}

/** The last colon before a port; addresses of IPv6 need brackets to have one. */
function splitPort(written: string): { host: string; portText: string | null } | undefined {
  const bracketed = /^\[([^\[\]]*)\](\/\d+)?(?::(.*))?$/.exec(written);
  if (bracketed !== null) {
    const [, inside = "", prefix = "", port] = bracketed;
    if (!inside.includes(":")) return undefined;
    return { host: inside + prefix, portText: port ?? null };
  }
  if (/[\[\]]/.test(written)) return undefined;
  const colons = written.split(":").length - 1;
  if (colons !== 1) return { host: written, portText: null };
  const at = written.indexOf(":");
  return { host: written.slice(0, at), portText: written.slice(at + 1) };
}

function parsePort(text: string): number | undefined {
  if (!/^[1-9]\d{0,4}$/.test(text)) return undefined;
  return Number(text) <= 65535 ? Number(text) : undefined;
}

function parseHost(host: string): NetRule["match"] | string {
  if (host === "*") return { kind: "everything" };
  if (host.includes("/") || host.includes(":")) return parseNetwork(host);
  if (host.startsWith("*.")) {
    const name = parseName(host.slice(2));
    return typeof name === "object" ? { kind: "subdomains", suffix: `.${name.name}` } : name;
  }
  if (host.includes("*")) return "has a '*' that is not the whole of its first part";
  const address = parseIpAddress(host);
  if (address === undefined) {
    const name = parseName(host);
    return typeof name === "object" ? { kind: "name", ...name } : name;
  }
  return { kind: "network", network: whole(address) };
}

function parseNetwork(text: string): NetRule["match"] | string {
  const [addressText = "", prefixText, ...more] = text.split("/");
  const address = parseIpAddress(addressText);
  if (address === undefined || more.length > 0) {
    return "is no address or network; for a path there is no rule";
  }
  if (prefixText === undefined) return { kind: "network", network: whole(address) };
  const bits = address.bytes.length * 8;
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText) || Number(prefixText) > bits) {
    return `has no prefix from 0 to ${bits}: '${prefixText}'`;
  }
  const network = { address, prefix: Number(prefixText) };
  if (isAligned(network)) return { kind: "network", network };
  return `has bits beyond its prefix: write '${firstOf(network).text}/${prefixText}'`;
}

function whole(address: IpAddress): IpNetwork {
  return { address, prefix: address.bytes.length * 8 };
}

function firstOf({ address, prefix }: IpNetwork): IpAddress {
  const kept = (index: number) => Math.max(0, Math.min(8, prefix - index * 8));
  return ipAddressOf(address.bytes.map((byte, index) => byte & (0xff00 >> kept(index))));
}

/** International names are kept as the DNS knows them. */
function parseName(written: string): { readonly name: string } | string {
  let name = written.toLowerCase().replace(/\.$/, "");
  if (/[^\x21-\x7e]/.test(name)) {
    const url = URL.parse(`http://${name}`);
    if (url === null) return "is no host name";
    name = url.hostname;
  }
  if (name.length > 253 || name === "") return "is no host name";
  const labels = name.split(".");
  if (!labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) {
    return "is no host name";
  }
  // Some programs read numbers, octal and hexadecimal ones too, as addresses.
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")) {
    return "is no IPv4 address: write four decimal numbers without leading zeros";
  }
  return { name };
}

function formatMatch(match: NetRule["match"], hasPort: boolean): string {
  switch (match.kind) {
    case "everything":
      return "*";
    case "name":
      return match.name;
    case "subdomains":
      return `*${match.suffix}`;
    case "network": {
      const { address: { text, bytes }, prefix } = match.network;
      const network = prefix === bytes.length * 8 ? text : `${text}/${prefix}`;
      return hasPort && bytes.length === 16 ? `[${network}]` : network;
    }
  }
}
