import { deepEqual, equal } from "node:assert/strict";
import pg from "pg";
import { silentLogger } from "../../base/log.ts";
import { createRequest, startTestServer, type TestServer } from "../../catalog/test-database.ts";
import { prepareQueueSchema } from "../queue/queue-schema.ts";
import { TriggerDirectory } from "../trigger-directory.ts";
import { Scheduler } from "./scheduler.ts";

const at = (name: string) => ({ schema: null, name, position: 1 });

interface Rig extends AsyncDisposable {
  readonly pool: pg.Pool;
  readonly directory: TriggerDirectory;
  create(name: string, schedule: string, options?: Record<string, unknown>): Promise<void>;
  /** Schedulers of as many nodes, with one clock. */
  nodes(count: number): { readonly schedulers: readonly Scheduler[]; set(now: string): void };
}

let server: TestServer;
Deno.test.beforeAll(async () => {
  server = await startTestServer();
});
Deno.test.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function startRig(): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const db = stack.use(await server.createDatabase());
  const pool = stack.adopt(new pg.Pool({ ...db.config, max: 8 }), (it) => it.end());
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const log = silentLogger;
  await prepareQueueSchema(pool, log);
  await db.admin.query("SELECT edge.create_function($1)", [createRequest({ parameters: null })]);
  const directory = stack.use(await TriggerDirectory.open({ connection: db.config, log }));
  const moved = stack.move();
  return {
    pool,
    directory,
    create: async (name, schedule, options = {}) => {
      await db.admin.query("CALL edge.apply('create_trigger', $1)", [JSON.stringify({
        ...at(name),
        orReplace: true,
        kind: "schedule",
        spec: { schedule },
        sourcePosition: 1,
        function: at("f"),
        arguments: null,
        options,
        secret: null,
      })]);
      await directory.sync();
    },
    nodes: (count) => {
      let now = new Date(0);
      const schedulers = Array.from(
        { length: count },
        () => new Scheduler({ pool, directory, log, now: () => now }),
      );
      return { schedulers, set: (text) => void (now = new Date(text)) };
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

async function scheduledAt(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    "SELECT payload #>> '{message,scheduledAt}' AS at FROM edge_queue._private_jobs ORDER BY id",
  );
  return rows.map((row) => String(row.at));
}

Deno.test("two nodes, an hour of ticks over a clock change: each tick is one job", async () => {
  await using rig = await startRig();
  await rig.create("t", "*/2 * * * *", { timezone: "Europe/Madrid", overlap: "allow" });
  const { schedulers, set } = rig.nodes(2);
  const start = Date.parse("2026-10-25T00:30:00Z");
  for (let second = 0; second <= 3600; second += 20) {
    set(new Date(start + second * 1000).toISOString());
    await Promise.all(schedulers.map((scheduler) => scheduler.look()));
  }
  const found = await scheduledAt(rig.pool);
  const expected = Array.from(
    { length: 30 },
    (_, n) => new Date(start + (n + 1) * 120_000).toISOString(),
  );
  deepEqual(found, expected);
  for (const scheduler of schedulers) await scheduler[Symbol.asyncDispose]();
});

Deno.test("what a node that slept missed is made up for as CATCH_UP says", async () => {
  await using rig = await startRig();
  for (const catchUp of ["none", "one", "all"]) {
    await rig.create(`t_${catchUp}`, "0 * * * *", { catchUp, overlap: "allow" });
  }
  const { schedulers: [scheduler], set } = rig.nodes(1);
  set("2026-03-01T09:30:00Z");
  await scheduler?.look();
  set("2026-03-01T12:30:00Z");
  await scheduler?.look();
  const { rows } = await rig.pool.query(
    `SELECT t.name, count(*)::int AS runs FROM edge_queue.jobs j
     JOIN edge.triggers t ON j.task_identifier = 'trigger/' || t.trigger_id GROUP BY 1 ORDER BY 1`,
  );
  deepEqual(rows, [{ name: "t_all", runs: 3 }, { name: "t_one", runs: 1 }]);
  await scheduler?.[Symbol.asyncDispose]();
});

Deno.test("OVERLAP: a tick is left out, waits, or runs beside the one before", async () => {
  await using rig = await startRig();
  for (const overlap of ["skip", "queue", "allow"]) {
    await rig.create(`t_${overlap}`, "* * * * *", { overlap });
  }
  const { schedulers: [scheduler], set } = rig.nodes(1);
  for (const minute of ["00", "01", "02", "03"]) {
    set(`2026-03-01T09:${minute}:01Z`);
    await scheduler?.look();
  }
  const { rows } = await rig.pool.query(
    `SELECT t.name, count(*)::int AS jobs, count(j.queue_name)::int AS in_order FROM edge_queue.jobs j
     JOIN edge.triggers t ON j.task_identifier = 'trigger/' || t.trigger_id GROUP BY 1 ORDER BY 1`,
  );
  deepEqual(rows, [
    { name: "t_allow", jobs: 3, in_order: 0 },
    { name: "t_queue", jobs: 3, in_order: 3 },
    { name: "t_skip", jobs: 1, in_order: 0 },
  ]);
  await scheduler?.[Symbol.asyncDispose]();
});

Deno.test("a changed schedule begins anew, and the next run is shown", async () => {
  await using rig = await startRig();
  await rig.create("t", "0 0 * * *");
  const { schedulers: [scheduler], set } = rig.nodes(1);
  const next = async () => {
    await scheduler?.look();
    const { rows } = await rig.pool.query("SELECT next_run FROM system.edge_triggers");
    return rows[0].next_run.toISOString();
  };
  set("2026-03-01T09:30:00Z");
  equal(await next(), "2026-03-02T00:00:00.000Z");
  await rig.create("t", "0 0 * * *", { timezone: "America/New_York" });
  equal(await next(), "2026-03-01T05:00:00.000Z".replace("03-01", "03-02"));
  await scheduler?.[Symbol.asyncDispose]();
});
