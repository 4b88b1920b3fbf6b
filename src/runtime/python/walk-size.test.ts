import { equal } from "node:assert/strict";
import { walkSize } from "./walk-size.ts";

const { signal } = new AbortController();

Deno.test("sizes below a directory are added up, links are not followed", async () => {
  const root = await Deno.makeTempDir();
  try {
    const fits = (maxBytes: number, maxEntries = 100) =>
      walkSize(root, { maxBytes, maxEntries, signal });
    equal(await fits(0), true);
    await Deno.mkdir(`${root}/a/b`, { recursive: true });
    await Deno.writeFile(`${root}/a/b/file`, crypto.getRandomValues(new Uint8Array(40_960)));
    await Deno.symlink("/usr", `${root}/link`);
    equal(await fits(40_960), true);
    equal(await fits(40_959), false);
    equal(await fits(1e9, 4), true);
    equal(await fits(1e9, 3), false);
    // A hole takes no room.
    const sparse = await Deno.create(`${root}/sparse`);
    await sparse.truncate(1e9);
    sparse.close();
    equal(await fits(1e6), true);
    await Deno.remove(`${root}/a`, { recursive: true });
    equal(await walkSize(`${root}/a`, { maxBytes: 0, maxEntries: 0, signal }), true);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
