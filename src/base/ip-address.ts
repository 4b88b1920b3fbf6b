/**
 * IP addresses and networks as bytes.
 *
 * Text is read strictly: four decimal numbers without leading zeros, or RFC 4291's forms. Looser
 * spellings, such as `0x7f.1`, mean different things to different readers.
 */

export interface IpAddress {
  /** 4 or 16 of them. */
  readonly bytes: readonly number[];
  /** Canonical: lower case, `::` for the longest run of zeros (RFC 5952). */
  readonly text: string;
}

export interface IpNetwork {
  readonly address: IpAddress;
  readonly prefix: number;
}

export function parseIpAddress(text: string): IpAddress | undefined {
  const bytes = text.includes(":") ? parseV6(text) : parseV4(text);
  return bytes && ipAddressOf(bytes);
}

export function ipAddressOf(bytes: readonly number[]): IpAddress {
  return { bytes, text: bytes.length === 4 ? bytes.join(".") : formatV6(bytes) };
}

export function networkContains({ address, prefix }: IpNetwork, { bytes }: IpAddress): boolean {
  if (address.bytes.length !== bytes.length) return false;
  return sameBits(address.bytes, bytes, 0, prefix);
}

/** The network's address has no bits beyond its prefix. */
export function isAligned({ address: { bytes }, prefix }: IpNetwork): boolean {
  return sameBits(bytes, bytes.map(() => 0), prefix, bytes.length * 8);
}

/** `::ffff:0:0/96`: an IPv4 address in IPv6. */
export const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Whether bits `from` to `to` are the same. */
export function sameBits(
  a: readonly number[],
  b: readonly number[],
  from: number,
  to: number,
): boolean {
  for (let bit = from; bit < to;) {
    const index = bit >> 3;
    const end = Math.min(to, (index + 1) * 8);
    const mask = (0xff >> (bit & 7)) & (0xff << ((index + 1) * 8 - end));
    if ((((a[index] ?? 0) ^ (b[index] ?? 0)) & mask) !== 0) return false;
    bit = end;
  }
  return true;
}

function parseV4(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => /^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseV6(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 16 ? head : undefined;
  if (tail === undefined || head.length + tail.length > 14) return undefined;
  return [...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail];
}

/** Groups of four hexadecimal digits, the last two of which may be written as an IPv4 address. */
function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (group.includes(".")) {
      const v4 = index === groups.length - 1 ? parseV4(group) : undefined;
      if (v4 === undefined) return undefined;
      bytes.push(...v4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length <= 16 ? bytes : undefined;
}

function formatV6(bytes: readonly number[]): string {
  if (sameBits(bytes, MAPPED, 0, 96)) return `::ffff:${bytes.slice(12).join(".")}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}
