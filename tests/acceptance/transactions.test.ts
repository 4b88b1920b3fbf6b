/** DDL of functions is DDL: it takes part in the user's own transactions, in every client. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { waitingForLock } from "./lock-wait.ts";
import { callFunction, callJson } from "./http-calls.ts";
import { psql } from "./psql.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
});
Deno.test.afterAll(async () => {
  await orla[Symbol.asyncDispose]();
});

const session = () => openSession(orla.sqlUrl);
const create = (name: string, says: string) =>
  `CREATE EDGE FUNCTION ${name}() RETURNS text LANGUAGE javascript AS ` +
  `$$ export function main() { return "${says}" } $$`;
const change = (name: string, says: string) =>
  `ALTER EDGE FUNCTION ${name} SET CODE = $$ export function main() { return "${says}" } $$`;

/** Everything that an edge function leaves in a database. */
const EVERYTHING = `
  SELECT
    (SELECT json_agg(f ORDER BY function_id) FROM edge.functions f) AS functions,
    (SELECT json_agg(v ORDER BY version_id) FROM edge.versions v) AS versions,
    (SELECT json_agg(c ORDER BY function_id) FROM edge.changes c) AS changes,
    (SELECT json_agg(s ORDER BY function_id) FROM system.edge_functions s) AS shown,
    (SELECT json_agg(s ORDER BY function_id, version) FROM system.edge_function_versions s) AS shown_versions,
    (SELECT json_agg(p ORDER BY p.oid) FROM pg_proc p WHERE p.pronamespace <> 'pg_catalog'::regnamespace) AS procedures,
    (SELECT count(*)::int FROM pg_depend) AS dependencies,
    (SELECT json_agg(c.relname ORDER BY c.relname) FROM pg_class c WHERE relnamespace = 'public'::regnamespace) AS tables`;

async function everything(): Promise<unknown> {
  await using direct = await openSession(orla.databaseUrl);
  return (await direct.rows(EVERYTHING))[0];
}

/** Every kind of change, made and taken back. */
const takenBack = (kept: string) => [
  "BEGIN",
  "CREATE TABLE fleeting (id int)",
  create("fleeting", "here"),
  "SELECT fleeting()",
  change("fleeting", "changed"),
  change(kept, "changed"),
  `ROLLBACK EDGE FUNCTION ${kept} TO VERSION 1`,
  `ALTER EDGE FUNCTION ${kept} SET MEMORY = 64MB TIMEOUT = 5s`,
  create("fleeting", "replaced").replace("CREATE", "CREATE OR REPLACE"),
  `DROP EDGE FUNCTION ${kept}`,
  "ROLLBACK",
];

const clients: Record<string, (statements: readonly string[]) => Promise<void>> = {
  psql: async (statements) => {
    const { code, stderr } = await psql(orla.sqlUrl, { input: statements.join(";\n") + ";\n" });
    assert.equal(code, 0, stderr);
  },
  "node-postgres": async (statements) => {
    await using client = await session();
    for (const statement of statements) await client.rows(statement);
  },
  "node-postgres, prepared": async (statements) => {
    await using client = await session();
    for (const [n, text] of statements.entries()) {
      await client.client.query({ name: `s${n}`, text });
    }
  },
  "node-postgres, one string": async (statements) => {
    await using client = await session();
    await client.rows(statements.join("; "));
  },
  "postgres.js": async (statements) => {
    const sql = postgres(orla.sqlUrl, { max: 1, onnotice: () => {} });
    try {
      const back = new Error("back");
      const work = sql.begin(async (sql) => {
        for (const statement of statements.slice(1, -1)) await sql.unsafe(statement);
        throw back;
      });
      await assert.rejects(work, (thrown) => thrown === back);
    } finally {
      await sql.end();
    }
  },
};

