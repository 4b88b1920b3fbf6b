/** A node's life: first and later starts, stops of every kind, and what it refuses. */
import assert from "node:assert/strict";
import { join } from "node:path";
import pg from "pg";
import { runOrla, startOrlaProcess } from "./orla.ts";
import { eventually, familyOf, survivors } from "./processes.ts";

const HELLO = "CREATE EDGE FUNCTION hello(who text) RETURNS text LANGUAGE javascript AS " +
  "$$ function main(who) { return `Hello ${who}` } $$";

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // A gateway that stops says so on idle connections; a query under way rejects by itself.
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const isRoot = Deno.uid() === 0;
const needsRoot = isRoot ? "" : " (skipped: needs root)";

/** `slow(ms)` answers after that time. */
const SLOW = "CREATE EDGE FUNCTION slow(ms int) RETURNS text LANGUAGE javascript AS " +
  "$$ async function main(ms) { await new Promise((r) => setTimeout(r, ms)); return 'done' } $$";

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

Deno.test("a first start makes everything; psql's way and curl's way both reach a function", async () => {
  await using orla = await startOrlaProcess();
  await query(orla.sqlUrl, HELLO);
  assert.deepEqual(await query(orla.sqlUrl, "SELECT hello('sql')"), [{ hello: "Hello sql" }]);
  const answer = await fetch(`${orla.http}/functions/v1/hello`, {
    method: "POST",
    headers: { apikey: orla.anonKey, "content-type": "application/json" },
    body: '["http"]',
  });
  assert.equal(answer.status, 200);
  assert.equal(await answer.json(), "Hello http");
  assert.equal((await fetch(`${orla.http}/readyz`).then(consumed)).status, 200);
  assert.equal((await fetch(`${orla.http}/healthz`).then(consumed)).status, 200);
});

async function consumed(response: Response): Promise<Response> {
  await response.body?.cancel();
  return response;
}

Deno.test("state and keys are for their owner alone; the state file goes with a clean stop", async () => {
  await using orla = await startOrlaProcess();
  const stateFile = join(orla.dataDir, "orla.state.json");
  assert.equal(await modeOf(stateFile), 0o600);
  assert.equal(await modeOf(join(orla.dataDir, "keys.json")), 0o600);
  const state = JSON.parse(await Deno.readTextFile(stateFile));
  assert.deepEqual(Object.keys(state).sort(), [
    ...["anonKey", "databaseUrl", "http", "pid", "serviceKey", "sql"],
  ]);
  assert.equal(state.pid, orla.pid);
  assert.deepEqual(await query(orla.databaseUrl, "SELECT 1 AS one"), [{ one: 1 }]);
  const family = await familyOf(orla.pid);
  assert.ok(family.some(({ command }) => command.includes("/postgres -D")), "Postgres is a child");
  assert.equal((await orla.stop()).code, 0);
  await assert.rejects(Deno.stat(stateFile), Deno.errors.NotFound);
  assert.deepEqual(await survivors(family), []);
  for (const secret of [orla.serviceKey, orla.anonKey, new URL(orla.databaseUrl).password]) {
    assert.ok(!orla.logs().includes(secret), "a secret was printed");
  }
});

Deno.test("a warm start finds functions and keys again", async () => {
  await using first = await startOrlaProcess();
  await query(first.sqlUrl, HELLO);
  await first.stop();
  await using second = await startOrlaProcess({ dataDir: first.dataDir });
  assert.equal(second.serviceKey, first.serviceKey);
  assert.deepEqual(await query(second.sqlUrl, "SELECT hello('again')"), [{ hello: "Hello again" }]);
});

Deno.test("SIGTERM lets running calls finish, over HTTP and in SQL, and exits with 0", async () => {
  await using orla = await startOrlaProcess();
  await query(orla.sqlUrl, SLOW);
  const overHttp = fetch(`${orla.http}/functions/v1/slow`, {
    method: "POST",
    headers: { apikey: orla.anonKey },
    body: "[2500]",
  }).then((response) => response.json());
  const inSql = query(orla.sqlUrl, "SELECT slow(2500)");
  await eventually(
    async () => (await query(orla.databaseUrl, RUNNING))[0]?.["running"] === 2,
    5_000,
    "both calls run",
  );
  const status = await orla.stop();
  assert.equal(await overHttp, "done");
  assert.deepEqual(await inSql, [{ slow: "done" }]);
  assert.equal(status.code, 0);
});

