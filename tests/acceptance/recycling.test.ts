/**
 * Instances come and go for every reason there is, under load without a break: new versions, their
 * age, other functions that need their place. No caller notices.
 */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { callJson } from "./http-calls.ts";
import { failures, startLoad } from "./load.ts";
import { metric } from "./metric.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

/** New versions in the run: enough to see each kind of end many times, in half a minute. */
const CHANGES = Number(Deno.env.get("RECYCLING_CHANGES") ?? 150);

/** Functions that take each other's place: more than may run. */
const CROWD = Array.from({ length: 6 }, (_, n) => `crowd_${n}`);

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess({
    env: {
      ORLA_INSTANCE_MAX_AGE: "1s",
      ORLA_MAX_INSTANCES: "5",
      ORLA_BLANK_PROCESSES: "3",
      // Idle ones are given up for others, not for their idleness.
      ORLA_IDLE_TIMEOUT: "1min",
    },
  });
  session = await openSession(orla.sqlUrl);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

const ended = (reason: string) => metric(orla, `orla_instances_ended_total{reason="${reason}"}`);

Deno.test("deploys, recycles and evictions under constant load: no call fails", async () => {
  const code = (says: number) => `
    let calls = 0;
    export default async () => {
      if (calls++ % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 15));
      return new Response("${says}");
    }`;
  await session.rows(
    `CREATE EDGE FUNCTION moving LANGUAGE javascript MIN_INSTANCES 1 AS $$${code(0)}$$;
     CREATE EDGE FUNCTION steady LANGUAGE javascript MIN_INSTANCES 1 AS $$${code(0)}$$;` +
      CROWD.map((name) =>
        `CREATE EDGE FUNCTION ${name} LANGUAGE javascript AS $$ export const main = () => "${name}" $$`
      ).join(";"),
  );
  const loads = [
    startLoad(orla, "moving", { workers: 4 }),
    startLoad(orla, "steady", { workers: 2 }),
  ];
  const [moving] = loads;
  for (let n = 1; n <= CHANGES; n++) {
    await session.rows(`ALTER EDGE FUNCTION moving SET CODE = $$${code(n)}$$`);
    const name = CROWD[n % CROWD.length] ?? "";
    assert.equal(await callJson(orla, name), name);
    // Some versions are hardly used, others well.
    if (n % 3 === 0) await moving?.more(12);
  }
  // Those that nothing but their age ends.
  await eventually(
    async () => await ended("recycled") >= CHANGES / 30,
    30_000,
    "instances grow old",
  );
  for (const load of loads) {
    await load.more(10);
    await load.stop();
    assert.deepEqual(failures(load.answers), []);
    assert.ok(load.answers.length > CHANGES);
  }
  const counts = {
    retired: await ended("retired"),
    recycled: await ended("recycled"),
    evicted: await ended("evicted"),
    failed: await ended("failed"),
    calls: loads.reduce((sum, load) => sum + load.answers.length, 0),
  };
  assert.ok(counts.retired >= CHANGES / 2, `${counts.retired} retired`);
  assert.ok(counts.evicted >= CHANGES / 4, `${counts.evicted} evicted`);
  assert.equal(counts.failed, 0);
});

Deno.test("a crash loop is visible in SQL and in metrics, and ends when the code is mended", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION broken LANGUAGE javascript MIN_INSTANCES 1 AS $$
       throw new Error("no luck");
       export const main = () => "fine";
     $$`,
  );
  const state = () =>
    session.rows(
      `SELECT version, status, failures, last_error_code, last_error,
         backing_off_until > now() - interval '1 min' AS waits, last_error_at > now() - interval '1 min' AS recent
       FROM system.edge_function_instances WHERE function_id = 'broken'`,
    );
  await eventually(
    async () =>
      (await state()).some((row) =>
        Number(row["failures"]) >= 3 && row["status"] === "backing_off"
      ),
    20_000,
    "it backs off",
  );
  const [row] = await state();
  assert.equal(row?.["version"], 1);
  assert.equal(row?.["last_error_code"], "function_error");
  assert.match(String(row?.["last_error"]), /no luck/);
  assert.deepEqual([row?.["waits"], row?.["recent"]], [true, true]);
  assert.equal(await metric(orla, "orla_functions_backing_off") >= 0, true);
  await session.rows(
    `ALTER EDGE FUNCTION broken SET CODE = $$ export const main = () => "fine" $$`,
  );
  await eventually(
    async () => (await state()).some((row) => row["status"] === "ready" && row["version"] === 2),
    20_000,
    "the mended version is ready",
  );
  assert.equal(await callJson(orla, "broken"), "fine");
});
