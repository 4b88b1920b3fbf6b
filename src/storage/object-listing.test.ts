import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { listObjects, type ListPlace } from "./object-listing.ts";
import type { StoredObject } from "./object-table.ts";

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

function objectOf(name: string): StoredObject {
  return {
    ...{ bucket: "b", name, uploadId: name, size: 1, contentType: "", etag: "", metadata: {} },
    uploadedAt: new Date(0),
  };
}

/** A table of these names, and how many rows were asked for. */
function tableOf(names: readonly string[], prefix: string) {
  const sorted = names.filter((name) => name.startsWith(prefix)).sort(byBytes);
  return (from: string, limit: number) =>
    Promise.resolve(
      sorted.filter((name) => byBytes(name, from) >= 0).slice(0, limit).map(objectOf),
    );
}

const character = fc.constantFrom(
  "a",
  "b",
  "/",
  "0",
  ".",
  "é",
  "\ud7ff",
  "\ue000",
  "😀",
  "\u{10ffff}",
);
const text = fc.array(character, { maxLength: 5 }).map((parts) => parts.join(""));

Deno.test("pages together are what one look at all names says", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uniqueArray(text, { maxLength: 30 }),
    text.map((prefix) => prefix.slice(0, 2)).filter((prefix) => prefix.isWellFormed()),
    fc.constantFrom(null, "/", "é", "b/", "\u{10ffff}"),
    fc.integer({ min: 1, max: 5 }),
    async (names, prefix, delimiter, limit) => {
      const expected = new Set<string>();
      for (const name of names.filter((name) => name.startsWith(prefix)).sort(byBytes)) {
        const [, rest] = delimiter === null ? [] : name.slice(prefix.length).split(delimiter);
        const folder = prefix + name.slice(prefix.length).split(delimiter ?? "none")[0] + delimiter;
        expected.add(rest === undefined ? `object ${name}` : `folder ${folder}`);
      }
      for (const goOn of ["at", "after"] as const) {
        const listed: string[] = [];
        let from: ListPlace | null = { after: "" };
        if (names.includes("") && "".startsWith(prefix)) from = { at: "" };
        while (from !== null) {
          const page = await listObjects(tableOf(names, prefix), {
            prefix,
            delimiter,
            from,
            limit,
          });
          const found = [
            ...page.objects.map(({ name }) => ({ name, line: `object ${name}` })),
            ...page.folders.map((name) => ({ name, line: `folder ${name}` })),
          ].sort((a, b) => byBytes(a.name, b.name));
          assert.ok(found.length <= limit);
          listed.push(...found.map(({ line }) => line));
          if (page.next === null) break;
          from = goOn === "at" ? { at: page.next } : { after: found.at(-1)?.name ?? "" };
        }
        assert.deepEqual(new Set(listed), expected);
        assert.equal(listed.length, expected.size);
      }
    },
  ));
});

Deno.test("a large folder is passed over at once", async () => {
  const names = Array.from({ length: 5000 }, (_, n) => `a/${n}`).concat("b");
  let asked = 0;
  const read = tableOf(names, "");
  const page = await listObjects((from, limit) => (asked += limit, read(from, limit)), {
    ...{ prefix: "", delimiter: "/", from: { after: "" }, limit: 10 },
  });
  assert.deepEqual([page.folders, page.objects.map(({ name }) => name)], [["a/"], ["b"]]);
  assert.ok(asked < 100, `${asked} rows`);
});
