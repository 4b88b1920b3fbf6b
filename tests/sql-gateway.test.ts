/** The edge dialect through the SQL gateway, with real clients and the real catalog. */
import assert from "node:assert/strict";
import pg from "pg";
import postgres from "postgres";
import { Frontend } from "../src/pgwire/types.ts";
import { type SqlRig, startSqlRig } from "./sql-rig.ts";
import {
  bare,
  bind,
  concat,
  describePortal,
  errorOf,
  execute,
  parse,
  textOf,
  typesOf,
  WireClient,
} from "./wire-client.ts";

const code = "export default (a, b) => [a, b]";
const create = (name: string, tail = "") =>
  `CREATE EDGE FUNCTION ${name}(a int, b text) RETURNS jsonb LANGUAGE javascript ${tail} AS $$${code}$$`;

let rig: SqlRig;
Deno.test.beforeAll(async () => {
  // The bare protocol client below knows no passwords; the drivers give theirs and are not asked.
  rig = await startSqlRig({ postgres: { authentication: "trust" } });
});
Deno.test.afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  assert.deepEqual(rig.errors, []);
});

async function withClient(use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = await rig.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

async function failure(promise: Promise<unknown>): Promise<pg.DatabaseError> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof pg.DatabaseError) return thrown;
    throw thrown;
  }
  throw new Error("the statement was expected to fail");
}

/** 1-based character of the last `word`. */
function positionOf(text: string, word: string): string {
  return String([...text.slice(0, text.lastIndexOf(word))].length + 1);
}

Deno.test("a function is created, called, listed, altered, rolled back and dropped", async () => {
  await withClient(async (client) => {
    const created = await client.query(create("life"));
    assert.equal(created.command, "CREATE");
    assert.deepEqual([created.rows, created.fields], [[], []]);
    const called = await client.query("SELECT life(1, 'x') AS result");
    assert.deepEqual(called.rows, [{ result: [1, "x"] }]);
    const executed = await client.query("EXECUTE EDGE FUNCTION life(2, 'y')");
    assert.deepEqual(executed.rows, [{ life: [2, "y"] }]);
    const listed = await client.query("LIST EDGE FUNCTIONS WHERE function_id = $1", ["life"]);
    assert.equal(listed.rows.length, 1);
    const altered = await client.query("ALTER EDGE FUNCTION life SET MEMORY = 256MB");
    assert.equal(altered.command, "ALTER");
    assert.equal(rig.catalog.find("default", "life")?.options.memoryMb, 256);
    const rolledBack = await client.query("ROLLBACK EDGE FUNCTION life TO VERSION 1");
    assert.equal(rolledBack.command, "ROLLBACK");
    assert.equal(rig.catalog.find("default", "life")?.options.memoryMb, 128);
    assert.equal((await client.query("DROP EDGE FUNCTION life")).command, "DROP");
    assert.equal(rig.catalog.find("default", "life"), undefined);
  });
});

Deno.test("a commit is seen by the node before the client is told", async () => {
  await withClient(async (client) => {
    for (let i = 0; i < 10; i++) {
      await client.query("BEGIN");
      await client.query(create(`seen${i}`));
      assert.equal(rig.catalog.find("default", `seen${i}`), undefined);
      await client.query("COMMIT");
      assert.notEqual(rig.catalog.find("default", `seen${i}`), undefined);
    }
  });
});

Deno.test("a rollback leaves nothing, and a function works before its commit", async () => {
  await withClient(async (client) => {
    await client.query("BEGIN");
    await client.query(create("fleeting"));
    const { rows } = await client.query("SELECT fleeting(1, NULL) AS r");
    assert.deepEqual(rows, [{ r: [1, null] }]);
    await client.query("ROLLBACK");
    assert.equal((await failure(client.query("SELECT fleeting(1, NULL)"))).code, "42883");
  });
});

Deno.test("one string of mixed statements answers each in its place", async () => {
  await withClient(async (client) => {
    const text = `SELECT 1 AS n; ${create("mixed")}; SELECT mixed(3, ';') AS m;
      -- a comment; with EDGE FUNCTION in it
      EXECUTE EDGE FUNCTION mixed(4, $q$;$q$); DROP EDGE FUNCTION mixed; SELECT 'edge' AS e`;
    // node-postgres answers a multi-statement query with an array, which its types do not say.
    const results = await client.query(text) as unknown as pg.QueryResult[];
    assert.deepEqual(results.map(({ command, rows }) => [command, rows]), [
      ["SELECT", [{ n: 1 }]],
      ["CREATE", []],
      ["SELECT", [{ m: [3, ";"] }]],
      ["SELECT", [{ mixed: [4, ";"] }]],
      ["DROP", []],
      ["SELECT", [{ e: "edge" }]],
    ]);
  });
});

Deno.test("a multi-statement string is one transaction", async () => {
  await withClient(async (client) => {
    const text = `CREATE TABLE gone (); ${create("gone_too")}; SELECT 1/0`;
    assert.equal((await failure(client.query(text))).code, "22012");
    const { rows } = await client.query(
      "SELECT to_regclass('gone') AS t, to_regproc('gone_too') AS f",
    );
    assert.deepEqual(rows, [{ t: null, f: null }]);
  });
});