/** `false` when there is nobody any more to get the signal. */
function killed(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGTERM");
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

const RUNNING =
  "SELECT count(*)::int AS running FROM system.edge_function_executions WHERE status = 'running'";

Deno.test("a second SIGTERM does not wait for running calls, and leaves nothing", async () => {
  await using orla = await startOrlaProcess();
  await query(orla.sqlUrl, SLOW);
  const call = fetch(`${orla.http}/functions/v1/slow`, {
    method: "POST",
    headers: { apikey: orla.anonKey },
    body: "[20000]",
  }).then((response) => response.text()).catch(() => "cut");
  await eventually(
    async () => (await query(orla.databaseUrl, RUNNING))[0]?.["running"] === 1,
    5_000,
    "the call runs",
  );
  const family = await familyOf(orla.pid);
  Deno.kill(orla.pid, "SIGTERM");
  // npm passes Ctrl-C on although the terminal has: at once, this is the same request.
  Deno.kill(orla.pid, "SIGTERM");
  await eventually(() => orla.logs().includes("Stopping"), 5_000, "the first signal is heard");
  const asked = performance.now();
  await eventually(() => !killed(orla.pid), 5_000, "a later signal ends it");
  assert.ok(performance.now() - asked > 100, "the doubled signal did not");
  assert.equal((await orla.status).code, 1);
  assert.equal(await call, "cut");
  await eventually(async () => (await survivors(family)).length === 0, 3_000, "all are gone");
});

Deno.test("a second Orla on the same data directory is refused; the first goes on", async () => {
  await using orla = await startOrlaProcess();
  await assert.rejects(
    startOrlaProcess({ dataDir: orla.dataDir }),
    new RegExp(`code 1:[^]*in use by another Orla \\(pid ${orla.pid}\\)`),
  );
  assert.deepEqual(await query(orla.sqlUrl, "SELECT 1 AS one"), [{ one: 1 }]);
});

Deno.test("two Orlas run beside each other", async () => {
  await using one = await startOrlaProcess();
  await using two = await startOrlaProcess();
  await query(one.sqlUrl, HELLO);
  assert.deepEqual(await query(one.sqlUrl, "SELECT hello('a')"), [{ hello: "Hello a" }]);
  await assert.rejects(query(two.sqlUrl, "SELECT hello('a')"), /does not exist/);
});

Deno.test("kill -9 of the node orphans nothing, and the next start finds everything", async () => {
  await using orla = await startOrlaProcess();
  await query(orla.sqlUrl, HELLO);
  await query(orla.sqlUrl, "SELECT hello('x')");
  const family = await familyOf(orla.pid);
  assert.ok(family.length > 5, "the node has children");
  const sockets = family.flatMap(({ command }) => /-k (\S+)/.exec(command)?.[1] ?? []);
  await orla.stop("SIGKILL");
  await eventually(async () => (await survivors(family)).length === 0, 3_000, "no orphans");
  for (const directory of sockets) {
    await eventually(
      () => Deno.stat(directory).then(() => false, () => true),
      1_000,
      "the runtime directory is gone",
    );
  }
  assert.equal(sockets.length, 1);
  await using next = await startOrlaProcess({ dataDir: orla.dataDir });
  assert.deepEqual(await query(next.sqlUrl, "SELECT hello('back')"), [{ hello: "Hello back" }]);
});

Deno.test("kill -9 of node and reaper at once: the next start ends the orphans", async () => {
  await using orla = await startOrlaProcess();
  await query(orla.sqlUrl, HELLO);
  const family = await familyOf(orla.pid);
  const reaper = family.find(({ command }) => command.includes("reaper.sh"));
  const postgres = family.filter(({ command }) => command.includes("postgres"));
  assert.ok(reaper);
  Deno.kill(reaper.pid, "SIGKILL");
  await orla.stop("SIGKILL");
  assert.notEqual((await survivors(postgres)).length, 0);
  const runtimeDir = (await Deno.readTextFile(join(orla.dataDir, "orla.runtime"))).trim();
  assert.ok((await Deno.stat(runtimeDir)).isDirectory);
  await using next = await startOrlaProcess({ dataDir: orla.dataDir });
  assert.deepEqual(await survivors(postgres), []);
  await assert.rejects(Deno.stat(runtimeDir), Deno.errors.NotFound);
  assert.deepEqual(await query(next.sqlUrl, "SELECT hello('back')"), [{ hello: "Hello back" }]);
  // Blank instances notice by themselves that their node is gone.
  await eventually(async () => (await survivors(family)).length === 0, 5_000, "no orphans");
});

Deno.test("kill -9 of the reaper: another takes its place and knows everything", async () => {
  await using orla = await startOrlaProcess();
  const reaperOf = async () =>
    (await familyOf(orla.pid)).find(({ command }) => command.includes("reaper.sh"));
  const first = await reaperOf();
  assert.ok(first);
  Deno.kill(first.pid, "SIGKILL");
  await eventually(
    async () => ![undefined, first.pid].includes((await reaperOf())?.pid),
    5_000,
    "a new reaper",
  );
  const family = await familyOf(orla.pid);
  await orla.stop("SIGKILL");
  await eventually(async () => (await survivors(family)).length === 0, 3_000, "no orphans");
});

Deno.test("kill -9 of Postgres: it comes back, and so does everything that needs it", async () => {
  await using orla = await startOrlaProcess();
  await query(orla.sqlUrl, HELLO);
  const postgres = (await familyOf(orla.pid)).find(({ command }) =>
    command.includes("/postgres -D")
  );
  assert.ok(postgres);
  Deno.kill(postgres.pid, "SIGKILL");
  await eventually(
    () =>
      query(orla.sqlUrl, "SELECT hello('back')").then(
        (rows) => rows[0]?.["hello"] === "Hello back",
        () => false,
      ),
    10_000,
    "SQL calls work again",
  );
  await eventually(
    async () => (await fetch(`${orla.http}/readyz`).then(consumed)).status === 200,
    10_000,
    "ready again",
  );
  const answer = await fetch(`${orla.http}/functions/v1/hello`, {
    method: "POST",
    headers: { apikey: orla.anonKey },
    body: '["http"]',
  });
  assert.equal(await answer.text(), '"Hello http"');
  assert.equal((await orla.stop()).code, 0);
});

Deno.test("a port in use is told in one line with the setting that changes it", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  for (const name of ["ORLA_HTTP_PORT", "ORLA_SQL_PORT"]) {
    await assert.rejects(
      startOrlaProcess({ env: { [name]: String(taken.addr.port) } }),
      new RegExp(`code 1:[^]*port ${taken.addr.port} .* is in use[^]*${name}`),
    );
  }
});

