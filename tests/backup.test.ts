/** Backups as docs/operations.md tells to make them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import pg from "pg";
import { startOrlaProcess } from "./orla.ts";

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

Deno.test("a copy of a stopped node's data directory is a node of its own", async () => {
  await using original = await startOrlaProcess();
  await query(
    original.sqlUrl,
    `CREATE TABLE kept AS SELECT 'row' AS what;
     CREATE EDGE FUNCTION twice(x text) RETURNS text LANGUAGE javascript
       AS $$ export const main = (x) => x + x; $$`,
  );
  assert.equal((await original.stop()).code, 0);
  const copy = join(original.dataDir, "..", "copy");
  const copied = await new Deno.Command("cp", { args: ["-a", original.dataDir, copy] }).output();
  assert.ok(copied.success);

  await using again = await startOrlaProcess({ dataDir: original.dataDir });
  await using restored = await startOrlaProcess({ dataDir: copy });
  assert.equal(restored.anonKey, original.anonKey);
  await query(restored.sqlUrl, "UPDATE kept SET what = 'changed'");
  assert.deepEqual(await query(restored.sqlUrl, "SELECT twice(what) AS t FROM kept"), [
    { t: "changedchanged" },
  ]);
  assert.deepEqual(await query(again.sqlUrl, "SELECT twice(what) AS t FROM kept"), [
    { t: "rowrow" },
  ]);
});
