/** Addresses and networks: `203.0.113.7`, `10.0.0.0/8`, `2001:db8::/32`. */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { OrlaError } from "../../base/errors.ts";

/** Throws `invalid_option` for what is none. */
export function addressList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", bits, ...rest] = entry.split("/");
    // A zone is a name for one machine's own link.
    const family = address.includes("%")
      ? undefined
      : isIPv4(address)
      ? "ipv4"
      : isIPv6(address)
      ? "ipv6"
      : undefined;
    const width = family === "ipv4" ? 32 : 128;
    const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN;
    if (family === undefined || rest.length > 0 || !(prefix >= 0 && prefix <= width)) {
      throw new OrlaError("invalid_option", `"${entry}" is no address and no network`, {
        hint: "Write '203.0.113.7', '203.0.113.0/24' or '2001:db8::/32'.",
      });
    }
    list.addSubnet(address, prefix, family);
  }
  return list;
}