for (const [client, run] of Object.entries(clients)) {
  Deno.test(`${client}: BEGIN … ROLLBACK leaves nothing, and takes nothing`, async () => {
    const kept = `kept_${client.replaceAll(/\W/g, "")}`;
    await using other = await session();
    await other.rows(create(kept, "kept"));
    const before = await everything();
    await run(takenBack(kept));
    assert.deepEqual(await everything(), before);
    assert.equal(await callJson(orla, kept), "kept");
    assert.equal((await callFunction(orla, "fleeting")).status, 404);
    assert.equal((await other.failure("SELECT fleeting()")).code, "42883");
  });
}

Deno.test("statements in one query string are one implicit transaction", async () => {
  await using client = await session();
  const before = await everything();
  const half = `CREATE TABLE together (n int); INSERT INTO together VALUES (1);
    ${create("together", "yes")}`;
  const broken = [
    `${half}; SELECT 1/0`,
    `${half}; CREATE EDGE FUNCTION wrong LANGUAGE javascript AS $$ export default ( $$`,
    `${half}; ${create("together", "twice")}`,
    `${half}; DROP EDGE FUNCTION nosuch`,
    `SELECT 1; SELECT 2; ${create("together", "yes")}; SELECT together(); SELECT nosuch`,
  ];
  for (const text of broken) {
    await client.failure(text);
    const { code } = await psql(orla.sqlUrl, { commands: [text] });
    assert.notEqual(code, 0);
    assert.deepEqual(await everything(), before, text);
  }
  // And when nothing is wrong, all of it is there, its own rows included.
  const { stdout, code } = await psql(orla.sqlUrl, {
    commands: [`${half}; SELECT n, together() FROM together`],
    args: ["-At"],
  });
  assert.deepEqual([code, stdout], [
    0,
    "CREATE TABLE\nINSERT 0 1\nCREATE EDGE FUNCTION\n1|yes\n",
  ]);
  assert.equal(await callJson(orla, "together"), "yes");
});

Deno.test("a function and the table it is for go live together, and work inside before", async () => {
  await using client = await session();
  await using other = await session();
  await client.rows(
    "CREATE TABLE users (email text); INSERT INTO users VALUES ('ada@example.org')",
  );
  await client.rows("BEGIN");
  await client.rows("ALTER TABLE users ADD COLUMN domain text");
  await client.rows(
    `CREATE EDGE FUNCTION domain_of(email text) RETURNS text LANGUAGE typescript AS $$
       export const main = (email: string): string => email.split("@")[1] ?? "" $$`,
  );
  await client.rows("UPDATE users SET domain = domain_of(email)");
  assert.deepEqual(await client.rows("SELECT domain FROM users"), [{ domain: "example.org" }]);

  assert.equal((await other.failure("SELECT domain_of('x@y')")).code, "42883");
  assert.deepEqual(await other.rows("LIST EDGE FUNCTIONS WHERE name = 'domain_of'"), []);
  assert.equal((await callFunction(orla, "domain_of")).status, 404);
  await client.rows("COMMIT");
  assert.equal(await callJson(orla, "domain_of", "x@y"), "y");
  assert.deepEqual(await other.rows("SELECT domain, domain_of(email) AS again FROM users"), [
    { domain: "example.org", again: "example.org" },
  ]);
});

Deno.test("two hundred commits, each met by the very next HTTP call", async () => {
  await using client = await session();
  const sql = postgres(orla.sqlUrl, { max: 1 });
  try {
    await client.rows(create("current", "0"));
    const stale: string[] = [];
    for (let n = 1; n <= 200; n++) {
      const says = String(n);
      // Every way a change can be committed.
      switch (n % 4) {
        case 0:
          await client.rows(change("current", says));
          break;
        case 1:
          await client.rows("BEGIN");
          await client.rows(change("current", says));
          await client.rows("COMMIT");
          break;
        case 2:
          await client.rows(`SELECT 1; ${change("current", says)}`);
          break;
        case 3:
          await sql.begin((sql) => sql.unsafe(change("current", says)));
          break;
      }
      const answer = await callJson(orla, "current");
      if (answer !== says) stale.push(`${says}: ${answer}`);
    }
    assert.deepEqual(stale, []);
  } finally {
    await sql.end();
  }
});

