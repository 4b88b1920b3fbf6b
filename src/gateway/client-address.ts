/**
 * Where a request comes from. What a proxy writes into `X-Forwarded-For` counts only when that proxy
 * is one we were told to trust; of its list, the last address that is no such proxy is the client.
 */
import { type BlockList, isIP, isIPv6 } from "node:net";

export function clientAddress(
  remote: string,
  forwardedFor: string | null,
  trusted: BlockList | null,
): string {
  const nearest = plain(remote);
  if (trusted === null || forwardedFor === null || !isTrusted(nearest, trusted)) return nearest;
  const hops = forwardedFor.split(",").map((hop) => plain(withoutPort(hop.trim())));
  for (const hop of hops.reverse()) {
    if (isIP(hop) === 0) return nearest; // a proxy that writes no addresses vouches for nothing
    if (!isTrusted(hop, trusted)) return hop;
  }
  return nearest;
}

function isTrusted(address: string, trusted: BlockList): boolean {
  return trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

/** Some proxies tell the client's port too: `203.0.113.7:4711`, `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const [, v6, v4] = /^\[([^\]]+)\](?::\d+)?$|^(\d+(?:\.\d+){3}):\d+$/.exec(hop) ?? [];
  return v6 ?? v4 ?? hop;
}

/** An IPv4 address as an IPv6 socket shows it is an IPv4 address. */
function plain(address: string): string {
  return address.toLowerCase().startsWith("::ffff:") && address.includes(".")
    ? address.slice(7)
    : address;
}
