import assert from "node:assert/strict";
import pg from "pg";
import { silentLogger } from "../base/log.ts";
import { checkDatabase, problemsOf } from "./check-database.ts";
import { migrate } from "./migrate.ts";
import { createRequest, startTestServer } from "./test-database.ts";
import { startTestEndpoint } from "./test-endpoint.ts";

Deno.test("migrations", async (t) => {
  await using server = await startTestServer();

  await t.step("two nodes may start at once, and again", async () => {
    await using db = await server.createDatabase("empty");
    const sessions = await Promise.all([db.connect(), db.connect(), db.connect()]);
    await Promise.all(sessions.map(({ client }) => migrate(client, silentLogger)));
    await Promise.all(sessions.map(({ client }) => migrate(client, silentLogger)));
    const { rows } = await db.admin.query("SELECT number FROM edge.migrations ORDER BY number");
    assert.deepEqual(rows.map(({ number }) => number), rows.map((_, index) => index + 1));
    assert.ok(rows.length > 0);
  });

  await t.step("a database of a newer release is refused", async () => {
    await using db = await server.createDatabase();
    await db.admin.query(
      "INSERT INTO edge.migrations (number, name, checksum) VALUES (9000, 'later', 'x')",
    );
    await assert.rejects(migrate(db.admin, silentLogger), /newer release \(migration 9000-later\)/);
  });

  await t.step("a migration that was changed afterwards is refused", async () => {
    await using db = await server.createDatabase();
    await db.admin.query("UPDATE edge.migrations SET checksum = 'x' WHERE number = 2");
    await assert.rejects(migrate(db.admin, silentLogger), /migration 2-functions of this release/);
  });

  await t.step("the database check leaves a fitting database alone", async () => {
    await using db = await server.createDatabase("empty");
    assert.deepEqual(await checkDatabase(db.admin), []);
    const { rows } = await db.admin.query("SELECT FROM pg_namespace WHERE nspname ~ '^edge'");
    assert.equal(rows.length, 0);
    await migrate(db.admin, silentLogger);
    assert.deepEqual(await checkDatabase(db.admin), []);
  });

  await t.step(
    "the database check says what an ordinary login lacks, and its SQL mends it",
    async () => {
      await using db = await server.createDatabase("empty");
      await db.admin.query("CREATE SCHEMA extensions; CREATE EXTENSION dblink SCHEMA extensions");
      const owner = await db.connect("platform");
      const problems = await checkDatabase(owner.client);
      assert.deepEqual(problems.map(({ problem }) => problem.split(" ").slice(0, 4).join(" ")), [
        "platform may not create",
        "platform is not a",
        "dblink is installed in",
      ]);
      for (const { fix } of problems) await db.admin.query(fix);
      assert.deepEqual(await checkDatabase(owner.client), []);
    },
  );

  await t.step("problems of every kind have a fix", () => {
    const problems = problemsOf({
      version: 130_004,
      encoding: "LATIN1",
      user: "u",
      database: "d",
      standby: true,
      can_create_schemas: false,
      superuser: false,
      can_create_roles: false,
      has_admin_role: false,
      is_admin: null,
      schemas: 1,
      foreign_schemas: "system",
      dblink_schema: null,
      dblink_available: false,
    });
    assert.equal(problems.length, 7);
    for (const { fix } of problems) assert.notEqual(fix, "");
  });

  await t.step("works for a platform login that is not a superuser", async () => {
    await using db = await server.createDatabase("empty");
    const platform = await db.connect("platform");
    await db.admin.query(`GRANT CREATE ON DATABASE "${db.config.database}" TO platform;
      GRANT orla_admin TO platform; CREATE SCHEMA edge_dblink AUTHORIZATION platform;
      CREATE EXTENSION dblink SCHEMA edge_dblink; GRANT CREATE ON SCHEMA public TO PUBLIC`);
    assert.deepEqual(await checkDatabase(platform.client), []);
    await migrate(platform.client, silentLogger);
    const ann = await db.connect("ann");
    await db.admin.query("GRANT orla_admin TO ann");
    await using node = await startTestEndpoint({
      password: String(await platform.value("SELECT password FROM edge.callback")),
      answer: (_header, input) => ({ state: "ok", body: JSON.stringify(JSON.parse(input)[0]) }),
    });
    await platform.query(
      `INSERT INTO edge.nodes (node_id, region, version, callback_host, callback_port)
       VALUES ('one', 'local', '0', '127.0.0.1', $1)`,
      [node.port],
    );
    await ann.query("SELECT edge.create_function($1)", [createRequest()]);
    assert.equal(await ann.value("SELECT f('x')"), "x");
    // Without event triggers nodes follow what happens to the Postgres functions.
    await ann.query("ALTER FUNCTION f RENAME TO g");
    await platform.query("SELECT edge.follow()");
    assert.equal(await ann.value("SELECT name FROM system.edge_functions"), "g");
    await ann.query("SELECT edge.create_function($1)", [
      createRequest({ name: "g", parameters: "a int", returns: "int", orReplace: true }),
    ]);
    assert.equal(await ann.value("SELECT g(7)"), 7);
    await ann.query(`SELECT edge.drop_function('{"names": [{"name": "g"}]}')`);
    assert.equal(await ann.value("SELECT count(*)::int FROM system.edge_functions"), 0);
  });

  await t.step("functions are found again in a restored database", async () => {
    await using db = await server.createDatabase();
    const session = await db.connect();
    for (const name of ["a", "b"]) {
      await session.query("SELECT edge.create_function($1)", [createRequest({ name })]);
    }
    // What a restore does to them: other oids, here each the other's, in another cluster.
    await session.query(`
      UPDATE edge.identity SET identity = 'elsewhere';
      UPDATE edge.functions SET wrapper = CASE name WHEN 'a' THEN 'b'::regproc ELSE 'a'::regproc END`);
    await migrate(db.admin, silentLogger);
    assert.deepEqual(
      await session.query("SELECT name FROM edge.functions WHERE wrapper::regproc::text = name"),
      [{ name: "a" }, { name: "b" }],
    );
    await session.query("ALTER FUNCTION a RENAME TO c");
    assert.deepEqual(
      await session.query("SELECT name FROM system.edge_functions ORDER BY name"),
      [{ name: "b" }, { name: "c" }],
    );
  });

  await t.step("a failing migration says which, and leaves the lock", async () => {
    await using db = await server.createDatabase("empty");
    await db.admin.query("CREATE SCHEMA edge; CREATE TABLE edge.functions ()");
    await assert.rejects(migrate(db.admin, silentLogger), /migration 2-functions failed/);
    await db.admin.query("DROP TABLE edge.functions");
    const other = new pg.Client(db.config);
    await other.connect();
    await migrate(other, silentLogger);
    await other.end();
  });
});
