import assert from "node:assert/strict";
import fc from "fast-check";
import { authorityOf, decodeSegment, readTarget } from "./request-target.ts";

const cases: readonly [what: string, url: string, host: string | undefined, expected: unknown][] = [
  ["ordinary", "http://h:80/a/b?x=1", "h:80", { url: "http://h:80/a/b?x=1", path: "/a/b" }],
  ["root", "http://h/", "h", { url: "http://h/", path: "/" }],
  ["IPv6", "http://[::1]:8000/a", "[::1]:8000", { url: "http://[::1]:8000/a", path: "/a" }],
  ["slashes in the query", "http://h/a?b=/c/d", "h", { url: "http://h/a?b=/c/d", path: "/a" }],
  ["double slash", "http://h//evil/x", "h", { url: "http://h//evil/x", path: "//evil/x" }],
  ["dot segments", "http://h/a/../b/./c", "h", { url: "http://h/b/c", path: "/b/c" }],
  ["escaped dots", "http://h/a/%2e%2E/b", "h", { url: "http://h/b", path: "/b" }],
  ["dots to the top", "http://h/../../b", "h", { url: "http://h/b", path: "/b" }],
  ["a name with a dot", "http://h/a.b", "h", { url: "http://h/a.b", path: "/a.b" }],
  ["a hidden file", "http://h/.env", "h", { url: "http://h/.env", path: "/.env" }],
  ["backslash", "http://h/a\\..\\b", "h", { url: "http://h/b", path: "/b" }],
  ["other alphabets", "http://h/é", "h", { url: "http://h/%C3%A9", path: "/%C3%A9" }],
  ["fragment", "http://h/a#b", "h", { url: "http://h/a", path: "/a" }],
  ["fragment in the query", "http://h/a?b#c", "h", { url: "http://h/a?b", path: "/a" }],
  ["absolute form", "http://other/a?x", "h", { url: "http://other/a?x", path: "/a" }],
  ["no Host (HTTP/1.0)", "http://localhost:1/a", undefined, {
    url: "http://localhost:1/a",
    path: "/a",
  }],
  ["no path", "http://h", "h", { url: "http://h/", path: "/" }],
  ["Host with a path", "http://a/functions/v1/b?/x", "a/functions/v1/b?", undefined],
  ["Host with a user", "http://u@h/x", "u@h", undefined],
  ["Host with a space", "http://a b/x", "a b", undefined],
  ["Host with a bad port", "http://a:99999/x", "a:99999", undefined],
  ["Host with a fragment", "http://a#/x", "a#", undefined],
  ["empty Host", "http:///x", "", undefined],
  ["absolute form with a user", "http://u:p@h/x", "h", undefined],
];

for (const [what, url, host, expected] of cases) {
  Deno.test(`request target: ${what}`, () => assert.deepEqual(readTarget(url, host), expected));
}

Deno.test("the host is the target's, not the header's", () => {
  const hosts = cases.flatMap(([, url, host]) => readTarget(url, host) ?? []).map(authorityOf);
  assert.deepEqual([...new Set(hosts)], ["h:80", "h", "[::1]:8000", "other", "localhost:1"]);
});

Deno.test("the fast way and the URL parser agree on every path", () => {
  fc.assert(fc.property(fc.webPath(), fc.webQueryParameters(), (path, query) => {
    const url = `http://h${path === "" ? "/" : path}?${query}`;
    const target = readTarget(url, "h");
    assert.equal(target?.path, new URL(url).pathname);
    assert.equal(new URL(target?.url ?? "").href, new URL(url).href);
  }));
});

Deno.test("segments lose their escapes, and broken ones are no segments", () => {
  assert.equal(decodeSegment("h%C3%A9llo%2Fx"), "héllo/x");
  assert.equal(decodeSegment("plain"), "plain");
  assert.equal(decodeSegment("%zz"), undefined);
  assert.equal(decodeSegment("%ff"), undefined);
});