const mistakes: [name: string, text: string, state: string, at: string][] = [
  ["a wrong word", "/* 😀 é */ ALTER EDGE FUNCTION f SETT MEMORY = 1MB", "42601", "SETT"],
  ["a wrong word after statements", "SELECT 'é'; DROP EDGE FUNCTIONS f", "42601", "FUNCTIONS"],
  ["an unknown option", create("f", "MEMORI 1MB"), "22023", "MEMORI"],
  ["an option of the future", create("f", "TRACING = true"), "0A000", "TRACING"],
  ["an option out of range", create("f", "MEMORY 1MB"), "22023", "1MB"],
  ["code without a handler", "CREATE EDGE FUNCTION f LANGUAGE python AS 'x'", "42601", "x'"],
  ["an unknown language", "CREATE EDGE FUNCTION f LANGUAGE cobol AS 'x'", "22023", "cobol"],
  [
    "a syntax error of the code",
    "/* é */ CREATE EDGE FUNCTION f LANGUAGE javascript AS $x$\nexport default () => {\n  return ?;\n}$x$",
    "42601",
    "?",
  ],
  [
    "an unknown type",
    "CREATE EDGE FUNCTION f(a int, b nosuch) LANGUAGE javascript AS $$export default () => 1$$",
    "42704",
    "b nosuch",
  ],
  ["an unknown function", "SELECT 1; DROP EDGE FUNCTION nosuch", "42883", "nosuch"],
  ["Postgres' own complaint after an edge statement", `${create("f")}; SELECT é`, "42703", "é"],
  ["in a condition", "LIST EDGE FUNCTIONS WHERE true AND nosuch = 1", "42703", "nosuch"],
  ["in arguments", "EXECUTE EDGE FUNCTION f(1, wrong)", "42703", "wrong"],
  ["a missing function", "/* é */ EXECUTE EDGE FUNCTION nosuch(1)", "42883", "nosuch"],
];

for (const [name, text, state, at] of mistakes) {
  Deno.test(`the cursor points at the mistake: ${name}`, async () => {
    await withClient(async (client) => {
      const simple = await failure(client.query(text));
      assert.deepEqual([simple.code, simple.position], [state, positionOf(text, at)]);
      assert.equal(simple.dataType, undefined, "how the position came here does not show");
      if (text.includes("; ")) return;
      const extended = await failure(client.query({ text, name: "mistake" }));
      assert.deepEqual([extended.code, extended.position], [state, positionOf(text, at)]);
    });
  });
}

Deno.test("a mistake fails the transaction as any other", async () => {
  await withClient(async (client) => {
    for (const text of ["DROP EDGE FUNCTION", create("f", "MEMORY 1MB")]) {
      await client.query("BEGIN");
      await failure(client.query(text));
      assert.equal((await failure(client.query("SELECT 1"))).code, "25P02");
      await client.query("ROLLBACK");
    }
  });
});

Deno.test("code is judged by the rules of the function's own language", async () => {
  await withClient(async (client) => {
    const typed = "export default (a: number) => a";
    await client.query("BEGIN");
    await client.query(create("js"));
    await client.query(`CREATE EDGE FUNCTION ts(a int) LANGUAGE typescript AS $$${typed}$$`);
    await client.query(`ALTER EDGE FUNCTION ts SET CODE = $$${typed} + 1$$`);
    await client.query("COMMIT");
    const text = `ALTER EDGE FUNCTION js SET CODE = $$${typed}$$`;
    const error = await failure(client.query(text));
    assert.deepEqual([error.code, error.position], ["42601", positionOf(text, ": number")]);
    assert.equal(rig.catalog.find("default", "ts")?.version, 2);
    assert.equal(rig.catalog.find("default", "js")?.version, 1);
  });
});

Deno.test("named statements run as often as wanted", async () => {
  await withClient(async (client) => {
    const replace = create("again").replace("CREATE", "CREATE OR REPLACE");
    for (let i = 1; i <= 5; i++) {
      const { command } = await client.query({ name: "replace", text: replace });
      assert.equal(command, "CREATE");
      const { rows } = await client.query({
        name: "execute",
        text: "EXECUTE EDGE FUNCTION again($1, $2)",
        values: [i, "b"],
      });
      assert.deepEqual(rows, [{ again: [i, "b"] }]);
    }
  });
});

Deno.test("DDL completes under a row limit, and Describe says that it has no rows", async () => {
  const client = await WireClient.connect(rig.gateway.port);
  await client.receiveUntil("Z");
  const statement = create("limited").replace("CREATE", "CREATE OR REPLACE");
  await client.send(concat(parse("s", statement), bind("s"), describePortal(), execute(1)));
  await client.send(concat(bind("s"), describePortal(), execute(1), bare(Frontend.sync)));
  const messages = await client.receiveUntil("Z");
  assert.match(typesOf(messages), /^12nC2nN?CZ$/);
  const tags = messages.filter(({ type }) => type === "C").map(textOf);
  assert.deepEqual(tags, ["CREATE EDGE FUNCTION|", "CREATE EDGE FUNCTION|"]);
  client.close();
});

