/** Two nodes on one Postgres: what one is told the other knows, and when one dies the other serves. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { startTestPostgres, type TestPostgres } from "../postgres.ts";
import { eventually, familyOf, survivors } from "../processes.ts";
import { callFunction, callJson } from "./http-calls.ts";
import { failures, startLoad } from "./load.ts";
import { assignedInstances } from "./metric.ts";
import { openSession } from "./sql-session.ts";

const answer = (says: string) => `$$ export const main = () => "${says}" $$`;

interface Cluster extends AsyncDisposable {
  readonly postgres: TestPostgres;
  readonly one: OrlaProcess;
  readonly two: OrlaProcess;
}

async function startCluster(): Promise<Cluster> {
  const stack = new AsyncDisposableStack();
  try {
    const postgres = stack.use(await startTestPostgres());
    const env = { DATABASE_URL: postgres.url };
    // At once: their migrations meet.
    const nodes = await Promise.allSettled([
      startOrlaProcess({ env: { ...env, ORLA_REGION: "north" } }),
      startOrlaProcess({ env: { ...env, ORLA_REGION: "south" } }),
    ]);
    for (const node of nodes) if (node.status === "fulfilled") stack.use(node.value);
    const [one, two] = nodes.map((node) => {
      if (node.status === "rejected") throw node.reason;
      return node.value;
    });
    assert.ok(one && two);
    return { postgres, one, two, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (thrown) {
    await stack.disposeAsync();
    throw thrown;
  }
}

Deno.test("a change made through one node is the other's at once in SQL, and soon over HTTP", async () => {
  await using cluster = await startCluster();
  const { one, two } = cluster;
  await using first = await openSession(one.sqlUrl);
  await using second = await openSession(two.sqlUrl);
  await first.rows(
    `CREATE EDGE FUNCTION shared() RETURNS text LANGUAGE javascript AS ${answer("0")}`,
  );
  assert.equal(await second.value("SELECT shared()"), "0");
  const load = startLoad(two, "shared", { workers: 2 });
  for (let n = 1; n <= 20; n++) {
    const [changer, other, node] = n % 2 === 0 ? [first, second, two] : [second, first, one];
    await changer.rows(`ALTER EDGE FUNCTION shared SET CODE = ${answer(String(n))}`);
    assert.equal(await other.value("SELECT shared()"), String(n));
    await eventually(
      async () => await callJson(node, "shared") === String(n),
      5_000,
      "the notification has arrived",
    );
  }
  await load.stop();
  assert.deepEqual(failures(load.answers), []);
  const seen = load.answers.map(({ body }) => JSON.parse(body));
  assert.ok(new Set(seen).size > 5, `${[...new Set(seen)]}`);

  await first.rows("CREATE SCHEMA team");
  await first.rows(
    `CREATE EDGE FUNCTION team.own() RETURNS text LANGUAGE javascript AS ${answer("own")}`,
  );
  // What a node does not know yet it asks the database for: no wait for the notification is needed.
  assert.equal(await callJson(two, "team/own"), "own");
  const route = (trigger: string) =>
    `CREATE TRIGGER ${trigger} ON HTTP GET '/shared/:n' EXECUTE EDGE FUNCTION shared`;
  const page = async ({ http }: OrlaProcess) => {
    const { status, body } = await fetch(`${http}/shared/1`);
    await body?.cancel();
    return status;
  };
  await first.rows("BEGIN");
  await first.rows(route("page"));
  assert.deepEqual([await page(one), await page(two)], [404, 404]);
  await first.rows("COMMIT");
  assert.equal(await page(one), 200);
  await eventually(async () => await page(two) === 200, 5_000, "the route is on the other node");
  const taken = await second.failure(route("again"));
  assert.equal(taken.message, "trigger page answers GET /shared/:n already");
  await second.rows("DROP TRIGGER page");
  assert.equal(await page(two), 404);
  await second.rows("DROP EDGE FUNCTION shared");
  await eventually(
    async () => {
      const response = await callFunction(one, "shared");
      await response.body?.cancel();
      return response.status === 404;
    },
    5_000,
    "it is gone on the other node",
  );
  await using direct = await openSession(cluster.postgres.url);
  assert.deepEqual(
    await direct.rows("SELECT region, alive FROM system.edge_nodes ORDER BY region"),
    [{ region: "north", alive: true }, { region: "south", alive: true }],
  );
});

Deno.test("kill -9 of the node that serves an SQL session: the other one takes over, in the same session", async () => {
  await using cluster = await startCluster();
  const nodes = [cluster.one, cluster.two];
  // The session of someone who speaks to Postgres directly, so that it outlives either node.
  await using session = await openSession(cluster.postgres.url);
  {
    await using creator = await openSession(cluster.one.sqlUrl);
    await creator.rows(`
      CREATE EDGE FUNCTION who() RETURNS int LANGUAGE javascript AS $$
        export const main = () => Deno.pid $$;
      CREATE EDGE FUNCTION hang() RETURNS text LANGUAGE javascript TIMEOUT 5min AS $$
        export const main = () => new Promise(() => {}) $$`);
  }
  const serving = async () => {
    const pid = await session.value("SELECT who()");
    for (const node of nodes) {
      if ((await familyOf(node.pid)).some((process) => process.pid === pid)) return node;
    }
    throw new Error(`process ${pid} is no node's`);
  };
  const victim = await serving();
  assert.equal(await serving(), victim, "one connection serves the session");

  const family = await familyOf(victim.pid);
  const cut = session.failure("SELECT hang()");
  await using watcher = await openSession(cluster.postgres.url);
  await eventually(
    async () =>
      await watcher.value(
        "SELECT count(*)::int FROM system.edge_function_executions WHERE function_id = 'hang' AND status = 'running'",
      ) === 1,
    10_000,
    "a call is under way",
  );
  await victim.stop("SIGKILL");
  const { code, hint } = await cut;
  assert.deepEqual([code, hint], ["08006", "The function may or may not have done its work."]);
  const heir = await serving();
  assert.notEqual(heir, victim);
  await eventually(
    async () => (await survivors(family)).length === 0,
    5_000,
    "nothing is left of it",
  );

  // Also when the connection breaks between two calls, which then is nobody's failure.
  await using next = await startOrlaProcess({
    env: { DATABASE_URL: cluster.postgres.url, ORLA_REGION: "east" },
  });
  nodes.push(next);
  assert.equal(await serving(), heir);
  const pids = (await familyOf(heir.pid)).map(({ pid }) => pid);
  await heir.stop("SIGKILL");
  assert.equal(await serving(), next);
  assert.ok(!pids.includes(next.pid));

  await next.stop();
  const gone = await session.failure("SELECT who()");
  assert.equal(gone.code, "08001");
  assert.match(gone.hint ?? "", /orla start/);
  assert.equal(await session.value("SELECT 1"), 1);
});

Deno.test("WARM EDGE FUNCTION reaches every node, or those of a region; the next calls are warm", async () => {
  await using cluster = await startCluster();
  const { one, two } = cluster;
  await using session = await openSession(one.sqlUrl);
  const create = (name: string) =>
    `CREATE EDGE FUNCTION ${name} LANGUAGE javascript AS ${answer(name)}`;
  // Made and warmed in one transaction: the other node has never heard of it.
  await session.rows(`BEGIN; ${create("everywhere")}; WARM EDGE FUNCTION everywhere; COMMIT`);
  assert.deepEqual([await assignedInstances(one), await assignedInstances(two)], [1, 1]);
  await session.rows(create("southern"));
  await session.rows("WARM EDGE FUNCTION southern IN REGIONS ('south')");
  assert.deepEqual([await assignedInstances(one), await assignedInstances(two)], [1, 2]);
  for (
    const [node, name, isWarm] of [
      [one, "everywhere", true],
      [two, "everywhere", true],
      [two, "southern", true],
      [one, "southern", false],
    ] as const
  ) {
    await eventually(
      async () => {
        const response = await callFunction(node, name, { method: "POST", body: "null" });
        const said: unknown = await response.json();
        if (response.status === 404) return false; // not heard of it yet
        assert.equal(said, name);
        assert.equal(/cold;dur=/.test(response.headers.get("server-timing") ?? ""), !isWarm);
        return true;
      },
      5_000,
      `${name} answers`,
    );
  }
  await assert.rejects(
    session.rows("WARM EDGE FUNCTION everywhere IN REGIONS ('south', 'west')"),
    /there is no node in region 'west'/,
  );
});
