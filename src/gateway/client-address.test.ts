import { equal } from "node:assert/strict";
import { BlockList } from "node:net";
import { clientAddress } from "./client-address.ts";

const proxies = new BlockList();
proxies.addSubnet("10.0.0.0", 8, "ipv4");
proxies.addSubnet("fd00::", 8, "ipv6");

const cases: ReadonlyArray<
  readonly [remote: string, forwarded: string | null, trusted: BlockList | null, client: string]
> = [
  ["203.0.113.1", null, null, "203.0.113.1"],
  ["203.0.113.1", "198.51.100.7", null, "203.0.113.1"],
  ["203.0.113.1", "198.51.100.7", proxies, "203.0.113.1"],
  ["10.0.0.1", "198.51.100.7", proxies, "198.51.100.7"],
  ["10.0.0.1", "192.0.2.1, 198.51.100.7, 10.0.0.2", proxies, "198.51.100.7"],
  ["10.0.0.1", "unknown", proxies, "10.0.0.1"],
  ["10.0.0.1", "10.0.0.3", proxies, "10.0.0.1"],
  ["10.0.0.1", "", proxies, "10.0.0.1"],
  ["10.0.0.1", "198.51.100.7,", proxies, "10.0.0.1"],
  ["10.0.0.1", "198.51.100.7:4711", proxies, "198.51.100.7"],
  ["10.0.0.1", "[2001:db8::1]:4711, fd00::2", proxies, "2001:db8::1"],
  ["fd00::1", "2001:db8::1, ::ffff:10.0.0.2", proxies, "2001:db8::1"],
  ["fd00::1", "198.51.100.7, 203.0.113.9", proxies, "203.0.113.9"],
  ["203.0.113.1", "10.0.0.1, 10.0.0.2", proxies, "203.0.113.1"],
  ["::ffff:10.0.0.1", "::ffff:198.51.100.7", proxies, "198.51.100.7"],
];

for (const [remote, forwarded, trusted, client] of cases) {
  Deno.test(`a request by ${remote} for ${forwarded} is ${client}'s`, () => {
    equal(clientAddress(remote, forwarded, trusted), client);
  });
}
