import { deepEqual, equal, throws } from "node:assert/strict";
import { hostOf, hostsFor, parseHost } from "./host.ts";

for (
  const [written, host] of [
    ["Shop.Example.ORG", "shop.example.org"],
    ["shop.example.org.", "shop.example.org"],
    ["*.example.org", "*.example.org"],
    ["*.Example.org.", "*.example.org"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["*.bücher.example", "*.xn--bcher-kva.example"],
    ["localhost", "localhost"],
    ["my_host", "my_host"],
    ["127.0.0.1", "127.0.0.1"],
    ["[2001:DB8::1]", "[2001:db8::1]"],
  ] as const
) {
  Deno.test(`host: ${written} is ${host}`, () => {
    equal(parseHost(written), host);
    equal(parseHost(host), host);
  });
}

for (
  const written of [
    "",
    ".",
    "*",
    "*.",
    "a..b",
    "-a.org",
    "shop.example.org:8000",
    "shop.example.org:",
    "http://shop.example.org",
    "shop.example.org/x",
    "ada@example.org",
    "not a host!",
    "sh%6fp.example.org",
    "a.*.org",
    "*.127.0.0.1",
    "::1",
    "[::1]:80",
    "a\nb",
    `${"a".repeat(64)}.org`,
    `${"a.".repeat(130)}org`,
  ]
) {
  Deno.test(`host refused: ${JSON.stringify(written.slice(0, 30))}`, () => {
    throws(() => parseHost(written), { code: "invalid_option", message: /is no host/ });
  });
}

Deno.test("what a request's Host may be meant by, the most specific first", () => {
  deepEqual(hostsFor(hostOf("A.Shop.Example.org.:8000")), [
    "a.shop.example.org",
    "*.shop.example.org",
    "*.example.org",
    "*.org",
  ]);
  deepEqual(hostsFor(hostOf("[::1]:80")), ["[::1]"]);
});
