import { equal, notEqual } from "node:assert/strict";
import fc from "fast-check";
import { ipAddressOf, networkContains, parseIpAddress } from "./ip-address.ts";
import { specialPlaceOf } from "./special-address.ts";

function place(text: string): string {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return specialPlaceOf(address) ?? "public";
}

Deno.test("every place of the registries is told from public addresses, at both ends", () => {
  const cases: ReadonlyArray<readonly [place: string, ...addresses: string[]]> = [
    ["public", "1.0.0.0", "9.255.255.255", "11.0.0.0", "8.8.8.8", "223.255.255.255"],
    ["public", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"],
    ["public", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"],
    ["public", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "192.0.1.1"],
    ["public", "2606:4700::1111", "2a00::", "2001:200::", "3ffe:ffff::"],
    ["public", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:0:8.8.8.8"],
    ["an unspecified", "0.0.0.0", "0.255.255.255", "::", "::ffff:0.0.0.0"],
    ["a private", "10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0"],
    ["a private", "192.168.255.255", "fc00::", "fdff:ffff::1", "fec0::1", "64:ff9b:1::1"],
    [
      "a private",
      "::ffff:10.0.0.1",
      "::10.0.0.1",
      "64:ff9b::a00:1",
      "2002:a00:1::",
      "2002:c0a8:1::",
    ],
    ["a private", "::ffff:0:10.0.0.1", "::ffff:a00:1", "0:0:0:0:0:FFFF:0a00:0001"],
    ["a shared (carrier)", "100.64.0.0", "100.127.255.255"],
    ["a loopback", "127.0.0.0", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"],
    ["a loopback", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "0:0:0:0:0:0:0:1"],
    [
      "a link-local",
      "169.254.0.0",
      "169.254.169.254",
      "fe80::1",
      "febf::1",
      "::ffff:169.254.169.254",
    ],
    ["a multicast", "224.0.0.0", "239.255.255.255", "ff02::1"],
    ["a benchmarking", "198.18.0.0", "198.19.255.255"],
    ["a documentation", "192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    ["a reserved", "192.0.0.1", "240.0.0.0", "255.255.255.255", "192.88.99.1"],
    ["a reserved", "2001::1", "2001:0:7f00:1::", "100::1", "4000::1", "5f00::1", "200::1"],
  ];
  for (const [expected, ...addresses] of cases) {
    for (const address of addresses) equal(place(address), expected, address);
  }
});

Deno.test("only one spelling of IPv4 is an address", () => {
  const others = [
    ...[
      "",
      "1",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "01.2.3.4",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "1.2.3.-4",
    ],
    ...["2130706433", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n", "1..2.3", "１.2.3.4", "1e1.2.3.4"],
    ...[":::", "1::2::3", ":1", "1:", "12345::", "g::", "fe80::1%eth0", "1:2:3:4:5:6:7", "::1.2.3"],
    ...["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8:9", "::1.2.3.4:5", "[::1]", "1:2:3:4:5:6:7:1.2.3.4"],
  ];
  for (const text of others) equal(parseIpAddress(text), undefined, JSON.stringify(text));
});

Deno.test("IPv6 is written in its one canonical form", () => {
  const cases = [
    ["0:0:0:0:0:0:0:0", "::"],
    ["::FFFF:7F00:1", "::ffff:127.0.0.1"],
    ["2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"],
    ["0:0:1:0:0:0:0:0", "0:0:1::"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["fe80::1.2.3.4", "fe80::102:304"],
  ] as const;
  for (const [written, canonical] of cases) equal(parseIpAddress(written)?.text, canonical);
});

Deno.test("what is written is read back as the same bytes", () => {
  const byte = fc.integer({ min: 0, max: 255 });
  // Zeros are what the short forms are about.
  const mostlyZero = fc.oneof(fc.constant(0), byte);
  const bytes = fc.oneof(
    fc.array(byte, { minLength: 4, maxLength: 4 }),
    fc.array(mostlyZero, { minLength: 16, maxLength: 16 }),
  );
  fc.assert(fc.property(bytes, (bytes) => {
    equal(parseIpAddress(ipAddressOf(bytes).text)?.bytes.join(), bytes.join());
  }));
});

Deno.test("an IPv4 address is in a private place exactly when it is so inside IPv6", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 }),
      (v4) => {
        const plain = specialPlaceOf(ipAddressOf(v4));
        equal(specialPlaceOf(ipAddressOf([...new Array(10).fill(0), 255, 255, ...v4])), plain);
        equal(specialPlaceOf(ipAddressOf([0x20, 2, ...v4, ...new Array(10).fill(7)])), plain);
      },
    ),
  );
});

Deno.test("a network holds the addresses of its prefix", () => {
  const contains = (network: string, prefix: number, address: string) => {
    const [a, b] = [parseIpAddress(network), parseIpAddress(address)];
    notEqual(a, undefined);
    return a !== undefined && b !== undefined && networkContains({ address: a, prefix }, b);
  };
  equal(contains("10.0.0.0", 8, "10.255.0.1"), true);
  equal(contains("10.0.0.0", 8, "11.0.0.0"), false);
  equal(contains("10.128.0.0", 9, "10.127.255.255"), false);
  equal(contains("0.0.0.0", 0, "255.255.255.255"), true);
  equal(contains("0.0.0.0", 0, "::1"), false);
  equal(contains("10.1.2.3", 32, "10.1.2.3"), true);
  equal(contains("10.1.2.3", 31, "10.1.2.2"), true);
  equal(contains("10.1.2.3", 32, "10.1.2.2"), false);
  equal(contains("fd00::", 7, "fc00::1"), true);
  equal(contains("fd00::", 8, "fc00::1"), false);
});
