import assert from "node:assert/strict";
import pg from "pg";
import { startTestPostgres } from "./postgres.ts";

Deno.test("a throw-away Postgres answers, and leaves nothing behind", async () => {
  const postgres = await startTestPostgres();
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const { rows } = await client.query("SELECT 40 + 2 AS answer");
  assert.deepEqual(rows, [{ answer: 42 }]);
  await client.end();
  await postgres.stop();
  await assert.rejects(Deno.stat(postgres.socketDir), Deno.errors.NotFound);
});
