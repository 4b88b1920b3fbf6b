/** Whose rights statements have, and that no statement gets others. */
import assert from "node:assert/strict";
import { silentLogger } from "../../base/log.ts";
import { migrate } from "../../catalog/migrate.ts";
import {
  createRequest,
  refusal as databaseRefusal,
  startTestServer,
} from "../../catalog/test-database.ts";
import { HostCallError } from "../../functions/host-services.ts";
import { OrlaError } from "../../base/errors.ts";
import { startTestAccess } from "./test-access.ts";

/** What went wrong, as the function is told; fails when nothing did. */
async function refusal(work: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof HostCallError) return thrown.fields;
    if (thrown instanceof OrlaError) return { code: thrown.code, message: thrown.message };
    throw thrown;
  }
  assert.fail("it was allowed");
}

const WHO = "SELECT current_user || '/' || left(session_user, 7)";

Deno.test("identity", async (t) => {
  await using server = await startTestServer();
  await using db = await server.createDatabase();
  const root = await db.connect();
  await root.query(`
    CREATE ROLE ann LOGIN; CREATE ROLE ben; CREATE ROLE reader;
    GRANT reader TO ann;
    CREATE TABLE notes (owner name DEFAULT current_user, note text);
    INSERT INTO notes VALUES ('ann', 'of ann'), ('ben', 'of ben');
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON notes USING (owner = current_user);
    GRANT SELECT, INSERT ON notes TO ann, ben;
    CREATE TABLE plain (x int)`);
  await using access = startTestAccess(db, { connections: 3, connectionsPerFunction: 3 });

  await t.step("the caller's role applies, with row-level security", async () => {
    using ann = access.invoke({ role: "ann" });
    using ben = access.invoke({ role: "ben" });
    assert.equal(await ann.value(WHO), "ann/orla_as");
    assert.deepEqual((await ann.query("SELECT note FROM notes")).rows, [["of ann"]]);
    assert.deepEqual((await ben.query("SELECT note FROM notes")).rows, [["of ben"]]);
    await ann.query("INSERT INTO notes (note) VALUES ($1)", ["new"]);
    assert.equal(await ann.value("SELECT owner FROM notes WHERE note = 'new'"), "ann");
  });

  await t.step("HTTP callers are orla_anon or orla_service", async () => {
    using anon = access.invoke();
    using service = access.invoke({ service: true });
    assert.equal(await anon.value(WHO), "orla_anon/orla_as");
    const denied = await refusal(anon.query("SELECT * FROM plain"));
    assert.equal(denied["code"], "42501");
    assert.match(String(denied["hint"]), /acts as role "orla_anon".*GRANT/);
    assert.equal(await service.value(WHO), "orla_service/orla_as");
    // What the platform's role makes in public serves it, row-level security or not.
    assert.equal(await service.value("SELECT count(*)::int FROM notes"), 3);
  });

  await t.step("nobody acts as the platform, nor as who could become it", async () => {
    await root.query(`
      CREATE ROLE chief; GRANT postgres TO chief; CREATE ROLE deputy; GRANT chief TO deputy;
      CREATE ROLE archivist; GRANT pg_read_all_data TO archivist`);
    for (const role of ["postgres", "chief", "deputy", "archivist"]) {
      using invocation = access.invoke({ role });
      assert.equal(await invocation.value("SELECT current_user"), "orla_service", role);
    }
    const { code } = await databaseRefusal(root.query("SELECT edge.open_login('chief', 0)"));
    assert.equal(code, "42501");
  });

  await t.step("an unknown role, and no call at all, have no access", async () => {
    using nobody = access.invoke({ role: "nobody" });
    assert.equal((await refusal(nobody.query("SELECT 1")))["code"], "forbidden");
  });

  await t.step("SERVICE_ROLE gives the owner's rights, and nothing else does", async () => {
    await root.query("GRANT orla_admin TO ann; GRANT CREATE ON SCHEMA public TO ann");
    const functionId = String(
      await (async () => {
        await root.query("SET ROLE ann");
        const made = await root.value("SELECT edge.create_function($1)->>'functionId'", [
          createRequest({ name: "f" }),
        ]);
        await root.query("RESET ROLE");
        return made;
      })(),
    );
    using with_ = access.invoke({ role: "ben", functionId, serviceRole: true });
    assert.equal(await with_.value(WHO, [], { as: "service" }), "ann/orla_as");
    assert.equal(await with_.value(WHO), "ben/orla_as");
    using without = access.invoke({ role: "ben", functionId });
    assert.equal((await refusal(without.query(WHO, [], { as: "service" })))["code"], "forbidden");
    using anon = access.invoke({ functionId, serviceRole: true });
    assert.equal(await anon.value("SELECT current_user", [], { as: "service" }), "ann");
  });

  const escapes = [
    "RESET ROLE",
    "SET ROLE NONE",
    "SET ROLE ben",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET SESSION AUTHORIZATION ben",
    "SET SESSION AUTHORIZATION postgres",
    "SET LOCAL ROLE ben",
    "RESET ALL",
    "DISCARD ALL",
    "COMMIT",
    "ROLLBACK",
    "END; SET ROLE ben",
    "SELECT set_config('role', 'ben', false)",
    "SELECT set_config('session_authorization', 'postgres', false)",
    "DO $$ BEGIN EXECUTE 'RESET ROLE'; EXECUTE 'SET ROLE ben'; END $$",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE SESSION_USER SUPERUSER",
    "ALTER ROLE SESSION_USER CREATEROLE",
    "ALTER ROLE SESSION_USER VALID UNTIL 'infinity'",
    "ALTER ROLE SESSION_USER CONNECTION LIMIT 100",
    "GRANT ben TO CURRENT_USER",
    "GRANT ben TO SESSION_USER",
    "GRANT orla_service TO ann",
    "SET ROLE orla_service",
    "SELECT edge.open_login('ben', 0)",
    "SELECT secret FROM edge.login_secret",
    "SELECT rolpassword FROM pg_authid",
    "UPDATE pg_auth_members SET roleid = 10",
    "COPY plain FROM PROGRAM 'id'",
    "SELECT pg_read_file('/etc/passwd')",
    "CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SET ROLE ben'; RETURN current_user; END $$",
  ];
  for (const sql of escapes) {
    await t.step(`${sql} leads nowhere`, async () => {
      using ann = access.invoke({ role: "ann" });
      const { session } = await ann.call("open", {}) as { session: number };
      await ann.query(sql, [], { session }).catch(() => {});
      const who = String(
        await ann.value("SELECT current_user", [], { session }).catch(() => "ann"),
      );
      assert.ok(who === "ann" || who.startsWith("orla_as_"), who);
      if (who !== "ann") {
        // The login itself is nobody: it owns and inherits nothing.
        assert.equal(
          (await refusal(ann.query("SELECT * FROM notes", [], { session })))["code"],
          "42501",
        );
      }
      for (const role of ["ben", "postgres", "orla_service", "orla_anon"]) {
        const { code } = await refusal(ann.query(`SET ROLE ${role}`, [], { session }));
        assert.equal(code, "42501", role);
      }
    });
  }

  await t.step("several statements in one text are refused", async () => {
    using ann = access.invoke({ role: "ann" });
    const { code } = await refusal(ann.query("SELECT 1; RESET ROLE"));
    assert.equal(code, "42601");
  });

  await t.step("a trigger that waits for the commit is no other user", async () => {
    using ann = access.invoke({ role: "ann" });
    await root.query("CREATE SCHEMA ann AUTHORIZATION ann; GRANT USAGE ON SCHEMA ann TO PUBLIC");
    await ann.query("CREATE TABLE ann.seen (who text, login text)");
    await ann.query("CREATE TABLE ann.t (x int)");
    await ann.query(`CREATE FUNCTION ann.late() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO ann.seen VALUES (current_user, left(session_user, 7)); RETURN NULL; END $$`);
    await ann.query(`CREATE CONSTRAINT TRIGGER late AFTER INSERT ON ann.t
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ann.late()`);
    await ann.query("INSERT INTO ann.t VALUES (1)");
    assert.deepEqual((await ann.query("SELECT * FROM ann.seen")).rows, [["ann", "orla_as"]]);
  });

  await t.step("what a function does to its login lasts no longer than its session", async () => {
    await root.query("CREATE ROLE cat; GRANT reader TO cat WITH ADMIN OPTION");
    const login = await (async () => {
      await using first = startTestAccess(db);
      using cat = first.invoke({ role: "cat" });
      const { session } = await cat.call("open", {}) as { session: number };
      const name = String(await cat.value("SELECT session_user", [], { session }));
      await cat.query(`GRANT reader TO ${name}`, [], { session });
      for (
        const sql of [
          "SET ROLE NONE",
          "ALTER ROLE SESSION_USER PASSWORD 'mine'",
          "ALTER ROLE SESSION_USER SET search_path = ann",
          "ALTER ROLE SESSION_USER SET statement_timeout = 1",
          "ALTER ROLE SESSION_USER SET role = 'reader'",
        ]
      ) await cat.query(sql, [], { session });
      return name;
    })();
    const settings = () =>
      root.value("SELECT count(*)::int FROM pg_db_role_setting WHERE setrole = $1::regrole", [
        login,
      ]);
    assert.equal(await settings(), 1);
    await using second = startTestAccess(db);
    using again = second.invoke({ role: "cat" });
    assert.equal(await again.value("SELECT session_user"), login);
    assert.equal(await again.value("SELECT current_user"), "cat");
    assert.equal(await again.value("SHOW search_path"), '"$user", public');
    assert.equal(await again.value("SHOW statement_timeout"), "0");
    assert.equal(await settings(), 0);
    const roles =
      "SELECT array_agg(roleid::regrole::text) FROM pg_auth_members WHERE member = $1::regrole";
    assert.deepEqual(await root.value(roles, [login]), ["cat"]);
    const validUntil =
      "SELECT rolvaliduntil < now() + interval '31 s' FROM pg_roles WHERE rolname = $1";
    assert.equal(await root.value(validUntil, [login]), true);
  });

  await t.step("who is called as one role neither sees nor ends others of that role", async () => {
    using one = access.invoke({ functionId: "1" });
    using other = access.invoke({ functionId: "2" });
    const session = (await one.call("open", {}) as { session: number }).session;
    const victim = (await other.call("open", {}) as { session: number }).session;
    const pid = await other.value("SELECT pg_backend_pid()", [], { session: victim });
    await one.query("SET ROLE NONE", [], { session });
    for (const role of ["none", "orla_anon"]) {
      await one.query(`SET ROLE ${role}`, [], { session });
      const { code } = await refusal(
        one.query("SELECT pg_terminate_backend($1)", [pid], { session }),
      );
      assert.equal(code, "42501");
      const text = await one.value("SELECT query FROM pg_stat_activity WHERE pid = $1", [pid], {
        session,
      });
      assert.equal(text, "<insufficient privilege>");
    }
    assert.equal(await other.value("SELECT 1", [], { session: victim }), 1);
  });

  await t.step("nothing is left for the next user of a connection", async () => {
    await using narrow = startTestAccess(db, { connections: 1, connectionsPerFunction: 1 });
    const pids = new Set<unknown>();
    {
      using ann = narrow.invoke({ role: "ann", functionId: "1" });
      const { session } = await ann.call("open", {}) as { session: number };
      for (
        const sql of [
          "CREATE TEMP TABLE left_over AS SELECT 'secret' AS x",
          "PREPARE left_statement AS SELECT 'secret'",
          "SET search_path = pg_temp",
          "SET my.secret = 'x'",
          "SET statement_timeout = '1ms'",
          "LISTEN secrets",
          "SELECT pg_advisory_lock(4711)",
          "DECLARE left_cursor CURSOR WITH HOLD FOR SELECT 'secret'",
          "SET ROLE NONE",
          "BEGIN",
        ]
      ) await ann.query(sql, [], { session });
      pids.add(await ann.value("SELECT pg_backend_pid()", [], { session }));
    }
    using next = narrow.invoke({ role: "ann", functionId: "2" });
    pids.add(await next.value("SELECT pg_backend_pid()"));
    assert.equal(pids.size, 1, "it is the same connection");
    assert.equal(await next.value("SELECT current_user"), "ann");
    assert.equal(await next.value("SELECT to_regclass('pg_temp.left_over')"), null);
    assert.equal(
      await next.value("SELECT count(*)::int FROM pg_prepared_statements WHERE from_sql"),
      0,
    );
    assert.equal(await next.value("SELECT count(*)::int FROM pg_cursors WHERE is_holdable"), 0);
    assert.equal(await next.value("SHOW search_path"), '"$user", public');
    assert.equal(await next.value("SELECT current_setting('my.secret', true)"), "");
    assert.equal(await next.value("SHOW statement_timeout"), "0");
    assert.equal(await next.value("SELECT count(*)::int FROM pg_listening_channels()"), 0);
    assert.equal(
      await root.value(
        "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711",
      ),
      0,
    );
  });

  await t.step("a bare login that calls a function is the role it stands for", async () => {
    const login = await root.value("SELECT login FROM edge.open_login('ann', 7)");
    assert.equal(await root.value("SELECT edge.acting_role($1)", [login]), "ann");
    using nested = access.invoke({ role: String(login) });
    assert.equal(await nested.value("SELECT current_user"), "ann");
    const { code } = await databaseRefusal(root.query("SELECT edge.open_login($1, 0)", [login]));
    assert.equal(code, "42501");
    // Whoever is only called like one is not believed.
    await root.query("CREATE ROLE orla_as_1_10_0");
    assert.equal(await root.value("SELECT edge.acting_role('orla_as_1_10_0')"), "orla_as_1_10_0");
    await root.query("DROP ROLE orla_as_1_10_0");
  });

  await t.step("logins of roles that are gone go, too", async () => {
    await root.query("CREATE ROLE shortlived");
    {
      await using brief = startTestAccess(db);
      using invocation = brief.invoke({ role: "shortlived" });
      await invocation.query("SELECT 1");
    }
    const id = await root.value("SELECT 'shortlived'::regrole::oid::int");
    const logins = () =>
      root.value("SELECT count(*)::int FROM pg_roles WHERE rolname ~ $1", [`_${id}_`]);
    assert.equal(await logins(), 1);
    await root.query("DROP ROLE shortlived");
    await root.query("CREATE ROLE another");
    await root.query("SELECT edge.open_login('another', 0)");
    assert.equal(await logins(), 0);
  });
});