Deno.test("savepoints take back what came after them, and only that", async () => {
  await using client = await session();
  await client.rows(create("marked", "first"));
  await client.rows("BEGIN");
  await client.rows(create("before_mark", "yes"));
  await client.rows("SAVEPOINT mark");
  await client.rows(create("after_mark", "no"));
  await client.rows(change("marked", "second"));
  assert.equal(await client.value("SELECT marked()"), "second");
  assert.equal((await client.failure("DROP EDGE FUNCTION nosuch")).code, "42883");
  await client.rows("ROLLBACK TO mark");
  assert.equal(await client.value("SELECT marked()"), "first");
  await client.rows(change("marked", "third"));
  await client.rows("RELEASE mark");
  await client.rows("COMMIT");
  assert.equal(await callJson(orla, "marked"), "third");
  assert.equal(await callJson(orla, "before_mark"), "yes");
  assert.equal((await callFunction(orla, "after_mark")).status, 404);
  assert.deepEqual(
    await client.rows(
      "SELECT version, current FROM system.edge_function_versions WHERE function_id = 'marked' ORDER BY 1",
    ),
    [{ version: 1, current: false }, { version: 2, current: true }],
  );
});

Deno.test("a transaction goes on seeing the versions of its snapshot", async () => {
  await using reader = await session();
  await using writer = await session();
  await writer.rows(create("snapshot", "old"));
  await reader.rows("BEGIN ISOLATION LEVEL REPEATABLE READ");
  assert.equal(await reader.value("SELECT snapshot()"), "old");
  await writer.rows(change("snapshot", "new"));
  assert.equal(await reader.value("SELECT snapshot()"), "old");
  assert.equal(await writer.value("SELECT snapshot()"), "new");
  assert.equal(await callJson(orla, "snapshot"), "new");
  await reader.rows("COMMIT");
  assert.equal(await reader.value("SELECT snapshot()"), "new");
});

Deno.test("of two sessions that create the same function, the second waits for the first", async () => {
  await using first = await session();
  await using second = await session();
  const race = async (end: "COMMIT" | "ROLLBACK", name: string): Promise<unknown> => {
    await first.rows("BEGIN");
    await first.rows(create(name, "first"));
    const late = second.rows(create(name, "second")).then(() => "created", ({ code }) => code);
    await waitingForLock(orla.databaseUrl);
    await first.rows(end);
    return await late;
  };
  assert.equal(await race("COMMIT", "raced"), "42723");
  assert.equal(await callJson(orla, "raced"), "first");
  assert.equal(await race("ROLLBACK", "raced_again"), "created");
  assert.equal(await callJson(orla, "raced_again"), "second");
});

Deno.test("many sessions at once: no change is lost, no function mixed up", async () => {
  await using client = await session();
  await client.rows(create("shared", "0"));
  const sessions = await Promise.all(Array.from({ length: 12 }, session));
  const errors: string[] = [];
  await Promise.all(sessions.map(async (own: SqlSession, n) => {
    const name = `own_${n}`;
    await own.rows("BEGIN");
    await own.rows(create(name, name));
    assert.equal(await own.value(`SELECT ${name}()`), name);
    await own.rows(n % 3 === 0 ? "ROLLBACK" : "COMMIT");
    for (let round = 0; round < 4; round++) {
      await own.rows(change("shared", `${n}.${round}`)).catch(({ code, message }) =>
        errors.push(`${code} ${message}`)
      );
    }
    await own.close();
  }));
  assert.deepEqual(errors, []);
  for (let n = 0; n < sessions.length; n++) {
    if (n % 3 === 0) assert.equal((await callFunction(orla, `own_${n}`)).status, 404);
    else assert.equal(await callJson(orla, `own_${n}`), `own_${n}`);
  }
  const versions = await client.rows(
    "SELECT version, code FROM system.edge_function_versions WHERE function_id = 'shared' ORDER BY 1",
  );
  assert.deepEqual(
    versions.map(({ version }) => version),
    Array.from({ length: 1 + 12 * 4 }, (_, n) => n + 1),
  );
  assert.equal(new Set(versions.map(({ code }) => code)).size, versions.length);
});
