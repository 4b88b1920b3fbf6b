import assert from "node:assert/strict";
import { defaultOptions } from "../functions/option-table.ts";
import { OrlaError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { type Catalog, openCatalog } from "./catalog.ts";
import { createRequest, startTestServer, type TestDatabase } from "./test-database.ts";

const CREATE = "SELECT edge.create_function($1)";
/** Longer than any test: what is seen is seen by notification or by asking. */
const NEVER_MS = 3_600_000;

const open = (database: TestDatabase, checkEveryMs = NEVER_MS): Promise<Catalog> =>
  openCatalog({ connection: database.config, log: silentLogger, checkEveryMs });

/** Resolves at the next change that `when` accepts. */
function change(catalog: Catalog, when: (functionId: string) => boolean = () => true) {
  return new Promise<string | null>((resolve) => {
    const stop = catalog.onChange(({ functionId, current }) => {
      if (!when(functionId)) return;
      stop();
      resolve(current === null ? null : `${current.namespace}/${current.name}@${current.version}`);
    });
  });
}

Deno.test("a node's view of the catalog", async (t) => {
  await using server = await startTestServer();
  const test = (name: string, body: (database: TestDatabase) => Promise<void>) =>
    t.step(name, async () => {
      await using database = await server.createDatabase();
      await body(database);
    });

  await test("knows what there is at the start, whole", async (db) => {
    await db.admin.query(CREATE, [createRequest({ parameters: "a int", returns: "int" })]);
    await using catalog = await open(db);
    assert.deepEqual(catalog.find("default", "f"), {
      functionId: "1",
      versionId: "1",
      version: 1,
      namespace: "default",
      name: "f",
      language: "javascript",
      parameters: [{ name: "a", type: "integer" }],
      returns: "integer",
      code: "function main(a) { return a; }",
      module: { code: "function main(a) { return a; }", sourceMap: null, style: "main" },
      options: defaultOptions,
    });
    assert.equal(catalog.versionById("1"), catalog.find("default", "f"));
    assert.equal(catalog.find("default", "g"), undefined);
  });

  await test("hears of commits: create, alter, rename, drop", async (db) => {
    await using catalog = await open(db);
    const steps: [statement: string, values: unknown[], heard: string | null][] = [
      [CREATE, [createRequest()], "default/f@1"],
      [
        "SELECT edge.alter_function($1)",
        ['{"name": "f", "options": {"memoryMb": 64}}'],
        "default/f@2",
      ],
      ["SELECT edge.rollback_function($1)", ['{"name": "f", "version": 1}'], "default/f@3"],
      ["ALTER FUNCTION f RENAME TO g", [], "default/g@3"],
      ["DROP FUNCTION g", [], null],
    ];
    for (const [statement, values, expected] of steps) {
      const heard = change(catalog);
      await db.admin.query(statement, values);
      assert.equal(await heard, expected);
    }
    assert.equal(catalog.size, 0);
    assert.equal(catalog.find("default", "g"), undefined);
    // An old snapshot may still name them.
    assert.equal(catalog.versionById("2")?.options.memoryMb, 64);
  });

  await test("sync and resolve see every earlier commit", async (db) => {
    await using catalog = await open(db);
    const session = await db.connect();
    for (let n = 0; n < 20; n++) {
      await session.query(CREATE, [createRequest({ name: `f${n}` })]);
      await catalog.sync();
      assert.equal(catalog.find("default", `f${n}`)?.version, 1);
    }
    await session.query(CREATE, [createRequest({ name: "g" })]);
    assert.equal((await catalog.resolve("default", "g"))?.name, "g");
    assert.equal(await catalog.resolve("default", "h"), undefined);
    await Promise.all(Array.from({ length: 50 }, () => catalog.sync()));
  });

  await test("a change that commits after a later one is not missed", async (db) => {
    await using catalog = await open(db);
    const slow = await db.connect();
    const quick = await db.connect();
    await slow.query("BEGIN");
    await slow.query(CREATE, [createRequest({ name: "first" })]);
    await quick.query(CREATE, [createRequest({ name: "second" })]);
    await catalog.sync();
    assert.deepEqual([catalog.size, catalog.find("default", "second")?.functionId], [1, "2"]);
    await slow.query("COMMIT");
    await catalog.sync();
    assert.equal(catalog.find("default", "first")?.functionId, "1");
  });

  await test("functions may swap names in one transaction", async (db) => {
    await db.admin.query(CREATE, [createRequest({ name: "a" })]);
    await db.admin.query(CREATE, [createRequest({ name: "b" })]);
    await using catalog = await open(db);
    await db.admin.query(
      "ALTER FUNCTION a RENAME TO c; ALTER FUNCTION b RENAME TO a; ALTER FUNCTION c RENAME TO b",
    );
    await catalog.sync();
    assert.deepEqual(
      [catalog.find("default", "a")?.functionId, catalog.find("default", "b")?.functionId],
      ["2", "1"],
    );
  });

  await test("a lost notification is made good by the clock", async (db) => {
    await using catalog = await open(db, 20);
    const heard = change(catalog);
    await db.admin.query("BEGIN");
    await db.admin.query("ALTER TABLE edge.functions DISABLE TRIGGER announce");
    await db.admin.query(CREATE, [createRequest()]);
    await db.admin.query("INSERT INTO edge.changes SELECT 1, pg_current_xact_id()");
    await db.admin.query("COMMIT");
    assert.equal(await heard, "default/f@1");
  });

  await test("survives the loss of its connection", async (db) => {
    await using catalog = await open(db);
    const cut = async (): Promise<void> => {
      await db.admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orla catalog' AND datname = current_database()",
      );
    };
    for (const name of ["one", "two"]) {
      const heard = change(catalog);
      await cut();
      await db.admin.query(CREATE, [createRequest({ name })]);
      assert.equal(await heard, `default/${name}@1`);
    }
    await cut();
    await catalog.sync();
    assert.equal(catalog.isConnected, true);
  });

  await test("remembers versions that were sent along, within bounds", async (db) => {
    await using catalog = await open(db);
    await db.admin.query("BEGIN");
    await db.admin.query(CREATE, [createRequest()]);
    const { rows } = await db.admin.query("SELECT edge.definition(1) AS definition");
    await db.admin.query("ROLLBACK");
    assert.equal(catalog.versionById("1"), undefined);
    const version = catalog.remember(rows[0].definition);
    assert.equal(catalog.versionById("1"), version);
    assert.equal(catalog.find("default", "f"), undefined);
    for (let n = 2; n < 1000; n++) {
      catalog.remember({ ...rows[0].definition, versionId: String(n) });
    }
    assert.equal(catalog.versionById("1"), undefined);
    assert.throws(() => catalog.remember({ versionId: "1" }), OrlaError);
  });

  await test("registers a node, keeps it, withdraws it", async (db) => {
    const catalog = await open(db);
    const list = async () =>
      (await db.admin.query("SELECT node_id, region, alive, sandbox FROM system.edge_nodes")).rows;
    await catalog.registerNode({
      nodeId: "n1",
      region: "eu-west",
      version: "0.1.0",
      callbackHost: "/run/orla",
      callbackPort: 5432,
      sandbox: { level: "process" },
    });
    assert.deepEqual(await list(), [
      { node_id: "n1", region: "eu-west", alive: true, sandbox: { level: "process" } },
    ]);
    const { rows } = await db.admin.query("SELECT password FROM edge.callback");
    assert.equal(await catalog.callbackPassword(), rows[0].password);
    await catalog.close();
    assert.deepEqual(await list(), []);
  });

  await test("a row it cannot read does not take the others along", async (db) => {
    await db.admin.query(CREATE, [createRequest({ name: "a" })]);
    await db.admin.query(CREATE, [createRequest({ name: "b" })]);
    await db.admin.query("ALTER TABLE edge.versions DROP CONSTRAINT versions_style_check");
    await db.admin.query("ALTER TABLE edge.versions DISABLE TRIGGER immutable");
    await db.admin.query("UPDATE edge.versions SET style = 'of tomorrow' WHERE version_id = 1");
    await using catalog = await open(db);
    assert.deepEqual([catalog.size, catalog.find("default", "b")?.name], [1, "b"]);
  });

  await test("a wrong address is said at once", async (db) => {
    await assert.rejects(
      openCatalog({
        connection: { ...db.config, password: "wrong" },
        log: silentLogger,
      }),
      /password authentication failed/,
    );
  });
});
