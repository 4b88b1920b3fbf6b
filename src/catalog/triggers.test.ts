import assert from "node:assert/strict";
import {
  CREATE,
  createRequest,
  refusal,
  startTestServer,
  type TestDatabase,
} from "./test-database.ts";

const APPLY = "CALL edge.apply($1, $2)";

const at = (name: string, schema: string | null = null) => ({ schema, name, position: 7 });

function request(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    ...at("t"),
    orReplace: false,
    kind: "queue",
    spec: { queue: "q" },
    sourcePosition: 30,
    function: at("f"),
    arguments: null,
    options: {},
    secret: null,
    ...fields,
  });
}

const http = (path: string, fields: Record<string, unknown> = {}) =>
  request({
    kind: "http",
    signed: ["hmac"],
    auths: {},
    positions: {},
    spec: { method: "GET", path, route: path.replaceAll(/:\w+/g, ":"), host: null },
    ...fields,
  });

async function listed(db: TestDatabase): Promise<unknown[]> {
  const { rows } = await db.admin.query(
    "SELECT name, kind, function_id, source, enabled, options FROM system.edge_triggers ORDER BY name",
  );
  return rows;
}

Deno.test("the registry of triggers", async (t) => {
  await using server = await startTestServer();
  const test = (name: string, body: (db: TestDatabase) => Promise<void>) =>
    t.step(name, async () => {
      await using db = await server.createDatabase();
      await db.admin.query(CREATE, [createRequest({ parameters: "a jsonb", returns: "jsonb" })]);
      await body(db);
    });

  await test("create, alter, switch, drop", async (db) => {
    await db.admin.query(APPLY, ["create_trigger", request({ options: { concurrency: 2 } })]);
    const created = {
      name: "t",
      kind: "queue",
      function_id: "f",
      source: "q",
      enabled: true,
      options: { concurrency: 2 },
    };
    assert.deepEqual(await listed(db), [created]);
    const change = {
      options: { rate: "5/s" },
      kinds: { RATE: ["queue"] },
      defaults: [],
      known: { rate: { name: "RATE" } },
    };
    await db.admin.query(APPLY, ["alter_trigger", JSON.stringify({ ...at("t"), ...change })]);
    await db.admin.query(APPLY, [
      "switch_trigger",
      JSON.stringify({ ...at("t"), enabled: false }),
    ]);
    assert.deepEqual(await listed(db), [{
      ...created,
      enabled: false,
      options: { concurrency: 2, rate: "5/s" },
    }]);
    const wrong = { ...change, kinds: { RATE: ["database"] } };
    assert.equal(
      (await refusal(
        db.admin.query(APPLY, ["alter_trigger", JSON.stringify({ ...at("t"), ...wrong })]),
      )).message,
      "a queue trigger has no option RATE",
    );
    const drop = JSON.stringify({ names: [at("t")], ifExists: false });
    await db.admin.query(APPLY, ["drop_trigger", drop]);
    assert.deepEqual(await listed(db), []);
    assert.equal((await refusal(db.admin.query(APPLY, ["drop_trigger", drop]))).code, "42704");
  });

  await test("a rollback leaves nothing, and a secret is in no view", async (db) => {
    await db.admin.query("BEGIN");
    await db.admin.query(APPLY, [
      "create_trigger",
      http("/a", { secret: "whsec_1", options: { auth: "hmac" } }),
    ]);
    assert.equal(JSON.stringify(await listed(db)).includes("whsec_1"), false);
    await db.admin.query("ROLLBACK");
    assert.deepEqual(await listed(db), []);
  });

  await test("a route that is taken names who has it", async (db) => {
    await db.admin.query(APPLY, ["create_trigger", http("/a/:id")]);
    const found = await refusal(
      db.admin.query(APPLY, ["create_trigger", http("/a/:other", at("u"))]),
    );
    assert.deepEqual([found.code, found.message, found.dataType], [
      "42710",
      "trigger t answers GET /a/:id already",
      "orla:30",
    ]);
    await db.admin.query(APPLY, ["create_trigger", http("/a/b", at("u"))]);
    // The same trigger may take its own route again.
    await db.admin.query(APPLY, ["create_trigger", http("/a/:x", { orReplace: true })]);
  });

  await test("found again in a restored database, and followed without event triggers", async (db) => {
    await db.admin.query(
      'CREATE SCHEMA s; CREATE TABLE s.rows (id int, mail text); CREATE ROLE "Re stored"',
    );
    const on = (name: string, fields: Record<string, unknown>) =>
      db.admin.query(APPLY, ["create_trigger", request({ ...at(name, "s"), ...fields })]);
    await on("q", {});
    await on("r", {
      schema: null,
      kind: "database",
      spec: {
        ...{
          timing: "before",
          events: [{ operation: "insert", columns: [] }],
          forEach: "row",
          when: null,
        },
        table: at("rows", "s"),
      },
      arguments: [{ kind: "column", row: "new", column: "mail", position: 1 }],
    });
    // What a restore does to oids; and then renames that no event trigger sees.
    await db.admin.query(`UPDATE edge.identity SET identity = 'elsewhere';
      UPDATE edge.triggers SET pg_trigger = CASE WHEN pg_trigger IS NOT NULL THEN 1 END, schema_id = 1;
      ALTER EVENT TRIGGER orla_follow_table DISABLE; ALTER EVENT TRIGGER orla_follow_alter DISABLE;
      SELECT edge.rebind();
      ALTER TABLE s.rows RENAME COLUMN mail TO address; ALTER TRIGGER r ON s.rows RENAME TO renamed;
      ALTER SCHEMA s RENAME TO moved; SELECT edge.follow()`);
    const { rows } = await db.admin.query(
      `SELECT name, schema_name, arguments -> 0 ->> 'column' AS column
      FROM edge.triggers ORDER BY trigger_id`,
    );
    assert.deepEqual(rows, [
      { name: "q", schema_name: "moved", column: null },
      { name: "renamed", schema_name: "moved", column: "address" },
    ]);
  });

  await test("others may neither take a function they cannot call nor change a trigger", async (db) => {
    await db.admin.query("REVOKE EXECUTE ON FUNCTION f FROM PUBLIC");
    await db.admin.query("CREATE ROLE bob LOGIN; GRANT CREATE ON SCHEMA public TO bob");
    await db.admin.query(APPLY, ["create_trigger", request()]);
    await db.admin.query("SET ROLE bob");
    for (
      const [command, body] of [
        ["create_trigger", request(at("u"))],
        ["switch_trigger", JSON.stringify({ ...at("t"), enabled: false })],
        ["drop_trigger", JSON.stringify({ names: [at("t")], ifExists: true })],
      ]
    ) {
      assert.equal(
        (await refusal(db.admin.query(APPLY, [command, body]))).code,
        "42501",
        String(command),
      );
    }
    assert.equal(
      (await refusal(db.admin.query("SELECT * FROM edge.trigger_secrets"))).code,
      "42501",
    );
  });
});
