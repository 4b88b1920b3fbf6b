import { deepEqual, equal, match, ok } from "node:assert/strict";
import { parseIpAddress } from "../base/ip-address.ts";
import { parseNetRule, parseNetRules, ruleCoversAddress, ruleCoversName } from "./net-rule.ts";

Deno.test("every form of a rule has one canonical spelling, which reads as the same rule", () => {
  const cases: ReadonlyArray<readonly [written: string, canonical: string]> = [
    ["api.example.com", "api.example.com"],
    ["API.Example.com.", "api.example.com"],
    ["localhost:5432", "localhost:5432"],
    ["db", "db"],
    ["my_service:80", "my_service:80"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["*.example.com:8443", "*.example.com:8443"],
    ["*.Example.com", "*.example.com"],
    ["10.1.2.3", "10.1.2.3"],
    ["10.1.2.3/32:1", "10.1.2.3:1"],
    ["10.0.0.0/8:65535", "10.0.0.0/8:65535"],
    ["FD00::0:1", "fd00::1"],
    ["[fd00::1]", "fd00::1"],
    ["[fd00::1]:5432", "[fd00::1]:5432"],
    ["fd00::/8", "fd00::/8"],
    ["[fd00::/8]:5432", "[fd00::/8]:5432"],
    ["[fd00::]/8:5432", "[fd00::/8]:5432"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["*", "*"],
    ["*:25", "*:25"],
  ];
  for (const [written, canonical] of cases) {
    const rule = parseNetRule(written);
    if (typeof rule === "string") throw new Error(rule);
    equal(rule.text, canonical);
    deepEqual(parseNetRule(rule.text), rule);
  }
});

Deno.test("what cannot be a rule is refused with what to write instead", () => {
  const cases: ReadonlyArray<readonly [written: string, sentence: RegExp]> = [
    ["", /an entry is empty/],
    ["  ", /an entry is empty/],
    ["a b", /holds a space/],
    ["a\r\nb", /holds a space/],
    ["https://api.example.com/v1", /is a URL: write its host alone, 'api\.example\.com'/],
    ["user@example.com", /holds '@'/],
    ["example.com/path", /for a path there is no rule/],
    ["example.com:", /no port from 1 to 65535: ''/],
    ["example.com:0", /no port/],
    ["example.com:65536", /no port/],
    ["example.com:080", /no port/],
    ["example.com:80-90", /no port/],
    ["example.com:http", /no port/],
    ["10.0.0.1/8", /bits beyond its prefix: write '10\.0\.0\.0\/8'/],
    ["fd12::1/7", /bits beyond its prefix: write 'fc00::\/7'/],
    ["10.0.0.0/33", /no prefix from 0 to 32/],
    ["fd00::/129", /no prefix from 0 to 128/],
    ["10.0.0.0/08", /no prefix/],
    ["10.0.0", /is no IPv4 address/],
    ["010.0.0.1", /is no IPv4 address/],
    ["0x7f.1", /is no IPv4 address/],
    ["2130706433", /is no IPv4 address/],
    ["256.1.1.1", /is no IPv4 address/],
    ["a.*.com", /'\*' that is not the whole/],
    ["*example.com", /'\*' that is not the whole/],
    ["*.*.com", /is no host name/],
    ["*.10.0.0.1", /is no IPv4 address/],
    ["-a.example", /is no host name/],
    ["a..example", /is no host name/],
    ["a%2e.example", /is no host name/],
    [`${"a".repeat(64)}.example`, /is no host name/],
    ["x".repeat(301), /is too long/],
    ["[fd00::1", /neither a host nor an address/],
    ["[example.com]:80", /neither a host nor an address/],
    ["[fd00::1]x", /neither a host nor an address/],
    ["fe80::1%eth0", /is no address or network/],
    ["fd00::1:5432:1:1:1:1:1:1:1", /is no address or network/],
  ];
  for (const [written, sentence] of cases) {
    const rule = parseNetRule(written);
    ok(typeof rule === "string", written);
    match(rule, sentence);
  }
});

Deno.test("rules on names look at names, rules on addresses at addresses", () => {
  const covers = (text: string, name: string | null, port: number, address: string) => {
    const [rule] = parseNetRules([text]);
    const parsed = parseIpAddress(address);
    if (rule === undefined || parsed === undefined) throw new Error(text);
    return ruleCoversName(rule, { name, port }) || ruleCoversAddress(rule, parsed, port);
  };
  equal(covers("a.example", "a.example", 80, "1.1.1.1"), true);
  equal(covers("a.example", "b.a.example", 80, "1.1.1.1"), false);
  equal(covers("a.example:443", "a.example", 80, "1.1.1.1"), false);
  equal(covers("*.example", "example", 80, "1.1.1.1"), false);
  equal(covers("*.example", "b.a.example", 80, "1.1.1.1"), true);
  equal(covers("*.example", "aexample", 80, "1.1.1.1"), false);
  equal(covers("*", null, 80, "1.1.1.1"), true);
  equal(covers("*:25", "a", 80, "1.1.1.1"), false);
  equal(covers("1.1.1.1", "a.example", 80, "1.1.1.1"), true);
  equal(covers("1.1.1.0/24:80", null, 80, "1.1.1.9"), true);
  equal(covers("1.1.1.0/24:80", null, 81, "1.1.1.9"), false);
  equal(covers("fd00::/8", null, 80, "fd12::1"), true);
});