Deno.test("a platform that is no superuser", async (t) => {
  await using server = await startTestServer();
  await using db = await server.createDatabase("empty");
  const root = await db.connect();
  const { password } = server.postgres;
  await root.query(`
    CREATE ROLE platform LOGIN CREATEROLE PASSWORD '${password}';
    GRANT orla_admin TO platform;
    GRANT CREATE ON DATABASE ${db.config.database} TO platform;
    CREATE SCHEMA edge_dblink AUTHORIZATION platform; CREATE EXTENSION dblink SCHEMA edge_dblink;
    CREATE ROLE ann; CREATE ROLE ben`);
  const platform = await db.connect("platform");
  // Roles are the server's: those of the template's migration belong to its superuser.
  await root.query(
    `GRANT orla_anon, orla_service, ann TO platform WITH ADMIN OPTION, INHERIT FALSE`,
  );
  await migrate(platform.client, silentLogger);
  await using access = startTestAccess({ ...db, admin: platform.client });

  await t.step("lets functions act as the roles it administers", async () => {
    for (
      const [options, role] of [[{}, "orla_anon"], [{ service: true }, "orla_service"], [{
        role: "ann",
      }, "ann"]] as const
    ) {
      using invocation = access.invoke(options);
      assert.equal(await invocation.value(WHO), `${role}/orla_as`);
    }
  });

  await t.step("says what is missing for others", async () => {
    using ben = access.invoke({ role: "ben" });
    const { code, message } = await refusal(ben.query("SELECT 1"));
    assert.equal(code, "forbidden");
    assert.match(
      String(message),
      /Functions cannot use the database: permission denied to grant role/,
    );
  });

  await t.step("is no role to act as", async () => {
    using invocation = access.invoke({ role: "platform" });
    assert.equal(await invocation.value("SELECT current_user"), "orla_service");
  });

  await t.step("ends statements that resist", async () => {
    const invocation = access.invoke();
    const stubborn = refusal(invocation.query(`DO $$ BEGIN LOOP
      BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$`));
    const running = () =>
      root.value(
        "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'",
      );
    const giveUp = performance.now() + 10_000;
    while (await running() !== 1) assert.ok(performance.now() < giveUp);
    invocation.cancel();
    await stubborn;
    while (await running() !== 0) assert.ok(performance.now() < giveUp);
  });
});
