import assert from "node:assert/strict";
import { wantedOf } from "./object-conditions.ts";

const object = { etag: "abc", size: 10, uploadedAt: new Date("2026-05-01T12:00:00.900Z") };
const [before, same, after] = [11, 12, 13].map((hour) => `Fri, 01 May 2026 ${hour}:00:00 GMT`);

const cases: readonly (readonly [Record<string, string | undefined>, number | string])[] = [
  [{}, 200],
  [{ "if-none-match": '"abc"' }, 304],
  [{ "if-none-match": 'W/"abc", "x"' }, 304],
  [{ "if-none-match": "*" }, 304],
  [{ "if-none-match": '"x"' }, 200],
  [{ "if-match": '"abc"' }, 200],
  [{ "if-match": "abc" }, 200],
  [{ "if-match": '"x"' }, 412],
  [{ "if-modified-since": before }, 200],
  [{ "if-modified-since": same }, 304],
  [{ "if-modified-since": after }, 304],
  [{ "if-modified-since": "yesterday" }, 200],
  [{ "if-unmodified-since": before }, 412],
  [{ "if-unmodified-since": same }, 200],
  // The tag is the better witness.
  [{ "if-none-match": '"x"', "if-modified-since": after }, 200],
  [{ "if-match": '"abc"', "if-unmodified-since": before }, 200],
  [{ "if-match": '"abc"', "if-none-match": '"abc"' }, 304],
  [{ range: "bytes=0-0" }, "0-0"],
  [{ range: "bytes=3-" }, "3-9"],
  [{ range: "bytes=-3" }, "7-9"],
  [{ range: "bytes=-99" }, "0-9"],
  [{ range: "bytes=8-99" }, "8-9"],
  [{ range: "bytes=10-" }, 416],
  [{ range: "bytes=-0" }, 416],
  [{ range: "bytes=5-4" }, 200],
  [{ range: "bytes=0-1,3-4" }, 200],
  [{ range: "bytes=0-1", "if-range": '"abc"' }, "0-1"],
  [{ range: "bytes=0-1", "if-range": '"x"' }, 200],
  [{ range: "bytes=0-1", "if-match": '"x"' }, 412],
];

for (const [headers, expected] of cases) {
  const given = Object.entries(headers).map(([name, value]) => [name, value ?? ""] as const);
  Deno.test(`${given.map((pair) => pair.join(" ")).join(", ") || "nothing"}: ${expected}`, () => {
    const wanted = wantedOf(new Headers(given.map(([...pair]): [string, string] => pair)), object);
    const found = wanted.status === 206
      ? `${wanted.range.start}-${wanted.range.end}`
      : wanted.status;
    assert.equal(found, expected);
  });
}
