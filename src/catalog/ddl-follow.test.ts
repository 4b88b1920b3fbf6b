import assert from "node:assert/strict";
import {
  CREATE,
  createRequest,
  inventory,
  refusal,
  startTestServer,
  type TestDatabase,
  testsWithDatabase,
} from "./test-database.ts";

Deno.test("edge functions among other people's DDL", async (t) => {
  await using server = await startTestServer();
  const test = testsWithDatabase(t, server);

  await test("plain DDL on the Postgres function is followed", async (session, db) => {
    await session.query("CREATE SCHEMA shop");
    await session.query(CREATE, [createRequest()]);
    await session.query("ALTER FUNCTION f RENAME TO g");
    await session.query("ALTER FUNCTION g SET SCHEMA shop");
    await session.query("ALTER SCHEMA shop RENAME TO store");
    assert.deepEqual(
      await session.query("SELECT function_id, namespace, name FROM system.edge_functions"),
      [{ function_id: "store/g", namespace: "store", name: "g" }],
    );
    await session.query("BEGIN; DROP SCHEMA store CASCADE; ROLLBACK");
    assert.equal((await inventory(db)).length, 3);
    await session.query("DROP SCHEMA store CASCADE");
    assert.deepEqual(await inventory(db), []);
    await session.query(CREATE, [createRequest()]);
    await session.query("DROP FUNCTION f");
    assert.deepEqual(await inventory(db), []);
  });

  await test("of two sessions that create one name the second is refused", async (session, db) => {
    const other = await db.connect();
    await session.query("BEGIN");
    await session.query(CREATE, [createRequest()]);
    const second = refusal(other.query(CREATE, [createRequest()]));
    await waitForLock(db);
    await session.query("COMMIT");
    assert.equal((await second).code, "42723");
  });

  await test("versions cannot be changed, not even by a superuser's UPDATE", async (session) => {
    await session.query(CREATE, [createRequest()]);
    for (const statement of ["UPDATE edge.versions SET code = ''", "DELETE FROM edge.versions"]) {
      assert.equal((await refusal(session.query(statement))).code, "55000");
    }
    assert.equal((await refusal(session.query("TRUNCATE edge.versions CASCADE"))).code, "55000");
  });

  await test("ids are never used twice", async (session) => {
    await session.query("BEGIN");
    await session.query(CREATE, [createRequest()]);
    await session.query("ROLLBACK");
    const reply = await session.value(CREATE, [createRequest()]);
    assert.deepEqual(
      [(reply as { functionId: string }).functionId, (reply as { versionId: string }).versionId],
      ["2", "2"],
    );
  });

  await test("a read-only transaction creates nothing", async (session) => {
    await session.query("BEGIN READ ONLY");
    const { code, message } = await refusal(session.query(CREATE, [createRequest()]));
    assert.deepEqual([code, message], [
      "25006",
      "cannot execute CREATE EDGE FUNCTION in a read-only transaction",
    ]);
    await session.query("ROLLBACK");
  });
});

/** Returns once some session waits for a lock. */
async function waitForLock(database: TestDatabase): Promise<void> {
  while (true) {
    const { rows } = await database.admin.query(
      "SELECT FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    if (rows.length > 0) return;
  }
}
