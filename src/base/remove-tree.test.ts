import { equal, rejects } from "node:assert/strict";
import { removeTree } from "./remove-tree.ts";

Deno.test("a tree is removed with all that lies in it, and links lead nowhere", async () => {
  const outside = await Deno.makeTempDir();
  const root = await Deno.makeTempDir();
  await Deno.writeTextFile(`${outside}/kept`, "kept");
  await Deno.mkdir(`${root}/a/b/c`, { recursive: true });
  await Deno.mkdir(`${root}/d/a/b`, { recursive: true });
  await Deno.writeTextFile(`${root}/a/b/c/file`, "x");
  await Deno.symlink(outside, `${root}/a/link`);
  for (const closed of ["a/b/c", "a/b", "d"]) await Deno.chmod(`${root}/${closed}`, 0);
  await removeTree(root);
  await rejects(Deno.lstat(root), Deno.errors.NotFound);
  equal(await Deno.readTextFile(`${outside}/kept`), "kept");
  await Deno.remove(outside, { recursive: true });
  await removeTree(root);
});

/** What no path can name has to be walked to. */
const DIG = `
import os, sys
os.chdir(sys.argv[1])
for _ in range(12000):
    os.mkdir("d")
    os.chdir("d")
`;

Deno.test("a tree deeper than any stack or path is removed too", async () => {
  const root = await Deno.makeTempDir();
  const { success, stderr } = await new Deno.Command("python3", {
    args: ["-c", DIG, root],
  }).output();
  equal(success, true, new TextDecoder().decode(stderr));
  await removeTree(root);
  await rejects(Deno.lstat(root), Deno.errors.NotFound);
});
