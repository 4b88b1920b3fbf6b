/** A thousand functions, half of them called: what is called costs while it is called, and no longer. */
import assert from "node:assert/strict";
import { startOrlaProcess } from "../orla.ts";
import { eventually, familyOf } from "../processes.ts";
import { callFunction, callJson } from "./http-calls.ts";
import { assignedInstances, metric } from "./metric.ts";
import { openSession } from "./sql-session.ts";

const FUNCTIONS = 1_000;
const CALLED = 500;
/** Functions in one query string, so in one transaction: half the creations are alone in theirs. */
const BATCH = 50;

/**
 * What node and processes together may have grown by in the end. One idle instance has 10 MB for
 * itself: were instances kept, gigabytes would be missing. The node's own part is a thousand
 * definitions, below one megabyte, and what V8 holds for later; measured 5 to 10.
 */
const GROWTH_MB = 40;
/** V8 gives memory back about ten seconds after the last garbage collection that work has caused. */
const COLLECTED_WITHIN_MS = 60_000;

interface Memory {
  readonly processes: number;
  /** Proportional set size: shared pages count once. */
  readonly pssMb: number;
}

/** The node and the instances, without Postgres, whose caches are to fill. */
async function memoryOf(pid: number): Promise<Memory> {
  const family = (await familyOf(pid)).filter(({ command }) => !command.includes("postgres"));
  let kilobytes = 0;
  for (const { pid } of family) {
    const rollup = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`).catch(() => "");
    kilobytes += Number(/^Pss: +(\d+) kB/m.exec(rollup)?.[1] ?? 0);
  }
  return { processes: family.length, pssMb: kilobytes / 1024 };
}

const nameOf = (n: number) => `many_${String(n).padStart(4, "0")}`;
const create = (n: number) =>
  `CREATE EDGE FUNCTION ${nameOf(n)}(x int) RETURNS jsonb LANGUAGE javascript AS $$
     const table = new Array(1000).fill(${n});
     export function main(x) { return { n: ${n}, x, sum: table.reduce((a, b) => a + b) }; }
   $$`;

/** A permutation that is the same in every run (a linear congruential generator's shuffle). */
function shuffled(count: number): number[] {
  const list = [...Array(count).keys()];
  let state = 42;
  for (let i = list.length - 1; i > 0; i--) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    const j = state % (i + 1);
    [list[i], list[j]] = [list[j] as number, list[i] as number]; // both in range
  }
  return list;
}

Deno.test("a thousand functions, five hundred called once in random order; then all is quiet again", async () => {
  await using orla = await startOrlaProcess({
    // Without prepared processes, of which a burst leaves more than there were, for minutes.
    env: { ORLA_IDLE_TIMEOUT: "500ms", ORLA_MAX_INSTANCES: "64", ORLA_BLANK_PROCESSES: "0" },
  });
  await using session = await openSession(orla.sqlUrl);
  const assigned = () => assignedInstances(orla);
  const quiet = () =>
    eventually(
      async () =>
        await assigned() === 0 && await metric(orla, 'orla_instances{state="draining"}') === 0 &&
        await metric(orla, 'orla_instances{state="blank"}') === 0,
      30_000,
      "no instance is left",
    );

  // The baseline is a node that has worked: one function was created, called and ended.
  await session.rows(
    "CREATE EDGE FUNCTION first LANGUAGE javascript AS $$ export const main = () => 1 $$",
  );
  assert.equal(await callJson(orla, "first"), 1);
  await quiet();
  const before = await memoryOf(orla.pid);

  for (let n = 0; n < FUNCTIONS / 2; n++) await session.rows(create(n));
  for (let n = FUNCTIONS / 2; n < FUNCTIONS; n += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => create(n + i));
    await session.rows(batch.join(";"));
  }
  assert.equal(
    await session.value("SELECT count(*)::int FROM system.edge_functions WHERE name LIKE 'many%'"),
    FUNCTIONS,
  );
  assert.equal(await metric(orla, "orla_functions"), FUNCTIONS + 1);
  assert.equal(await assigned(), 0, "creating starts no instance");

  const order = shuffled(FUNCTIONS).slice(0, CALLED);
  let most = 0;
  const caller = async (own: readonly number[]) => {
    for (const n of own) {
      const response = await callFunction(orla, nameOf(n), { method: "POST", body: "[7]" });
      assert.deepEqual([response.status, await response.json()], [200, { n, x: 7, sum: 1000 * n }]);
      assert.match(response.headers.get("server-timing") ?? "", /cold;dur=/);
      if (n % 16 === 0) most = Math.max(most, await assigned());
    }
  };
  await Promise.all([0, 1, 2, 3].map((part) => caller(order.filter((_, at) => at % 4 === part))));
  assert.ok(most > 4 && most <= 64, `${most} instances at the most`);

  await quiet();
  assert.equal((await memoryOf(orla.pid)).processes, before.processes);
  await eventually(
    async () => (await memoryOf(orla.pid)).pssMb < before.pssMb + GROWTH_MB,
    COLLECTED_WITHIN_MS,
    `less than ${GROWTH_MB} MB above ${before.pssMb.toFixed(1)}`,
  );

  // And all of it is still there for the next caller.
  assert.deepEqual(await session.value(`SELECT ${nameOf(order[0] ?? 0)}(1) ->> 'x'`), "1");
  await session.rows(
    Array.from({ length: FUNCTIONS }, (_, n) => nameOf(n)).map((name) =>
      `DROP EDGE FUNCTION ${name}`
    ).join(";"),
  );
  assert.equal(await metric(orla, "orla_functions"), 1);
  assert.equal(await session.value("SELECT count(*)::int FROM edge.functions"), 1);
});
