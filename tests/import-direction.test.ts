/** Who may import whom: the folders of `src/`, and `sdk/`, keep to the architecture's direction. */
import assert from "node:assert/strict";
import { forbiddenImports, importCircles, importRules, readImports } from "./module-graph.ts";

const root = new URL("../", import.meta.url);

Deno.test("no module imports against the direction, and none in a circle", async () => {
  const imports = await readImports(root);
  assert.ok(imports.length > 200, `only ${imports.length} imports were found`);
  assert.deepEqual(forbiddenImports(imports, importRules), []);
  assert.deepEqual(importCircles(imports), []);
});

Deno.test("canary: a forbidden import, an unruled folder and a circle are found", () => {
  const use = (from: string, to: string, typeOnly = false) => ({ from, to, typeOnly });
  assert.deepEqual(
    forbiddenImports([
      use("base/a.ts", "base/b.ts"),
      use("sql/a.ts", "base/a.ts"),
      use("base/a.ts", "sql/a.ts", true),
      use("new/a.ts", "base/a.ts"),
    ], importRules),
    ["base/a.ts imports sql/a.ts", "new/a.ts: folder new has no rule"],
  );
  assert.deepEqual(
    importCircles([
      use("a.ts", "b.ts"),
      use("b.ts", "c.ts"),
      use("c.ts", "b.ts"),
      use("c.ts", "a.ts", true),
    ]),
    ["b.ts → c.ts → b.ts"],
  );
});

Deno.test("canary: the graph of a real forbidden import is read from its file", async () => {
  const folder = await Deno.makeTempDir({ prefix: "orla-graph-" });
  try {
    const root = new URL(`file://${folder}/`);
    for (const path of ["src/base/", "src/sql/", "sdk/src/"]) {
      await Deno.mkdir(new URL(path, root), { recursive: true });
    }
    await Deno.writeTextFile(new URL("deno.json", root), "{}");
    await Deno.writeTextFile(
      new URL("src/base/a.ts", root),
      'import type { T } from "../sql/b.ts";\nexport const a = (value: T) => value;\n',
    );
    await Deno.writeTextFile(
      new URL("src/sql/b.ts", root),
      'import { a } from "../base/a.ts";\nexport type T = 1;\nexport const b = a(1);\n',
    );
    await Deno.writeTextFile(
      new URL("sdk/src/c.ts", root),
      'export type { T } from "../../src/sql/b.ts";\n',
    );
    const imports = await readImports(root);
    assert.deepEqual(forbiddenImports(imports, importRules).sort(), [
      "base/a.ts imports sql/b.ts",
      "sdk/src/c.ts imports sql/b.ts",
    ]);
    assert.deepEqual(importCircles(imports), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
