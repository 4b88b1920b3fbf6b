/** WARM EDGE FUNCTION, from the statement to the nodes and back. */
import assert from "node:assert/strict";
import type pg from "pg";
import { OrlaError } from "../src/base/errors.ts";
import { startSqlRig } from "./sql-rig.ts";

const CREATE = "CREATE EDGE FUNCTION f LANGUAGE javascript AS $$ export const main = () => 1 $$";

async function refusal(query: Promise<unknown>) {
  const error = await query.then(() => undefined, (thrown: pg.DatabaseError) => thrown);
  assert.ok(error !== undefined, "it was not refused");
  const { code, message, hint, detail, position } = error;
  return { code, message, hint, detail, position };
}

Deno.test("WARM EDGE FUNCTION", async (t) => {
  let warm: (name: string) => Promise<void> = () => Promise.resolve();
  const warmed: string[] = [];
  await using rig = await startSqlRig({
    warm: async ({ name, version }) => {
      await warm(name);
      warmed.push(`${name} ${version}`);
    },
  });
  const client = await rig.connect();
  await client.query(CREATE);
  const test = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      warmed.length = 0;
      await run();
    });

  await test("asks the nodes, and answers with its tag when they are warm", async () => {
    for (const regions of ["", " IN REGIONS ('local')", " IN REGIONS ('local', 'local')"]) {
      const { command, rowCount } = await client.query(`WARM EDGE FUNCTION f${regions}`);
      assert.deepEqual([command, rowCount], ["WARM", null]);
    }
    assert.deepEqual(warmed, ["f 1", "f 1", "f 1"]);
  });

  await test("through the extended protocol, too", async () => {
    await client.query({ name: "warming", text: "WARM EDGE FUNCTION f", values: [] });
    await client.query({ name: "warming", text: "WARM EDGE FUNCTION f", values: [] });
    assert.equal(warmed.length, 2);
  });

  await test("in the transaction that makes the function, and its next version", async () => {
    await client.query("BEGIN");
    await client.query(CREATE.replace(" f ", " g "));
    await client.query("ALTER EDGE FUNCTION f SET TIMEOUT = 1s");
    await client.query("WARM EDGE FUNCTION g; WARM EDGE FUNCTION f");
    await client.query("ROLLBACK");
    assert.deepEqual(warmed, ["g 1", "f 2"]);
  });

  await test("an unknown region is named, with those there are", async () => {
    const statement = "WARM EDGE FUNCTION f IN REGIONS ('local', 'mars')";
    assert.deepEqual(await refusal(client.query(statement)), {
      code: "22023",
      message: "there is no node in region 'mars'",
      hint: "Regions with nodes: 'local'.",
      detail: undefined,
      position: String(statement.indexOf("mars") + 1),
    });
    assert.deepEqual(warmed, []);
  });

  await test("a function that does not exist, or that the caller may not execute", async () => {
    const missing = await refusal(client.query("WARM EDGE FUNCTION nobody"));
    assert.deepEqual([missing.code, missing.position], ["42883", "20"]);
    await client.query("REVOKE EXECUTE ON FUNCTION f FROM PUBLIC; CREATE ROLE guest");
    await client.query("SET ROLE guest");
    const denied = await refusal(client.query("WARM EDGE FUNCTION f"));
    assert.deepEqual([denied.code, denied.message], ["42501", "permission denied for function f"]);
    await client.query("RESET ROLE; GRANT EXECUTE ON FUNCTION f TO guest; SET ROLE guest");
    await client.query("WARM EDGE FUNCTION f");
    await client.query("RESET ROLE");
    assert.deepEqual(warmed, ["f 1"]);
  });

  await test("a node that cannot says why, and which it is", async () => {
    warm = () =>
      Promise.reject(new OrlaError("function_error", "Error: no luck", { hint: "Pray." }));
    assert.deepEqual(await refusal(client.query("WARM EDGE FUNCTION f")), {
      code: "38000",
      message: "Error: no luck",
      hint: "Pray.",
      detail: "On node test in region 'local'.",
      position: undefined,
    });
    warm = () => Promise.resolve();
  });

  await test("a cancelled statement ends at once, and leaves the session usable", async () => {
    warm = () => new Promise(() => {});
    const waiting = refusal(client.query("SET statement_timeout = '300ms'; WARM EDGE FUNCTION f"));
    assert.equal((await waiting).code, "57014");
    warm = () => Promise.resolve();
    await client.query("WARM EDGE FUNCTION f");
    await client.query("RESET statement_timeout");
  });

  await test("a node that is not there matters where its region has no other", async () => {
    const notices: string[] = [];
    client.on("notice", ({ message }) => message !== undefined && notices.push(message));
    const add = (id: string, region: string) =>
      client.query(
        `INSERT INTO edge.nodes (node_id, region, version, callback_host, callback_port)
         VALUES ($1, $2, '0', '127.0.0.1', 1)`,
        [id, region],
      );
    await add("gone", "local");
    await client.query("WARM EDGE FUNCTION f");
    assert.deepEqual(notices, ["node gone in region 'local' cannot be reached"]);
    await add("lonely", "mars");
    const error = await refusal(client.query("WARM EDGE FUNCTION f IN REGIONS ('mars')"));
    assert.deepEqual([error.code, error.message], [
      "08001",
      "no node in region 'mars' can be reached",
    ]);
    await client.query("DELETE FROM edge.nodes WHERE node_id <> 'test'");
  });

  await test("what has changed nothing leaves nothing open, and needs a writable transaction", async () => {
    const open = "SELECT edge_dblink.dblink_get_connections() AS open";
    assert.deepEqual((await client.query(open)).rows, [{ open: null }]);
    await client.query("BEGIN READ ONLY");
    const { code, message } = await refusal(client.query("WARM EDGE FUNCTION f"));
    assert.deepEqual([code, message], [
      "25006",
      "cannot execute WARM EDGE FUNCTION in a read-only transaction",
    ]);
    await client.query("ROLLBACK");
  });

  await client.end();
  assert.deepEqual(rig.errors, []);
});
