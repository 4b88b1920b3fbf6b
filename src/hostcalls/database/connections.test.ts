/** Connections: sessions, transactions, cursors, and what becomes of them when things go wrong. */
import assert from "node:assert/strict";
import { OrlaError } from "../../base/errors.ts";
import { startTestServer } from "../../catalog/test-database.ts";
import { HostCallError } from "../../functions/host-services.ts";
import { startTestAccess, type TestInvocation } from "./test-access.ts";

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof HostCallError) return thrown.fields["code"];
    if (thrown instanceof OrlaError) return thrown.code;
    return (thrown as Error).message;
  }
  assert.fail("it succeeded");
}

async function open(invocation: TestInvocation, op = "open", input = {}): Promise<number> {
  return (await invocation.call(op, input) as { session: number }).session;
}

Deno.test("connections", async (t) => {
  await using server = await startTestServer();
  await using db = await server.createDatabase();
  const root = await db.connect();
  await root.query("CREATE TABLE t (x int PRIMARY KEY); GRANT ALL ON t TO orla_anon");
  const count = (condition: string) =>
    root.value(
      `SELECT count(*)::int FROM pg_stat_activity WHERE usename LIKE 'orla_as_%' AND ${condition}`,
    );
  /** Until so many of the functions' connections are in this condition. */
  const until = async (wanted: number, condition = "state = 'active'") => {
    const giveUp = performance.now() + 10_000;
    while (await count(condition) !== wanted) {
      assert.ok(performance.now() < giveUp, `not ${wanted} connections: ${condition}`);
    }
  };

  await t.step("a session keeps its connection, and gives it back", async () => {
    await using access = startTestAccess(db, { connections: 1, connectionsPerFunction: 1 });
    using one = access.invoke();
    const session = await open(one);
    await one.query("SET my.own = 'x'", [], { session });
    assert.equal(await one.value("SHOW my.own", [], { session }), "x");
    await one.call("close", { session });
    assert.equal(await one.value("SELECT current_setting('my.own', true)"), "");
    assert.equal(await codeOf(one.query("SELECT 1", [], { session })), "invalid_request");
    assert.equal(await codeOf(one.query("SELECT 1", [], { session: 99 })), "invalid_request");
    // Another invocation has sessions of its own.
    using other = access.invoke();
    const foreign = await open(one);
    assert.equal(
      await codeOf(other.query("SELECT 1", [], { session: foreign })),
      "invalid_request",
    );
  });

  await t.step("a transaction commits, rolls back, and says when it failed before", async () => {
    await using access = startTestAccess(db);
    using one = access.invoke();
    const count = () => root.value("SELECT count(*)::int FROM t");
    const insert = (session: number, x: unknown) =>
      one.query("INSERT INTO t VALUES ($1)", [x], { session });
    const first = await open(one, "begin");
    await insert(first, 1);
    assert.equal(await count(), 0);
    await one.call("commit", { session: first });
    assert.equal(await count(), 1);
    assert.equal(await codeOf(insert(first, 2)), "invalid_request");

    const second = await open(one, "begin");
    await insert(second, 2);
    await one.call("rollback", { session: second });
    const third = await open(one, "begin", { isolation: "serializable", readOnly: true });
    assert.equal(
      await one.value("SHOW transaction_isolation", [], { session: third }),
      "serializable",
    );
    assert.equal(await codeOf(insert(third, 3)), "25006");
    assert.equal(await codeOf(one.call("commit", { session: third })), "25P02");
    assert.equal(await count(), 1);

    // Within a session of one's own it ends, and the session stays.
    const session = await open(one);
    await one.call("begin", { session });
    await insert(session, 4);
    await one.call("commit", { session });
    assert.equal(await one.value("SELECT count(*)::int FROM t", [], { session }), 2);
  });

  await t.step("a BEGIN that nothing could end is refused", async () => {
    await using access = startTestAccess(db);
    using one = access.invoke();
    assert.equal(await codeOf(one.query("BEGIN")), "25001");
    assert.equal(await one.value("SELECT 1"), 1);
  });

  await t.step("COPY is refused and leaves the connection whole", async () => {
    await using access = startTestAccess(db, { connections: 1, connectionsPerFunction: 1 });
    using one = access.invoke();
    const session = await open(one);
    for (let time = 0; time < 2; time++) {
      assert.ok(await codeOf(one.query("COPY t FROM STDIN", [], { session })));
      assert.equal(await codeOf(one.query("COPY t TO STDOUT", [], { session })), "not_supported");
      assert.equal(await one.value("SELECT 1", [], { session }), 1);
    }
  });

  await t.step("NUL and too many parameters never reach the wire", async () => {
    await using access = startTestAccess(db);
    using one = access.invoke();
    assert.equal(await codeOf(one.query("SELECT 1\0; DROP TABLE t")), "invalid_request");
    assert.equal(await codeOf(one.query("SELECT $1", Array(70_000).fill(1))), "invalid_request");
    assert.equal(await codeOf(one.query("SELECT $1::text", ["a\0b"])), "22021");
    assert.deepEqual((await one.query("")).rows, []);
  });

  await t.step("a cancelled call's statement is cancelled, its connection serves on", async () => {
    await using access = startTestAccess(db, { connections: 1, connectionsPerFunction: 1 });
    const one = access.invoke();
    const pid = await one.value("SELECT pg_backend_pid()");
    const sleeping = codeOf(one.query("SELECT pg_sleep(600)"));
    await until(1);
    one.cancel();
    await sleeping;
    using two = access.invoke();
    assert.equal(await two.value("SELECT pg_backend_pid()"), pid);
    assert.equal(await count("state = 'active'"), 0);
  });

  await t.step("a statement that catches its cancellation is ended all the same", async () => {
    await using access = startTestAccess(db, { connections: 1, connectionsPerFunction: 1 });
    const one = access.invoke();
    const stubborn = codeOf(one.query(`DO $$ BEGIN LOOP
      BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
    END LOOP; END $$`));
    await until(1);
    one.cancel();
    await stubborn;
    await until(0);
    using two = access.invoke();
    assert.equal(await two.value("SELECT 1"), 1);
  });

  await t.step("what waits for a lock, a session, and a transaction go with the call", async () => {
    await using access = startTestAccess(db);
    await root.query("BEGIN; LOCK TABLE t");
    await using _unlock = { [Symbol.asyncDispose]: () => root.query("ROLLBACK").then(() => {}) };
    const one = access.invoke();
    const session = await open(one, "begin");
    const waiting = codeOf(one.query("INSERT INTO t VALUES (77)", [], { session }));
    // A statement may wait while it is parsed, when its connection does not count as active yet.
    await until(1, "wait_event_type = 'Lock'");
    one.cancel();
    await waiting;
    await root.query("ROLLBACK");
    await until(0);
    await until(0, "state = 'idle in transaction'");
    assert.equal(await root.value("SELECT count(*)::int FROM t WHERE x = 77"), 0);
    assert.equal(await codeOf(one.query("SELECT 1")), "the call is over");
  });

  await t.step("a killed connection fails its statement and is replaced", async () => {
    await using access = startTestAccess(db, { connections: 1, connectionsPerFunction: 1 });
    using one = access.invoke();
    const session = await open(one);
    const pid = await one.value("SELECT pg_backend_pid()", [], { session });
    const sleeping = codeOf(one.query("SELECT pg_sleep(600)", [], { session }));
    await until(1);
    await root.query("SELECT pg_terminate_backend($1)", [pid]);
    assert.ok(["57P01", "unavailable"].includes(String(await sleeping)));
    assert.equal(await codeOf(one.query("SELECT 1", [], { session })), "unavailable");
    await one.call("close", { session });
    assert.notEqual(await one.value("SELECT pg_backend_pid()"), pid);
  });

  await t.step("a result beyond 32 MiB is refused, be it rows or one value", async () => {
    await using access = startTestAccess(db);
    using one = access.invoke();
    for (
      const sql of [
        "SELECT repeat('x', 1000000) FROM generate_series(1, 1000)",
        "SELECT repeat('x', 500000000)",
      ]
    ) {
      assert.equal(await codeOf(one.query(sql)), "limit_exceeded");
    }
    await until(0);
    assert.equal(await one.value("SELECT length(repeat('x', 20000000))"), 20_000_000);
    const { rows } = await one.query("SELECT repeat('x', 20000000)");
    assert.equal(String(rows[0]?.[0]).length, 20_000_000);
  });

  await t.step("a cursor reads pages that fit, to the end", async () => {
    await using access = startTestAccess(db);
    using one = access.invoke();
    const { cursor, fields } = await one.call("cursor.open", {
      sql: "SELECT g, repeat('é', g % 100) AS s FROM generate_series(1, $1::int) g",
      params: [30_000],
    }) as { cursor: number; fields: unknown[] };
    assert.equal(fields.length, 2);
    let [sum, pages, done] = [0, 0, false];
    while (!done) {
      const page = await one.call("cursor.read", { cursor }) as {
        rows: [number, string][];
        done: boolean;
      };
      done = page.done;
      pages++;
      for (const [g, s] of page.rows) {
        sum += g;
        assert.equal(s.length, g % 100);
      }
    }
    assert.equal(sum, 30_000 * 30_001 / 2);
    assert.ok(pages > 10 && pages < 60, `${pages} pages`);
    assert.equal(await codeOf(one.call("cursor.read", { cursor })), "invalid_request");
    assert.equal(access.access.stats.waiting, 0);
  });

  await t.step("cursors: large rows, RETURNING, sessions, closing early", async () => {
    await using access = startTestAccess(db, { connections: 2, connectionsPerFunction: 2 });
    using one = access.invoke();
    const openCursor = async (sql: string, more = {}) =>
      (await one.call("cursor.open", { sql, ...more }) as { cursor: number }).cursor;
    const readAll = async (cursor: number): Promise<number> => {
      let rows = 0;
      for (let done = false; !done;) {
        const page = await one.call("cursor.read", { cursor }) as {
          rows: unknown[];
          done: boolean;
        };
        rows += page.rows.length;
        done = page.done;
      }
      return rows;
    };
    const large = "SELECT repeat('x', 2000000) FROM generate_series(1, 20)";
    assert.equal(await readAll(await openCursor(large)), 20);

    const returning = await openCursor(
      "INSERT INTO t SELECT generate_series(1000, 1009) RETURNING x",
    );
    assert.equal(await readAll(returning), 10);
    assert.equal(await root.value("SELECT count(*)::int FROM t WHERE x >= 1000"), 10);

    const session = await open(one);
    assert.equal(await codeOf(openCursor("SELECT 1", { session })), "25P01");
    await one.call("begin", { session });
    const a = await openCursor("SELECT generate_series(1, 1000)", { session });
    const b = await openCursor("SELECT generate_series(1, 1000)", { session });
    const firstOf = async (cursor: number) =>
      (await one.call("cursor.read", { cursor }) as { rows: [number][] }).rows[0]?.[0];
    assert.equal(await firstOf(a), 1);
    assert.equal(await firstOf(b), 1);
    assert.equal(await one.value("SELECT 5", [], { session }), 5);
    assert.equal(await firstOf(a), 2);
    await one.call("cursor.close", { cursor: a });
    await one.call("commit", { session });
    assert.equal(await codeOf(firstOf(b)), "34000");
    const early = await openCursor("SELECT generate_series(1, 1000000)");
    await one.call("cursor.read", { cursor: early });
    await one.call("cursor.close", { cursor: early });
    await until(0, "state = 'idle in transaction'");
  });

  await t.step("a function waits for its own connections, and none for another's", async () => {
    await using access = startTestAccess(db, { connections: 4, connectionsPerFunction: 2 });
    using greedy = access.invoke({ functionId: "1" });
    using modest = access.invoke({ functionId: "2" });
    const sessions = [await open(greedy), await open(greedy)];
    const more = Array.from({ length: 50 }, () => greedy.value("SELECT 1"));
    const order: string[] = [];
    more[0]?.then(() => order.push("greedy"));
    assert.equal(await modest.value("SELECT 2"), 2);
    order.push("modest");
    assert.equal(access.access.stats.waiting, 50);
    for (const session of sessions) await greedy.call("close", { session });
    assert.deepEqual([...new Set(await Promise.all(more))], [1]);
    assert.deepEqual(order, ["modest", "greedy"]);
  });

  await t.step("where all are taken, who has fewest is served first", async () => {
    await using access = startTestAccess(db, { connections: 2, connectionsPerFunction: 2 });
    using greedy = access.invoke({ functionId: "1" });
    using modest = access.invoke({ functionId: "2" });
    const sessions = [await open(greedy), await open(greedy)];
    const order: string[] = [];
    const waiting = [
      greedy.value("SELECT 1").then(() => order.push("greedy")),
      modest.value("SELECT 1").then(() => order.push("modest")),
    ];
    await greedy.call("close", { session: sessions[0] });
    await Promise.all(waiting);
    assert.deepEqual(order, ["modest", "greedy"]);
    // Of another role, an idle connection gives way.
    await root.query("CREATE ROLE other_role");
    using other = access.invoke({ functionId: "3", role: "other_role" });
    assert.equal(await other.value("SELECT current_user"), "other_role");
  });

  await t.step("who cannot get one in time, or whose call ends, waits no longer", async () => {
    const { ConnectionPool } = await import("./connection-pool.ts");
    const { Logins } = await import("./logins.ts");
    await using pool = new ConnectionPool({
      logins: new Logins(db.admin, db.config),
      size: 1,
      perFunction: 1,
      terminate: () => Promise.resolve(),
      waitMs: 20,
    });
    const controller = new AbortController();
    const ask = (functionId: string, signal = controller.signal) =>
      pool.acquire({ functionId, role: "orla_anon", signal });
    const held = await ask("1");
    assert.equal(await codeOf(ask("1")), "overloaded");
    assert.equal(await codeOf(ask("2")), "overloaded");
    const gone = codeOf(ask("2"));
    controller.abort(new Error("the call is over"));
    assert.equal(await gone, "the call is over");
    assert.deepEqual(pool.stats, { open: 1, held: 1, waiting: 0 });
    const released = pool.release(held);
    // However late a statement comes: the connection may be another function's by then.
    assert.equal(
      await codeOf(held.run({ statement: { sql: "SELECT 1", values: [] }, portal: "", rows: 0 })),
      "invalid_request",
    );
    await released;
    assert.deepEqual(pool.stats, { open: 1, held: 0, waiting: 0 });
  });

  await t.step("logins that another node uses are passed over", async () => {
    await using here = startTestAccess(db);
    await using there = startTestAccess(db);
    using one = here.invoke();
    using two = there.invoke();
    const logins = [
      await one.value("SELECT session_user"),
      await two.value("SELECT session_user"),
    ];
    assert.notEqual(logins[0], logins[1]);
  });

  await t.step("a restarted Postgres is found again", async () => {
    await using access = startTestAccess(db);
    using one = access.invoke();
    await one.query("SELECT 1");
    await root.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'orla_as_%'",
    );
    const giveUp = performance.now() + 5_000;
    while (await one.value("SELECT 1").catch(() => 0) !== 1) assert.ok(performance.now() < giveUp);
  });

  await t.step("unknown fields, and inputs of other shapes, are refused", async () => {
    await using access = startTestAccess(db);
    using one = access.invoke();
    const inputs: readonly (readonly [string, unknown])[] = [
      ["query", null],
      ["query", { sql: 1 }],
      ["query", { sql: "SELECT 1", param: [] }],
      ["query", { sql: "SELECT 1", params: [[1]] }],
      ["query", { sql: "SELECT 1", params: [{ json: 1 }] }],
      ["query", { sql: "SELECT 1", as: "postgres" }],
      ["query", { sql: "SELECT 1", session: "1" }],
      ["begin", { isolation: "none; DROP TABLE t" }],
      ["insert", { table: "t", rows: [] }],
      ["close", {}],
    ];
    for (const [op, input] of inputs) {
      assert.equal(await codeOf(one.call(op, input)), "invalid_request", JSON.stringify(input));
    }
    const session = await open(one);
    assert.equal(
      await codeOf(one.query("SELECT 1", [], { session, as: "service" })),
      "invalid_request",
    );
  });

  await t.step("statements made of parts quote every name and keep every condition", async () => {
    await root.query(`CREATE SCHEMA "Odd"; GRANT USAGE ON SCHEMA "Odd" TO orla_anon;
      CREATE TABLE "Odd"."ta""ble" (id int GENERATED ALWAYS AS IDENTITY, "Na;me" text, n int DEFAULT 7);
      GRANT ALL ON "Odd"."ta""ble" TO orla_anon`);
    await using access = startTestAccess(db);
    using one = access.invoke();
    const table = 'Odd.ta"ble';
    const inserted = await one.call("insert", {
      table,
      rows: [{ "Na;me": "a" }, { "Na;me": "b", n: 1 }, { n: null }],
    }) as { rows: unknown[] };
    assert.deepEqual(inserted.rows, [[1, "a", 7], [2, "b", 1], [3, null, null]]);
    const ids = async (where?: unknown, params?: unknown) => {
      const input = {
        table,
        ...where === undefined ? {} : { where },
        ...params === undefined ? {} : { params },
      };
      return (await one.call("select", input) as { rows: [number][] }).rows.map(([id]) => id);
    };
    assert.deepEqual(await ids(), [1, 2, 3]);
    assert.deepEqual(await ids({ "Na;me": "b" }), [2]);
    assert.deepEqual(await ids({ "Na;me": null }), [3]);
    assert.deepEqual(await ids({ id: { json: "[1,3]" } }), [1, 3]);
    assert.deepEqual(await ids("n > ? -- and so on", [1]), [1]);
    assert.deepEqual(await ids("id = %(id)s", { id: 2 }), [2]);
    assert.deepEqual(await ids({ "Na;me": "x' OR true --" }), []);
    const update = await one.call("update", {
      table,
      set: { n: 5, "Na;me": "c" },
      where: "id = $1",
      params: [2],
    }) as { rowCount: number };
    assert.equal(update.rowCount, 1);
    assert.deepEqual(await ids("n = 5"), [2]);
    for (const where of ["", "  \n", {}]) {
      assert.equal(await codeOf(one.call("remove", { table, where })), "invalid_request");
      assert.equal(
        await codeOf(one.call("update", { table, set: { n: 1 }, where })),
        "invalid_request",
      );
    }
    assert.equal(
      await codeOf(one.call("update", { table, set: {}, where: "true" })),
      "invalid_request",
    );
    assert.equal(await codeOf(one.call("remove", { table })), "invalid_request");
    assert.equal(
      (await one.call("remove", { table, where: "true" }) as { rowCount: number }).rowCount,
      3,
    );
    assert.equal(await codeOf(one.call("select", { table: 't" --' })), "42P01");
  });
});
