/** psql, node-postgres and postgres.js against a whole node: their ordinary work, and ours beside it. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import postgres from "postgres";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { psql } from "./psql.ts";
import { openSession } from "./sql-session.ts";

const GREET = "CREATE EDGE FUNCTION greet(name text, times int) RETURNS text LANGUAGE javascript " +
  "AS $$ export const main = (name, times) => `Hello ${name}! `.repeat(times).trim() $$";

let orla: OrlaProcess;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  await using session = await openSession(orla.sqlUrl);
  await session.rows("CREATE TABLE guests (id bigint PRIMARY KEY, name text NOT NULL)");
  await session.rows(GREET);
});
Deno.test.afterAll(async () => {
  await orla[Symbol.asyncDispose]();
});

Deno.test("psql: a script with tables, \\copy, meta-commands, variables and edge statements", async () => {
  const { code, stdout, stderr } = await psql(orla.sqlUrl, {
    args: ["-At", "--set=who=Grace"],
    input: String.raw`
create temp table visitors (id int, name text);
\copy visitors from stdin with (delimiter ',')
1,Ada
2,Edge\, Eddie
\.
\copy (select * from visitors order by id) to stdout
begin;
-- in any case, over several lines, with comments
create edge function
  polite(name text) /* from whom */ returns text
language typescript memory 64MB as $code$
  export function main(name: string): string { return "Dear " + name; }
$code$;
select polite(name) from visitors order by id;
select polite(:'who') as letter \gset
\echo :letter
prepare bound as select polite($1);
execute bound('Bound');
\set AUTOCOMMIT off
select count(*) from visitors \gdesc
commit;
\df polite
\sf polite
execute edge function greet('psql', 2);
list edge functions where name in ('greet', 'polite');
drop edge function polite;
commit;
\df polite
`,
  });
  assert.equal(code, 0, stderr);
  const lines = stdout.split("\n");
  assert.deepEqual(lines.slice(0, 13), [
    "CREATE TABLE",
    "COPY 2",
    "1\tAda",
    "2\tEdge, Eddie",
    "BEGIN",
    "CREATE EDGE FUNCTION",
    "Dear Ada",
    "Dear Edge, Eddie",
    "Dear Grace",
    "PREPARE",
    "Dear Bound",
    "count|bigint",
    "COMMIT",
  ]);
  assert.equal(lines[13], "public|polite|text|name text|func");
  assert.match(lines[14] ?? "", /^CREATE OR REPLACE FUNCTION public\.polite\(name text\)/);
  const rest = lines.slice(15).join("\n");
  assert.match(
    rest,
    /\nHello psql! Hello psql!\ngreet\|[^\n]*\npolite\|[^]*DROP EDGE FUNCTION\nCOMMIT\n$/,
  );
});

Deno.test("psql: an error shows its place and leaves the session well", async () => {
  const { code, stdout, stderr } = await psql(orla.sqlUrl, {
    args: ["-At", "--set=ON_ERROR_STOP=0"],
    input: "SELECT 1;\nCREATE EDGE FUNCTION f LANGUAGE javascript MEMORI 64MB AS $$ $$;\n" +
      "SELECT greet('x');\nSELECT 2;\n",
  });
  assert.equal(code, 0);
  assert.equal(stdout, "1\n2\n");
  assert.match(stderr, /ERROR: {2}.*MEMORI.*\nLINE 1: .*MEMORI.*\n +\^\nHINT: .*MEMORY/);
  assert.match(stderr, /ERROR: {2}function greet\(unknown\) does not exist/);
});

Deno.test("node-postgres: a pool, prepared statements, COPY, notifications, a function in all of it", async () => {
  const pool = new pg.Pool({ connectionString: orla.sqlUrl, max: 4 });
  try {
    await pool.query("TRUNCATE guests");
    const client = await pool.connect();
    const lines = Array.from({ length: 5_000 }, (_, n) => `${n}\tguest ${n}\n`);
    await pipeline(
      Readable.from(lines),
      client.query(copyFrom("COPY guests (id, name) FROM STDIN")),
    );
    assert.equal((await client.query("SELECT count(*)::int AS n FROM guests")).rows[0]?.n, 5_000);

    const heard = new Promise((resolve) =>
      client.once("notification", ({ payload }) => resolve(payload))
    );
    await client.query("LISTEN arrivals");
    await pool.query("SELECT pg_notify('arrivals', greet('edge', 1))");
    assert.equal(await heard, "Hello edge!");
    client.release();

    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) =>
      pool.query({
        name: "greet",
        text: "SELECT greet(name, $2) AS said FROM guests WHERE id = $1",
        values: [n, n % 3],
      })));
    assert.deepEqual(
      answers.map(({ rows }) => rows[0]?.said),
      Array.from({ length: 100 }, (_, n) => `Hello guest ${n}! `.repeat(n % 3).trim()),
    );
  } finally {
    await pool.end();
  }
});

Deno.test("postgres.js: pipelining, cursors, COPY, LISTEN, typed values, a function in all of it", async () => {
  const sql = postgres(orla.sqlUrl, { max: 4, onnotice: () => {} });
  try {
    await sql`TRUNCATE guests`;
    const rows = Array.from({ length: 1_000 }, (_, id) => ({ id, name: `guest ${id}` }));
    await sql`INSERT INTO guests ${sql(rows)}`;
    const heard = Promise.withResolvers<string>();
    const { unlisten } = await sql.listen("news", heard.resolve);
    await sql.notify("news", "edge");
    assert.equal(await heard.promise, "edge");
    await unlisten();

    let seen = 0;
    const cursor = sql`SELECT id::int, greet(name, 1) AS said FROM guests ORDER BY id`.cursor(100);
    for await (const page of cursor) {
      for (const { id, said } of page) {
        assert.deepEqual([id, said], [seen, `Hello guest ${seen}!`]);
        seen++;
      }
    }
    assert.equal(seen, 1_000);

    const answers = await Promise.all(
      rows.slice(0, 200).map(({ name }, n) =>
        n % 2 === 0 ? sql`SELECT greet(${name}, 1)` : sql`EXECUTE EDGE FUNCTION greet(${name}, 1)`
      ),
    );
    assert.deepEqual(
      answers.map(([row]) => row?.["greet"]),
      rows.slice(0, 200).map(({ name }) => `Hello ${name}!`),
    );
    const [types] = await sql`SELECT ${sql.array([1, 2])}::int[] AS list, ${
      sql.json({ edge: [1] })
    }::jsonb AS json, ${new Date(0)}::timestamptz AS at`;
    assert.deepEqual({ ...types }, { list: [1, 2], json: { edge: [1] }, at: new Date(0) });

    const copied = await sql`COPY guests TO STDOUT`.readable();
    assert.equal((await text(copied)).split("\n").length, 1_001);
  } finally {
    await sql.end();
  }
});
