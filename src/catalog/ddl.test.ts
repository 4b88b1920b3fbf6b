import assert from "node:assert/strict";
import {
  CREATE,
  createRequest,
  inventory,
  refusal,
  startTestServer,
  testsWithDatabase,
} from "./test-database.ts";

const ALTER = "SELECT edge.alter_function($1)";
const DROP = "SELECT edge.drop_function($1)";
const ROLLBACK = "SELECT edge.rollback_function($1)";
const EQUAL_VERSIONS = `SELECT count(DISTINCT to_jsonb(v)
    - '{version_id,version,created_at,created_by}'::text[]) = 1 AND count(*) = 2
  FROM edge.versions v JOIN edge.functions f USING (function_id)
  WHERE f.name = $1 AND v.version IN ($2, $3)`;

Deno.test("DDL of edge functions", async (t) => {
  await using server = await startTestServer();
  const test = testsWithDatabase(t, server);

  await test("CREATE makes function, first version and Postgres function", async (session, db) => {
    const reply = await session.value(CREATE, [createRequest({ parameters: "a int, b text" })]);
    assert.deepEqual(reply, {
      functionId: "1",
      versionId: "1",
      version: 1,
      namespace: "default",
      name: "f",
      change: "created",
    });
    assert.deepEqual(await inventory(db), [
      "function public.f",
      "version 1",
      "wrapper f(integer,text)",
    ]);
  });

  await test("without a signature it takes one JSON payload", async (session) => {
    await session.query(CREATE, [createRequest({ parameters: null, returns: null })]);
    assert.equal(
      await session.value(`SELECT pg_get_function_arguments('f'::regproc)
        || ' → ' || pg_get_function_result('f'::regproc)`),
      "payload jsonb DEFAULT NULL::jsonb → jsonb",
    );
  });

  await test("ALTER sees limits that contradict each other only together", async (session) => {
    await session.query(CREATE, [createRequest({ options: { minInstances: 0, maxInstances: 2 } })]);
    const request = JSON.stringify({ name: "f", position: 10, options: { minInstances: 3 } });
    const { code, message, dataType } = await refusal(session.query(ALTER, [request]));
    assert.deepEqual([code, message, dataType], [
      "22023",
      "MIN_INSTANCES (3) must not be more than MAX_INSTANCES (2)",
      "orla:10",
    ]);
  });

  await test("a second CREATE is refused, OR REPLACE makes a version", async (session, db) => {
    await session.query(CREATE, [createRequest()]);
    assert.equal(
      (await refusal(session.query(CREATE, [createRequest({ code: "2" })]))).hint,
      "CREATE OR REPLACE EDGE FUNCTION makes a new version of it.",
    );
    const oid = await session.value("SELECT 'f'::regproc::oid");
    await session.query("GRANT EXECUTE ON FUNCTION f TO pg_monitor");
    await session.query(CREATE, [createRequest({ code: "2", orReplace: true })]);
    assert.equal(await session.value("SELECT 'f'::regproc::oid"), oid);
    assert.deepEqual(await inventory(db), [
      "function public.f",
      "version 1",
      "version 2",
      "wrapper f(text)",
    ]);
    await session.query(CREATE, [createRequest({ code: "2", orReplace: true })]);
    assert.deepEqual(session.notices, ["edge function f is unchanged"]);
  });

  await test("a warm cache larger than MAX_INSTANCES allows is noticed", async (session) => {
    await session.query(CREATE, [createRequest({
      options: { coldStartOptimization: true, warmCacheSize: 100, minInstances: 2 },
    })]);
    assert.deepEqual(session.notices, [
      "WARM_CACHE_SIZE is 100, but MAX_INSTANCES leaves room for 6 on each node",
    ]);
    const change = { name: "f", options: { maxInstances: 200 } };
    await session.query(ALTER, [change]);
    assert.equal(session.notices.length, 1);
  });

  await test("an ordinary function of the same signature is not touched", async (session) => {
    await session.query("CREATE FUNCTION f(text) RETURNS text LANGUAGE sql AS 'SELECT $1'");
    const { code, message } = await refusal(session.query(CREATE, [createRequest()]));
    assert.deepEqual([code, message], ["42723", "function public.f(text) already exists"]);
    assert.equal(await session.value("SELECT f('mine')"), "mine");
    await session.query(CREATE, [createRequest({ parameters: "a int" })]);
  });

  await test("a new signature keeps owner and grants", async (session, db) => {
    const ann = await db.connect("ann");
    await db.admin.query("GRANT orla_admin TO ann");
    await ann.query(CREATE, [createRequest()]);
    await ann.query("REVOKE EXECUTE ON FUNCTION f FROM PUBLIC");
    await ann.query("GRANT EXECUTE ON FUNCTION f TO pg_monitor WITH GRANT OPTION");
    await session.query(CREATE, [createRequest({ parameters: "a int, b int", orReplace: true })]);
    assert.equal(
      await session.value("SELECT 'f'::regproc::regprocedure::text"),
      "f(integer,integer)",
    );
    assert.deepEqual(
      await session.query(
        "SELECT proowner::regrole::text AS owner, proacl::text AS acl FROM pg_proc WHERE proname = 'f'",
      ),
      [{ owner: "ann", acl: "{ann=X/ann,pg_monitor=X*/ann}" }],
    );
  });

  await test(
    "dependents stop a new signature and a DROP, CASCADE takes them along",
    async (session, db) => {
      await session.query(CREATE, [createRequest()]);
      await session.query("CREATE VIEW v AS SELECT f('x')");
      const replaced = await refusal(
        session.query(CREATE, [createRequest({ parameters: "a int", orReplace: true })]),
      );
      assert.equal(replaced.code, "2BP01");
      const drop = (
        behavior: string,
      ) => [JSON.stringify({ names: [{ schema: null, name: "f" }], behavior })];
      const { code, detail } = await refusal(session.query(DROP, drop("restrict")));
      assert.deepEqual([code, detail], [
        "2BP01",
        "view public.v depends on function public.f(text)",
      ]);
      assert.equal((await inventory(db)).length, 3);
      assert.deepEqual(await session.value(DROP, drop("cascade")), { dropped: 1 });
      assert.deepEqual(await inventory(db), []);
      assert.equal(await session.value("SELECT to_regclass('v')"), null);
    },
  );

  await test("ROLLBACK, also to a savepoint, leaves nothing", async (session, db) => {
    await session.query("BEGIN");
    await session.query(CREATE, [createRequest()]);
    await session.query("ROLLBACK");
    assert.deepEqual(await inventory(db), []);
    await session.query("BEGIN");
    await session.query(CREATE, [createRequest({ name: "kept" })]);
    await session.query("SAVEPOINT s");
    await session.query(CREATE, [createRequest({ name: "gone" })]);
    await session.query("ROLLBACK TO s");
    await session.query("COMMIT");
    assert.deepEqual(await inventory(db), [
      "function public.kept",
      "version 1",
      "wrapper kept(text)",
    ]);
  });

  await test("ALTER merges options, picks the module of the language", async (session) => {
    await session.query(CREATE, [createRequest({ language: "typescript" })]);
    const reply = await session.value(ALTER, [JSON.stringify({
      schema: null,
      name: "f",
      options: { memoryMb: 256, description: "said" },
      code: "let a: number",
      modules: {
        javascript: { error: { sqlstate: "42601", message: "no types here" } },
        typescript: { error: { sqlstate: "42601", message: "it has parameters" } },
        typescriptWithParameters: { code: "let a", sourceMap: null, style: "web" },
      },
    })]);
    assert.equal((reply as { version: number }).version, 2);
    assert.deepEqual(
      await session.query(`SELECT version, memory_mb, timeout_ms, description, code
      FROM system.edge_functions`),
      [{
        version: 2,
        memory_mb: 256,
        timeout_ms: 30_000,
        description: "said",
        code: "let a: number",
      }],
    );
    const wrong = await refusal(session.query(ALTER, [JSON.stringify({
      name: "f",
      code: "?",
      modules: {
        typescript: { error: { sqlstate: "42601", message: "bad", hint: "mend it", position: 33 } },
      },
    })]));
    assert.deepEqual(wrong, {
      code: "42601",
      message: "bad",
      hint: "mend it",
      detail: undefined,
      dataType: "orla:33",
    });
  });

  await test("ALTER that changes nothing says so", async (session) => {
    await session.query(CREATE, [createRequest()]);
    const reply = await session.value(ALTER, ['{"name": "f", "options": {"memoryMb": 128}}']);
    assert.equal((reply as { change: string }).change, "unchanged");
    assert.deepEqual(session.notices, ["edge function f is unchanged"]);
    assert.equal(await session.value("SELECT count(*)::int FROM edge.versions"), 1);
  });

  await test(
    "ROLLBACK makes a new version equal to an old one, its signature too, and can be undone",
    async (session, db) => {
      await session.query(CREATE, [createRequest()]);
      await session.query(CREATE, [createRequest({ parameters: "a int", orReplace: true })]);
      const reply = await session.value(ROLLBACK, ['{"name": "f", "version": 1}']);
      assert.deepEqual([
        (reply as { version: number }).version,
        (reply as { change: string }).change,
      ], [
        3,
        "rolled_back",
      ]);
      assert.equal((await inventory(db)).at(-1), "wrapper f(text)");
      assert.equal(await session.value(EQUAL_VERSIONS, ["f", 1, 3]), true);
      await session.query(ROLLBACK, ['{"name": "f", "version": 2}']);
      assert.equal((await inventory(db)).at(-1), "wrapper f(integer)");
      assert.equal(await session.value(EQUAL_VERSIONS, ["f", 2, 4]), true);
      assert.equal(await session.value("SELECT version FROM system.edge_functions"), 4);
      const { code, message, hint } = await refusal(
        session.query(ROLLBACK, ['{"name": "f", "version": 9}']),
      );
      assert.deepEqual([code, message, hint], [
        "42704",
        "edge function f has no version 9",
        "Existing versions: 1, 2, 3, 4.",
      ]);
    },
  );

  await test("what does not exist is said with help", async (session) => {
    const { code, message, dataType } = await refusal(
      session.query(ALTER, ['{"name": "g", "position": 5}']),
    );
    assert.deepEqual([code, message, dataType], [
      "42883",
      "edge function g does not exist",
      "orla:5",
    ]);
    await session.query("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    assert.match(
      String((await refusal(session.query(DROP, ['{"names": [{"name": "g"}]}']))).hint),
      /ordinary Postgres function/,
    );
    await session.query(DROP, ['{"names": [{"name": "g"}], "ifExists": true}']);
    assert.deepEqual(session.notices, ["edge function g does not exist, skipping"]);
  });

  await test("names and types follow the caller's search_path", async (session, db) => {
    await session.query(
      "CREATE SCHEMA one; CREATE SCHEMA two; CREATE TYPE two.mood AS ENUM ('so')",
    );
    await session.query("SET search_path = one, two, public");
    await session.query(CREATE, [createRequest({ parameters: "m mood" })]);
    assert.deepEqual(await inventory(db), [
      "function one.f",
      "version 1",
      "wrapper one.f(two.mood)",
    ]);
    await session.query(CREATE, [createRequest({ schema: "public" })]);
    await session.query(DROP, ['{"names": [{"name": "f"}]}']);
    assert.deepEqual((await inventory(db))[0], "function public.f");
    await session.query("SET search_path = nowhere");
    assert.equal((await refusal(session.query(CREATE, [createRequest()]))).code, "3F000");
  });

  await test("a type named text in front of Postgres's own is the one meant", async (session) => {
    await session.query("CREATE SCHEMA mine; CREATE DOMAIN mine.text AS int");
    await session.query("SET search_path = mine, pg_catalog");
    await session.query(CREATE, [createRequest({ returns: "pg_catalog.text" })]);
    assert.deepEqual(
      await session.query("SELECT parameters, returns FROM system.edge_functions"),
      [{ parameters: [{ name: "a", type: "mine.text" }], returns: "text" }],
    );
  });

  await test("the gateway's CALL reports its tag as INFO, whatever the client's settings", async (session) => {
    await session.query("SET client_min_messages = error");
    await session.query("CALL edge.apply('create_function', $1)", [createRequest()]);
    await session.query("CALL edge.apply('drop_function', $1)", ['{"names": [{"name": "f"}]}']);
    assert.deepEqual(session.notices, ["CREATE EDGE FUNCTION", "DROP EDGE FUNCTION"]);
  });
});