Deno.test("a mistake in a pipeline skips to Sync", async () => {
  const client = await WireClient.connect(rig.gateway.port);
  await client.receiveUntil("Z");
  await client.send(concat(
    ...[parse("", "SELECT 1"), bind(""), execute()],
    ...[parse("", "DROP EDGE FUNCTION nosuch"), bind(""), execute()],
    ...[parse("", "SELECT 2"), bind(""), execute(), bare(Frontend.sync)],
    ...[parse("", "LIST EDGE FUNCTIONS WHERE nosuch"), bare(Frontend.sync)],
  ));
  const messages = await client.receiveUntil("Z");
  assert.equal(typesOf(messages), "12DC12EZ");
  assert.equal(errorOf(messages[6]).position, "20");
  const next = await client.receiveUntil("Z");
  assert.equal(typesOf(next), "EZ");
  assert.equal(errorOf(next[0]).position, "27");
  client.close();
});

Deno.test("postgres.js works, with its pipelining", async () => {
  const sql = postgres(rig.url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(create("piped"));
    const answers = await Promise.all([
      sql`SELECT piped(1, 'a') AS r`,
      sql`EXECUTE EDGE FUNCTION piped(${2}, ${"b"})`,
      sql.unsafe("ALTER EDGE FUNCTION piped SET MEMORY = 64MB"),
      sql`SELECT 'edge' AS r`,
      sql.unsafe("ALTER EDGE FUNCTION piped SET MEMORY = nonsense").catch((error) => error.code),
      sql`LIST EDGE FUNCTIONS WHERE function_id = ${"piped"}`,
    ]);
    assert.deepEqual(answers[0][0], { r: [1, "a"] });
    assert.deepEqual(answers[1][0], { piped: [2, "b"] });
    assert.equal(answers[2].command, "ALTER EDGE FUNCTION");
    assert.deepEqual(answers[3][0], { r: "edge" });
    assert.equal(answers[4], "22023");
    assert.equal(answers[5].length, 1);
  } finally {
    await sql.end();
  }
});

Deno.test("psql shows the tags, and points at mistakes", async () => {
  const { stdout, stderr } = await psql(
    create("shown"),
    "SELECT shown(1, 'b')",
    "LIST EDGE FUNCTIONS WHERE nosuch",
    "DROP EDGE FUNCTION IF EXISTS missing, shown",
  );
  assert.equal(
    stdout,
    'CREATE EDGE FUNCTION\n  shown   \n----------\n [1, "b"]\n(1 row)\n\nDROP EDGE FUNCTION\n',
  );
  assert.equal(
    stderr.replaceAll(/^NOTICE:.*$/gm, "NOTICE"),
    `ERROR:  column "nosuch" does not exist\nLINE 1: LIST EDGE FUNCTIONS WHERE nosuch\n` +
      `${" ".repeat("LINE 1: LIST EDGE FUNCTIONS WHERE ".length)}^\nNOTICE\n`,
  );
});

async function psql(...statements: string[]): Promise<{ stdout: string; stderr: string }> {
  const output = await new Deno.Command("psql", {
    args: [rig.url, "-X", ...statements.flatMap((text) => ["-c", text])],
  }).output();
  const decoder = new TextDecoder();
  return { stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
}

Deno.test("the text may be ASCII in any client encoding, otherwise it must be UTF-8", async () => {
  await withClient(async (client) => {
    await client.query("SET client_encoding = LATIN1");
    await client.query(create("ascii"));
    const text = create("latin").replace("[a, b]", "'é'");
    const error = await failure(client.query(text));
    assert.equal(error.code, "0A000");
    assert.match(error.message, /client_encoding UTF8/);
    assert.deepEqual((await client.query("SELECT length('edge é') AS n")).rows, [{ n: 7 }]);
  });
});

Deno.test("backslashes mean what standard_conforming_strings says", async () => {
  await withClient(async (client) => {
    const text = String.raw`SELECT '\'; DROP EDGE FUNCTION f; --'`;
    assert.equal((await failure(client.query(text))).code, "42883", "two statements");
    await client.query("SET standard_conforming_strings = off; SET escape_string_warning = off");
    const { rows } = await client.query({ text, rowMode: "array" });
    assert.deepEqual(rows, [["'; DROP EDGE FUNCTION f; --"]]);
    await client.query(
      String
        .raw`CREATE EDGE FUNCTION slashed LANGUAGE javascript AS 'export default () => "\\\\ \'"'`,
    );
    const { rows: [row] } = await client.query("SELECT slashed() AS r");
    assert.deepEqual(row, { r: null });
    assert.equal(
      rig.catalog.find("default", "slashed")?.code,
      String.raw`export default () => "\\ '"`,
    );
  });
});
