import assert from "node:assert/strict";
import { startTestEndpoint } from "./test-endpoint.ts";
import { CREATE, createRequest, refusal, startTestServer } from "./test-database.ts";

Deno.test("who may do what", async (t) => {
  await using server = await startTestServer();
  await using db = await server.createDatabase();
  const root = await db.connect();
  const mallory = await db.connect("mallory");
  const ann = await db.connect("ann");
  const password = await root.value("SELECT password FROM edge.callback");
  const calls: { role: string; v: string }[] = [];
  await using node = await startTestEndpoint({
    password: String(password),
    answer: ({ role, v }, input) => {
      calls.push({ role, v });
      return { state: "ok", body: JSON.stringify(JSON.parse(input)[0] ?? null) };
    },
  });
  await root.query(
    `INSERT INTO edge.nodes (node_id, region, version, callback_host, callback_port)
     VALUES ('one', 'local', '0', '127.0.0.1', $1)`,
    [node.port],
  );
  await root.query("GRANT orla_admin TO ann; CREATE SCHEMA mallory AUTHORIZATION mallory");
  await ann.query(CREATE, [createRequest({ name: "secret", code: "hidden" })]);
  await ann.query(CREATE, [createRequest({ name: "open" })]);
  await ann.query("REVOKE EXECUTE ON FUNCTION secret FROM PUBLIC");

  await t.step("creating needs orla_admin and CREATE on the schema", async () => {
    const { code, hint } = await refusal(mallory.query(CREATE, [createRequest()]));
    assert.deepEqual([code, hint], [
      "42501",
      "GRANT orla_admin TO mallory lets this role create edge functions.",
    ]);
    const { message } = await refusal(ann.query(CREATE, [createRequest({ schema: "mallory" })]));
    assert.equal(message, "permission denied for schema mallory");
  });

  await t.step("changing needs the owner's rights", async () => {
    for (
      const statement of [
        `SELECT edge.alter_function('{"name": "open", "options": {"memoryMb": 64}}')`,
        `SELECT edge.rollback_function('{"name": "open", "version": 1}')`,
        `SELECT edge.drop_function('{"names": [{"name": "open"}]}')`,
        `SELECT edge.drop_function('{"names": [{"name": "open"}], "ifExists": true}')`,
        `SELECT edge.create_function('${createRequest({ name: "open", orReplace: true })}')`,
        "DROP FUNCTION open",
      ]
    ) {
      assert.equal((await refusal(mallory.query(statement))).code, "42501", statement);
    }
    assert.equal(await root.value("SELECT count(*)::int FROM edge.versions"), 2);
  });

  await t.step(
    "ALLOW_NET needs orla_network, and stays when somebody else changes the rest",
    async () => {
      const named = (allowNet: readonly string[], more = {}) =>
        createRequest({ name: "networked", options: { allowNet }, ...more });
      const denied = async (work: Promise<unknown>) => {
        const { code, message, hint } = await refusal(work);
        assert.deepEqual([code, message, hint], [
          ...["42501", "permission denied to set ALLOW_NET"],
          "GRANT orla_network TO ann lets this role set it.",
        ]);
      };
      const alter = (options: object) =>
        ann.query("SELECT edge.alter_function($1)", [
          JSON.stringify({ name: "networked", options }),
        ]);
      await denied(ann.query(CREATE, [named(["10.0.0.1"])]));
      await ann.query(CREATE, [named([])]);
      await denied(alter({ allowNet: ["10.0.0.1"] }));
      await root.query("GRANT orla_network TO ann");
      await alter({ allowNet: ["10.0.0.1"] });
      await root.query("REVOKE orla_network FROM ann");
      await alter({ memoryMb: 64 });
      await ann.query(CREATE, [named(["10.0.0.1"], { orReplace: true, code: "changed" })]);
      await denied(alter({ allowNet: ["10.0.0.1", "10.0.0.2"] }));
      await alter({ allowNet: [] });
      // A version that had it comes back with the right alone.
      await denied(
        ann.query(`SELECT edge.rollback_function('{"name": "networked", "version": 2}')`),
      );
      await ann.query("DROP FUNCTION networked");
    },
  );

  await t.step("calling needs EXECUTE on the Postgres function", async () => {
    assert.equal((await refusal(mallory.query("SELECT secret('x')"))).code, "42501");
    assert.equal(await mallory.value("SELECT open('x')"), "x");
    await ann.query("GRANT EXECUTE ON FUNCTION secret TO mallory");
    assert.equal(await mallory.value("SELECT secret('x')"), "x");
    await ann.query("REVOKE EXECUTE ON FUNCTION secret FROM mallory");
  });

  const closed = {
    "the password": "SELECT password FROM edge.callback",
    "the nodes' addresses": "SELECT callback_port FROM edge.nodes",
    "the nodes": "SELECT * FROM system.edge_nodes",
    "the tables": "SELECT code FROM edge.versions",
    "a change of the tables": "UPDATE edge.functions SET name = 'x'",
    "dblink's functions": "SELECT edge_dblink.dblink_send_query('orla', '{\"v\":\"1\"}')",
    "a definition": "SELECT edge.definition(1)",
    "a version made by hand":
      "SELECT edge.insert_version(f, '{}', 'ann') FROM (SELECT NULL::edge.functions) x(f)",
    "the connection": "SELECT edge.connect()",
    "edge.call": "SELECT edge.call(1, '[]', 'postgres')",
    "edge.invoke without EXECUTE": "SELECT edge.invoke(1, '[]')",
    "a DDL step in another's name":
      `INSERT INTO edge.ddl (operation, request, caller) VALUES ('drop', '{"name": "open"}', 'ann')`,
    "a DDL step with another's path":
      `INSERT INTO edge.ddl (operation, request, path) VALUES ('drop', '{"name": "open"}', '{public}')`,
    "functions in edge": "CREATE FUNCTION edge.invoke() RETURNS int LANGUAGE sql AS 'SELECT 1'",
  };
  for (const [what, statement] of Object.entries(closed)) {
    await t.step(`others do not reach ${what}`, async () => {
      assert.equal((await refusal(mallory.query(statement))).code, "42501");
    });
  }

  const forgeries = {
    "a name that looks like edge.invoke's": `
      CREATE FUNCTION mallory."edge.invoke(bigint,jsonb)"() RETURNS jsonb LANGUAGE plpgsql AS
        $$ BEGIN RETURN edge.call(1, '["x"]', 'ann'); END $$;
      SELECT mallory."edge.invoke(bigint,jsonb)"()`,
    "the same name in another schema": `
      SET search_path = mallory;
      CREATE FUNCTION mallory.invoke(bigint, jsonb) RETURNS jsonb LANGUAGE plpgsql AS
        $$ BEGIN RETURN edge.call($1, $2, 'ann'); END $$;
      SELECT invoke(1, '["x"]')`,
    "a name with a line break": `
      CREATE FUNCTION mallory."x
PL/pgSQL function edge.invoke(bigint,jsonb) line 1 at RETURN"() RETURNS jsonb LANGUAGE sql AS
        $$ SELECT edge.call(1, '["x"]', 'ann') $$;
      SELECT mallory."x
PL/pgSQL function edge.invoke(bigint,jsonb) line 1 at RETURN"()`,
    // As if the expression of edge.invoke had failed before in this transaction.
    "an expression with a line break": `
      CREATE FUNCTION mallory.expressed(function_id bigint, arguments jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
        BEGIN RETURN (SELECT edge.call(function_id, arguments, 'ann') FROM (SELECT '
"edge.call(function_id, arguments, CURRENT_USER) AS called_by_invoke"
PL/pgSQL function edge.invoke(bigint,jsonb) line 3 at RETURN') x); END $$;
      SELECT mallory.expressed(1, '["x"]')`,
    "our expression in another function": `
      CREATE FUNCTION mallory.copied(function_id bigint, arguments jsonb) RETURNS jsonb LANGUAGE plpgsql AS
        $$ BEGIN RETURN edge.call(function_id, arguments, CURRENT_USER) AS called_by_invoke; END $$;
      DO $$ BEGIN BEGIN PERFORM mallory.copied(1, NULL); EXCEPTION WHEN OTHERS THEN
        PERFORM mallory.copied(1, '["x"]'); END; END $$`,
    "a statement with a line break": `
      DO $$ BEGIN EXECUTE '/*
PL/pgSQL function edge.invoke(bigint,jsonb) line 1 at RETURN
*/ SELECT edge.call(1, ''["x"]'', ''ann'')'; END $$`,
  };
  for (const [what, statements] of Object.entries(forgeries)) {
    await t.step(`${what} does not open edge.call`, async () => {
      const before = calls.length;
      await mallory.query("BEGIN");
      const { code } = await refusal(mallory.query(statements));
      await mallory.query("ROLLBACK");
      assert.equal(code, "42501");
      assert.equal(calls.length, before);
    });
  }

  await t.step("a quote after our expression, as its frame has one, is no SQL", async () => {
    for (const alias of ["called_by_invoke", "called_by_invoke "]) {
      const { code } = await refusal(mallory.query(`
        CREATE FUNCTION mallory.quoted(function_id bigint, arguments jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
          BEGIN RETURN edge.call(function_id, arguments, CURRENT_USER) AS ${alias}"
PL/pgSQL function edge.invoke(bigint,jsonb) line 3 at RETURN"; END $$`));
      assert.equal(code, "42601");
    }
  });

  await t.step("a creation that skips the Postgres function cannot commit", async () => {
    await ann.query("BEGIN");
    await ann.query("INSERT INTO edge.ddl (operation, request) VALUES ('create', $1)", [
      createRequest({ name: "half" }),
    ]);
    assert.equal((await refusal(ann.query("COMMIT"))).code, "55000");
  });

  await t.step("a function of another owner cannot be bound", async () => {
    await root.query("GRANT orla_admin TO mallory");
    await mallory.query("BEGIN");
    const found = await refusal(
      mallory.query(
        `INSERT INTO edge.ddl (operation, request) VALUES ('bind', '{"functionId": 1}')`,
      ),
    );
    await mallory.query("ROLLBACK");
    await root.query("REVOKE orla_admin FROM mallory");
    assert.equal(found.code, "55000");
  });

  const roleOf = async (work: Promise<unknown>): Promise<string | undefined> => {
    await work;
    return calls.at(-1)?.role;
  };
  await t.step("the node hears of the role that is really in force", async () => {
    assert.equal(await roleOf(mallory.query("SELECT open('x')")), "mallory");
    await root.query("SET ROLE mallory");
    assert.equal(await roleOf(root.query("SELECT open('x')")), "mallory");
    await root.query("RESET ROLE");
    await mallory.query(`CREATE FUNCTION mallory.as_me() RETURNS text LANGUAGE sql SECURITY DEFINER
      AS $$ SELECT public.open('x') $$`);
    assert.equal(await roleOf(root.query("SELECT mallory.as_me()")), "mallory");
    // Maintenance by a superuser runs the owner's code: it must not run it as superuser.
    await mallory.query("CREATE MATERIALIZED VIEW mallory.m AS SELECT public.open('x')");
    assert.equal(await roleOf(root.query("REFRESH MATERIALIZED VIEW mallory.m")), "mallory");
  });

  await t.step("a superuser's maintenance creates nothing for others", async () => {
    await mallory.query(`
      CREATE FUNCTION mallory.trap() RETURNS jsonb LANGUAGE plpgsql AS
        $f$ BEGIN RETURN edge.create_function($j$${
      createRequest({ name: "trap", schema: "public" })
    }$j$); END $f$`);
    await mallory.query("CREATE MATERIALIZED VIEW mallory.t AS SELECT mallory.trap() WITH NO DATA");
    const { code } = await refusal(root.query("REFRESH MATERIALIZED VIEW mallory.t"));
    assert.equal(code, "42501");
  });

  await t.step("casts and checks of a type run as the caller", async () => {
    await mallory.query(`
      CREATE FUNCTION mallory.spy(int) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN RAISE NOTICE 'spy is %', CURRENT_USER; RETURN true; END $$;
      CREATE DOMAIN mallory.watched AS int CHECK (mallory.spy(VALUE))`);
    await root.query("GRANT USAGE ON SCHEMA mallory TO PUBLIC");
    await ann.query(CREATE, [
      createRequest({ name: "watch", parameters: "a int", returns: "mallory.watched" }),
    ]);
    await ann.query("SELECT watch(1)");
    assert.deepEqual(ann.notices, ["spy is ann"]);
  });

  await t.step("code is shown to its owner and to administrators only", async () => {
    const read = "SELECT code FROM system.edge_functions WHERE name = 'secret'";
    assert.equal(await mallory.value(read), null);
    assert.equal(
      await mallory.value(
        read.replace("functions", "function_versions")
          .replace("name =", "function_id ="),
      ),
      null,
    );
    assert.equal(await ann.value(read), "hidden");
    assert.equal(await root.value(read), "hidden");
  });
});