Deno.test("a wrong setting stops the start with its name and code 2", async () => {
  const cases = [
    [{ ORLA_HTP_PORT: "1" }, /ORLA_HTP_PORT is not known; did you mean ORLA_HTTP_PORT/],
    [{ ORLA_SQL_PORT: "many" }, /ORLA_SQL_PORT must be a port/],
    [{ REDIS_URL: "http://127.0.0.1" }, /REDIS_URL must be a redis:/],
  ] as const;
  for (const [env, message] of cases) {
    const { code, stderr, stdout } = await runOrla(["start"], { env });
    assert.equal(code, 2);
    assert.match(stderr, message);
    assert.equal(stdout, "");
  }
  const flag = await runOrla(["start", "--http-prot", "1"]);
  assert.equal(flag.code, 2);
  assert.match(flag.stderr, /Did you mean --http-port/);
});

Deno.test("a database that cannot be reached is told in one line, without its password", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  taken.close();
  const failed = await startOrlaProcess({
    env: { DATABASE_URL: `postgres://someone:opensesame@127.0.0.1:${port}/x` },
  }).then(() => "started", String);
  assert.match(failed, new RegExp(`cannot connect to the Postgres at 127.0.0.1:${port}`));
  assert.doesNotMatch(failed, /opensesame/);
});

Deno.test("a data directory with spaces and a long path works", async () => {
  const home = await Deno.makeTempDir({ prefix: "orla test with spaces " });
  await Deno.chmod(home, 0o755);
  try {
    const dataDir = join(home, "a long name ".repeat(8).trim(), "b".repeat(120));
    await using orla = await startOrlaProcess({ dataDir });
    await query(orla.sqlUrl, HELLO);
    assert.deepEqual(await query(orla.sqlUrl, "SELECT hello('x')"), [{ hello: "Hello x" }]);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test({
  name: "a data directory below one that only root enters: the database goes to /var/lib/orla" +
    needsRoot,
  ignore: !isRoot,
  fn: async () => {
    const home = await Deno.makeTempDir({ prefix: "orla-test-closed-" });
    const dataDir = join(home, "data");
    try {
      await using orla = await startOrlaProcess({ dataDir });
      const location = (await Deno.readTextFile(join(dataDir, "postgres.location"))).trim();
      try {
        assert.match(location, /^\/var\/lib\/orla\//);
        assert.match(orla.logs(), new RegExp(`database .* in ${location}/postgres`));
        await query(orla.sqlUrl, HELLO);
        await orla.stop();
        await using again = await startOrlaProcess({ dataDir });
        assert.deepEqual(await query(again.sqlUrl, "SELECT hello('x')"), [{ hello: "Hello x" }]);
      } finally {
        await orla.stop();
        await Deno.remove(location, { recursive: true });
      }
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  },
});

Deno.test({
  name: `an ordinary user starts it, too${needsRoot}`,
  ignore: !isRoot,
  fn: async () => {
    const home = await Deno.makeTempDir({ prefix: "orla-test-user-" });
    await Deno.chown(home, 65534, 65534);
    try {
      await using orla = await startOrlaProcess({
        dataDir: join(home, "data"),
        prefix: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        env: { HOME: home },
      });
      await query(orla.sqlUrl, HELLO);
      assert.deepEqual(await query(orla.sqlUrl, "SELECT hello('x')"), [{ hello: "Hello x" }]);
      assert.equal((await orla.stop()).code, 0);
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  },
});
