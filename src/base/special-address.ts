/** Which addresses are nobody's on the internet: private, loopback, reserved and the like. */
import {
  type IpAddress,
  ipAddressOf,
  type IpNetwork,
  MAPPED,
  networkContains,
  parseIpAddress,
  sameBits,
} from "./ip-address.ts";

const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
/** What SIIT translators use, `::ffff:0:a.b.c.d`. */
const TRANSLATED = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0];
const ZEROS = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** What is said of an address nobody on the internet has: `a private`, `a loopback`. */
export type SpecialPlace =
  | "a private"
  | "a loopback"
  | "a link-local"
  | "a shared (carrier)"
  | "an unspecified"
  | "a multicast"
  | "a benchmarking"
  | "a documentation"
  | "a reserved";

/** `undefined` for a public address. Forms of IPv6 that carry an IPv4 address are what that is. */
export function specialPlaceOf(address: IpAddress): SpecialPlace | undefined {
  const inner = carriedV4(address);
  if (inner !== undefined) return specialPlaceOf(inner);
  const table = address.bytes.length === 4 ? V4_PLACES : V6_PLACES;
  for (const [network, place] of table) {
    if (networkContains(network, address)) return place ?? undefined;
  }
  // Of IPv6 only 2000::/3 has been given out to anybody.
  return address.bytes.length === 16 ? "a reserved" : undefined;
}

/** From IANA's special-purpose address registries; the first that fits counts. */
const V4_PLACES = places([
  ["0.0.0.0/8", "an unspecified"],
  ["10.0.0.0/8", "a private"],
  ["100.64.0.0/10", "a shared (carrier)"],
  ["127.0.0.0/8", "a loopback"],
  ["169.254.0.0/16", "a link-local"],
  ["172.16.0.0/12", "a private"],
  ["192.0.0.0/24", "a reserved"],
  ["192.0.2.0/24", "a documentation"],
  ["192.88.99.0/24", "a reserved"],
  ["192.168.0.0/16", "a private"],
  ["198.18.0.0/15", "a benchmarking"],
  ["198.51.100.0/24", "a documentation"],
  ["203.0.113.0/24", "a documentation"],
  ["224.0.0.0/4", "a multicast"],
  ["240.0.0.0/4", "a reserved"],
]);

const V6_PLACES = places([
  ["::/128", "an unspecified"],
  ["::1/128", "a loopback"],
  ["64:ff9b:1::/48", "a private"],
  ["fc00::/7", "a private"],
  ["fe80::/10", "a link-local"],
  ["fec0::/10", "a private"],
  ["ff00::/8", "a multicast"],
  // Among them Teredo (2001::/32), which carries any IPv4 address, disguised.
  ["2001::/23", "a reserved"],
  ["2001:db8::/32", "a documentation"],
  ["3fff::/20", "a documentation"],
  ["2000::/3", null],
]);

function places(
  table: ReadonlyArray<readonly [network: string, place: SpecialPlace | null]>,
): ReadonlyArray<readonly [IpNetwork, SpecialPlace | null]> {
  return table.map(([text, place]) => {
    const [address = "", prefix] = text.split("/");
    const parsed = parseIpAddress(address);
    if (parsed === undefined) throw new Error(`no address: ${text}`);
    return [{ address: parsed, prefix: Number(prefix) }, place];
  });
}

/** The IPv4 address that is reached through an address of IPv6, by one mechanism or another. */
export function carriedV4({ bytes }: IpAddress): IpAddress | undefined {
  if (bytes.length !== 16) return undefined;
  for (const prefix of [MAPPED, NAT64, TRANSLATED]) {
    if (sameBits(bytes, prefix, 0, 96)) return ipAddressOf(bytes.slice(12));
  }
  // Once "IPv4-compatible"; `::` and `::1` are addresses of their own.
  if (sameBits(bytes, ZEROS, 0, 96) && !sameBits(bytes, [...ZEROS, 0, 0, 0], 0, 120)) {
    return ipAddressOf(bytes.slice(12));
  }
  // 6to4.
  return bytes[0] === 0x20 && bytes[1] === 0x02 ? ipAddressOf(bytes.slice(2, 6)) : undefined;
}
