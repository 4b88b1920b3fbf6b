/** A node on a Postgres that is not its own (`DATABASE_URL`). */
import assert from "node:assert/strict";
import pg from "pg";
import { startOrlaProcess } from "./orla.ts";
import { startTestPostgres } from "./postgres.ts";

const HELLO = "CREATE EDGE FUNCTION hello(who text) RETURNS text LANGUAGE javascript AS " +
  "$$ function main(who) { return `Hello ${who}` } $$";

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

Deno.test("DATABASE_URL: two nodes share functions, and direct sessions call them, too", async () => {
  await using postgres = await startTestPostgres();
  const env = { DATABASE_URL: postgres.url };
  await using one = await startOrlaProcess({ env });
  await using two = await startOrlaProcess({ env });
  assert.equal(one.databaseUrl, postgres.url);
  await query(one.sqlUrl, HELLO);
  for (const url of [one.sqlUrl, two.sqlUrl, postgres.url]) {
    assert.deepEqual(await query(url, "SELECT hello('x')"), [{ hello: "Hello x" }]);
  }
  const answer = await fetch(`${two.http}/functions/v1/hello`, {
    method: "POST",
    headers: { apikey: two.anonKey, "content-type": "application/json" },
    body: '{"who":"http"}',
  });
  assert.equal(await answer.json(), "Hello http");
  // The node that stays serves SQL callers of the one that goes.
  assert.equal((await one.stop()).code, 0);
  assert.deepEqual(await query(postgres.url, "SELECT hello('y')"), [{ hello: "Hello y" }]);
});

Deno.test("a login without the needed rights is told what to run, and that is enough", async () => {
  await using postgres = await startTestPostgres();
  await query(postgres.url, "CREATE ROLE app LOGIN PASSWORD 'opensesame'");
  await query(postgres.url, "CREATE DATABASE app");
  const url = new URL(postgres.url);
  url.pathname = "/app";
  const asAdministrator = url.href;
  url.username = "app";
  url.password = "opensesame";
  const env = { DATABASE_URL: url.href };
  const refusal = await startOrlaProcess({ env }).then(() => "started", String);
  assert.match(refusal, /app may not create schemas in app/);
  assert.doesNotMatch(refusal, /opensesame/);

  const statements = refusal.split("\n").filter((line) => /^ {4}[A-Z].*;$/.test(line));
  assert.ok(statements.length > 0, refusal);
  for (const statement of statements) await query(asAdministrator, statement);
  let orla;
  try {
    orla = await startOrlaProcess({ env });
  } catch (thrown) {
    // What only shows when the first obstacles are gone.
    const more = String(thrown).split("\n").filter((line) => /^ {4}[A-Z].*;$/.test(line));
    assert.ok(more.length > 0, String(thrown));
    for (const statement of more) await query(asAdministrator, statement);
    orla = await startOrlaProcess({ env });
  }
  await using _running = orla;
  await query(orla.sqlUrl, "CREATE SCHEMA mine");
  await query(orla.sqlUrl, HELLO.replace(" hello(", " mine.hello("));
  assert.deepEqual(await query(orla.sqlUrl, "SELECT mine.hello('x')"), [{ hello: "Hello x" }]);
});
