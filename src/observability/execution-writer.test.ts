import assert from "node:assert/strict";
import type pg from "pg";
import { silentLogger } from "../base/log.ts";
import { uuidV7 } from "../base/uuid.ts";
import { startTestPostgres } from "../../tests/postgres.ts";
import { startExecutionWriter } from "./execution-writer.ts";
import { end, type Fixture, fixture, origin, start } from "./test-writer.ts";

async function rowsOf(pool: pg.Pool, text: string, values: unknown[] = []) {
  return (await pool.query(text, values)).rows;
}

Deno.test("records of executions", async (t) => {
  await using postgres = await startTestPostgres();
  const test = (name: string, body: (fixture: Fixture) => Promise<void>) =>
    t.step(name, async () => {
      await using made = await fixture(postgres);
      await body(made);
    });

  await test("a finished call is one row with everything that is known", async ({ writer, admin }) => {
    const call = start({
      functionId: "shop/päy\t1",
      role: "ann",
      trigger: "queue",
      cause: { triggerName: "shop/t", eventId: "7" },
    });
    writer.finished(
      call,
      end({
        status: "failed",
        coldStartTimeMs: 4.25,
        errorCode: "function_error",
        errorMessage: "it\nbroke \\ here",
        memoryUsedMb: 12.5,
        cpuMs: 0.25,
      }),
    );
    await writer.flush();
    assert.deepEqual(await rowsOf(admin, "SELECT * FROM system.edge_function_executions"), [{
      timestamp: new Date(call.startedAt),
      started_at: new Date(call.startedAt),
      function_id: "shop/päy\t1",
      execution_id: call.executionId,
      version: 1,
      status: "failed",
      trigger: "queue",
      execution_time_ms: 1.5,
      cold_start: true,
      cold_start_time_ms: 4.25,
      error_code: "function_error",
      error_message: "it\nbroke \\ here",
      http_status: 200,
      memory_used_mb: 12.5,
      cpu_ms: 0.25,
      role: "ann",
      trigger_name: "shop/t",
      event_id: "7",
      tenant_id: null,
      region: "eu-west",
      node_id: "node-1",
    }]);
  });

  await test("log lines of one moment come back in the order they were written", async (fixture) => {
    const { writer, admin } = fixture;
    const entry = { executionId: null, functionId: "f", version: 1, level: "info" as const };
    const at = Date.now();
    const written = Array.from({ length: 100 }, (_, n) => `line ${n}`);
    for (const message of written) writer.log({ ...entry, message, at });
    writer.log({ ...entry, message: "later", at: at + 1 });
    await writer.flush();
    const rows = await rowsOf(
      admin,
      `SELECT message FROM system.edge_function_logs ORDER BY timestamp`,
    );
    assert.deepEqual(rows.map((row) => row["message"]), [...written, "later"]);
  });

  await test("log lines too, oversized ones cut", async ({ writer, admin }) => {
    const executionId = uuidV7();
    const entry = { executionId, functionId: "f", version: 2, at: Date.now() };
    writer.log({ ...entry, level: "info", message: "héllo\0\tworld" });
    writer.log({ ...entry, executionId: null, level: "error", message: "x".repeat(20_000) });
    await writer.flush();
    assert.deepEqual(
      await rowsOf(
        admin,
        `SELECT execution_id, level, left(message, 20) AS message, length(message), truncated
         FROM system.edge_function_logs ORDER BY truncated`,
      ),
      [
        {
          execution_id: executionId,
          level: "info",
          message: "héllo\uFFFD\tworld",
          length: 12,
          truncated: false,
        },
        {
          execution_id: null,
          level: "error",
          message: "x".repeat(20),
          length: 16_384,
          truncated: true,
        },
      ],
    );
  });

  await test("a long call is seen running, then only finished", async ({ writer, admin }) => {
    const long = start({ startedAt: Date.now() - 600 });
    writer.lasting(long);
    const statuses = () =>
      rowsOf(admin, "SELECT execution_id, status FROM system.edge_function_executions");
    let seen = await statuses();
    while (seen.length === 0) seen = await statuses();
    assert.deepEqual(seen, [{ execution_id: long.executionId, status: "running" }]);
    writer.finished(long, end());
    await writer.flush();
    assert.deepEqual(await statuses(), [{ execution_id: long.executionId, status: "succeeded" }]);
  });

  await test("many thousand arrive exactly once", async ({ writer, admin }) => {
    for (let n = 0; n < 25_000; n++) {
      const call = start();
      writer.finished(call, end());
    }
    await writer.flush();
    const [counted] = await rowsOf(
      admin,
      "SELECT count(*)::int AS rows, count(DISTINCT execution_id)::int AS ids FROM system.edge_function_executions",
    );
    assert.deepEqual(counted, { rows: 25_000, ids: 25_000 });
    assert.equal(writer.counters.written.executions, 25_000);
  });

  await test("a refused row is left out alone", async ({ writer, admin }) => {
    for (let n = 0; n < 100; n++) {
      writer.finished(start(n === 37 ? { executionId: "not a uuid" } : {}), end());
    }
    await writer.flush();
    assert.deepEqual(
      await rowsOf(admin, "SELECT count(*)::int FROM system.edge_function_executions"),
      [{ count: 99 }],
    );
    assert.deepEqual(writer.counters.refused, { executions: 1, logs: 0 });
  });

  await test("connections cut again and again lose and double nothing", async ({ writer, admin }) => {
    const cutter = (async () => {
      for (let n = 0; n < 15; n++) {
        await admin.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid()`,
        );
      }
    })();
    for (let n = 0; n < 40; n++) {
      for (let i = 0; i < 250; i++) writer.finished(start(), end());
      await new Promise((resolve) => setTimeout(resolve));
    }
    await cutter;
    await writer.flush();
    assert.deepEqual(
      await rowsOf(
        admin,
        "SELECT count(*)::int, count(DISTINCT execution_id)::int AS ids FROM system.edge_function_executions",
      ),
      [{ count: 10_000, ids: 10_000 }],
    );
  });

  await test("a commit whose answer was lost is not sent twice", async ({ pool, admin }) => {
    let lose = true;
    const deaf = {
      query: (text: string, values?: unknown[]) => pool.query(text, values),
      async connect() {
        const client = await pool.connect();
        const query = client.query;
        // The server commits, but the answer does not arrive.
        client.query = ((...args: Parameters<typeof query>) => {
          const result = Reflect.apply(query, client, args);
          if (args[0] as unknown !== "COMMIT" || !lose) return result;
          lose = false;
          return Promise.resolve(result).then(() => Promise.reject(new Error("connection lost")));
        }) as typeof query;
        const release = client.release;
        client.release = (destroy) => {
          client.query = query;
          client.release = release;
          release.call(client, destroy);
        };
        return client;
      },
    };
    await using writer = await startExecutionWriter({ pool: deaf, origin, log: silentLogger });
    writer.finished(start(), end());
    await writer.flush();
    assert.equal(lose, false);
    assert.deepEqual(
      await rowsOf(admin, "SELECT count(*)::int FROM system.edge_function_executions"),
      [{ count: 1 }],
    );
  });

  await test("what runs on a dead node is settled by a living one", async ({ writer, admin }) => {
    await admin.query(
      `INSERT INTO edge.nodes (node_id, region, version, callback_host, callback_port)
       VALUES ('node-1', 'r', '0', 'h', 1)`,
    );
    const long = start({ startedAt: Date.now() - 600 });
    writer.lasting(long);
    const status = async () =>
      (await rowsOf(admin, "SELECT status, error_code FROM system.edge_function_executions"))[0];
    while (await status() === undefined);
    await admin.query("SELECT edge.settle_lost_executions()");
    assert.deepEqual(await status(), { status: "running", error_code: null });
    await admin.query("UPDATE edge.nodes SET heartbeat_at = now() - interval '31 s'");
    await admin.query("SELECT edge.settle_lost_executions()");
    assert.deepEqual(await status(), { status: "failed", error_code: "node_lost" });
    // It lived after all: its word counts.
    writer.finished(long, end());
    await writer.flush();
    assert.deepEqual(await status(), { status: "succeeded", error_code: null });
  });

  await test("partitions are there ahead, and go when their time is over", async ({ admin }) => {
    const days = async () =>
      (await rowsOf(
        admin,
        `SELECT to_date(right(relname, 8), 'YYYYMMDD') - (now() AT TIME ZONE 'UTC')::date AS day
         FROM pg_class WHERE relname ~ '^executions_[0-9]+$' AND relkind = 'r' ORDER BY 1`,
      )).map(({ day }) => day);
    assert.deepEqual(await days(), [-1, 0, 1, 2]);
    await admin.query(`
      CREATE TABLE edge.executions_20200101 (LIKE system.edge_function_executions INCLUDING GENERATED);
      ALTER TABLE system.edge_function_executions ATTACH PARTITION edge.executions_20200101
        FOR VALUES FROM ('2020-01-01 UTC') TO ('2020-01-02 UTC')`);
    await Promise.all([1, 2, 3].map(() => admin.query("SELECT edge.keep_partitions(7, 3)")));
    assert.deepEqual(await days(), [-1, 0, 1, 2]);
    await admin.query("SELECT edge.keep_partitions(0, 0)");
    assert.deepEqual(await days(), [-1, 0, 1, 2].slice(1));
  });

  await test("a policy alone decides what others see", async ({ writer, admin }) => {
    writer.finished(start({ functionId: "mine" }), end());
    writer.finished(start({ functionId: "theirs" }), end());
    await writer.flush();
    await admin.query(`DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tenant') THEN
        CREATE ROLE tenant; CREATE ROLE operator; GRANT orla_admin TO operator; END IF; END $$`);
    const seenBy = async (role: string) => {
      const client = await admin.connect();
      await client.query(`SET ROLE ${role}`);
      const { rows } = await client.query(
        "SELECT function_id FROM system.edge_function_executions ORDER BY 1",
      );
      await client.query("RESET ROLE");
      client.release();
      return rows.map(({ function_id }) => function_id);
    };
    assert.deepEqual(await seenBy("operator"), ["mine", "theirs"]);
    assert.deepEqual(await seenBy("tenant"), []);
    await admin.query(`CREATE POLICY tenant_isolation ON system.edge_function_executions
      FOR SELECT USING (function_id = 'mine')`);
    assert.deepEqual(await seenBy("tenant"), ["mine"]);
  });
});

Deno.test("while the database is away records wait, then the oldest go, and are counted", async () => {
  await using postgres = await startTestPostgres();
  const { writer, pool, admin } = await fixture(postgres, 100);
  await postgres.stop("SIGKILL");
  const message = "x".repeat(16_000);
  for (let n = 0; n < 4_000; n++) {
    writer.log({ executionId: null, functionId: "f", version: 1, level: "info", message, at: 0 });
  }
  assert.ok(writer.counters.dropped.logs > 0);
  assert.equal(writer.counters.written.logs, 0);
  for (let n = 0; n < 100; n++) writer.finished(start(), end());
  assert.equal(writer.counters.dropped.executions, 0);
  await writer.close();
  assert.equal(writer.counters.dropped.logs, 4_000);
  assert.equal(writer.counters.dropped.executions, 100);
  await pool.end();
  await admin.end();
});
