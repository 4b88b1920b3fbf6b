/** What a data directory may have been through between two starts. */
import assert from "node:assert/strict";
import { join } from "node:path";
import pg from "pg";
import { runOrla, startOrlaProcess } from "./orla.ts";
import { eventually, familyOf, survivors } from "./processes.ts";

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

Deno.test("keys.json removed: new keys, and the data is still there", async () => {
  await using first = await startOrlaProcess();
  await query(first.sqlUrl, "CREATE TABLE kept AS SELECT 7 AS n");
  await first.stop();
  await Deno.remove(join(first.dataDir, "keys.json"));
  await using second = await startOrlaProcess({ dataDir: first.dataDir });
  assert.notEqual(second.serviceKey, first.serviceKey);
  assert.notEqual(new URL(second.sqlUrl).password, new URL(first.sqlUrl).password);
  assert.deepEqual(await query(second.sqlUrl, "SELECT n FROM kept"), [{ n: 7 }]);
});

Deno.test("a database of another Postgres is refused with both versions", async () => {
  await using orla = await startOrlaProcess();
  await orla.stop();
  await Deno.writeTextFile(join(orla.dataDir, "postgres", "PG_VERSION"), "17\n");
  await assert.rejects(
    startOrlaProcess({ dataDir: orla.dataDir }),
    /made by Postgres 17; this Orla runs Postgres 18/,
  );
});

Deno.test("an interrupted first start leaves nothing that stops the next", async () => {
  const home = await Deno.makeTempDir({ prefix: "orla-test-" });
  await Deno.chmod(home, 0o755);
  try {
    const dataDir = join(home, "data");
    await Deno.mkdir(join(dataDir, "postgres.new", "base"), { recursive: true });
    await Deno.writeTextFile(join(dataDir, "postgres.new", "PG_VERSION"), "18\n");
    await Deno.writeTextFile(join(dataDir, "orla.state.json"), '{"pid":');
    await using orla = await startOrlaProcess({ dataDir });
    assert.deepEqual(await query(orla.sqlUrl, "SELECT 1 AS one"), [{ one: 1 }]);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("a node that can start no instance is not ready, until it can again", async () => {
  for (const blankProcesses of ["0", "2"]) {
    await using orla = await startOrlaProcess({ env: { ORLA_BLANK_PROCESSES: blankProcesses } });
    const { http, anonKey } = orla;
    await query(orla.sqlUrl, "CREATE EDGE FUNCTION f LANGUAGE js AS 'export const main = () => 1'");
    const ready = async () => {
      const response = await fetch(`${http}/readyz`);
      return [response.status, (await response.json()).reasons?.instances ?? null];
    };
    const call = async () => {
      const response = await fetch(`${http}/invoke/f`, {
        method: "POST",
        headers: { apikey: anonKey },
      });
      await response.body?.cancel();
      return response.status;
    };
    assert.deepEqual(await ready(), [200, null]);
    const directory = (await Deno.readTextFile(join(orla.dataDir, "orla.runtime"))).trim();
    await Deno.rename(directory, `${directory}.away`);
    try {
      for (const { pid, command } of await familyOf(orla.pid)) {
        if (command.includes("/bootstrap/main.js")) Deno.kill(pid, "SIGKILL");
      }
      // With no process kept ready, a call is the first to learn of it.
      if (blankProcesses === "0") assert.equal(await call(), 503);
      await eventually(async () => (await ready())[0] === 503, 10_000, "not ready");
      assert.match(String((await ready())[1]), /^no instance can be started/);
      assert.equal(await call(), 503);
    } finally {
      await Deno.rename(`${directory}.away`, directory);
    }
    await eventually(async () => (await ready())[0] === 200, 10_000, "ready again");
    assert.equal(await call(), 200);
  }
});

const isRoot = Deno.uid() === 0;

Deno.test({
  name: "a stale postmaster.pid whose number is another process of the same user by now" +
    (isRoot ? "" : " (skipped: needs root)"),
  ignore: !isRoot,
  fn: async () => {
    await using orla = await startOrlaProcess();
    const pidFile = join(orla.dataDir, "postgres", "postmaster.pid");
    const content = await Deno.readTextFile(pidFile);
    await orla.stop();
    const stranger = new Deno.Command("sleep", { args: ["60"], uid: 65534, gid: 65534 }).spawn();
    try {
      await Deno.writeTextFile(pidFile, content.replace(/^\d+/, String(stranger.pid)), {
        mode: 0o600,
      });
      await Deno.chown(pidFile, 65534, 65534);
      await using again = await startOrlaProcess({ dataDir: orla.dataDir });
      assert.deepEqual(await query(again.sqlUrl, "SELECT 1 AS one"), [{ one: 1 }]);
      assert.ok((await familyOf(stranger.pid)).length === 1, "the stranger lives");
    } finally {
      stranger.kill("SIGKILL");
      await stranger.status;
    }
  },
});

Deno.test("a backend of a dead Postgres that is busy does not keep the next from starting", async () => {
  await using orla = await startOrlaProcess();
  const busy = query(
    orla.sqlUrl,
    "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$",
  ).catch(() => "cut");
  let backend: number | undefined;
  await eventually(
    async () => {
      const [row] = await query(
        orla.databaseUrl,
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'",
      );
      backend = Number(row?.["pid"]);
      return row !== undefined;
    },
    5_000,
    "the loop runs",
  );
  const family = await familyOf(orla.pid);
  const postmaster = family.find(({ command }) => command.includes("/postgres -D"));
  assert.ok(postmaster && backend);
  Deno.kill(postmaster.pid, "SIGKILL");
  await eventually(
    () => query(orla.sqlUrl, "SELECT 1").then(() => true, () => false),
    10_000,
    "Postgres is back",
  );
  assert.equal(await busy, "cut");
  assert.deepEqual(await survivors(family.filter(({ pid }) => pid === backend)), []);
});

Deno.test("with a certificate, HTTP is HTTPS and SQL clients may encrypt", async () => {
  const fixture = (name: string) => new URL(`./fixtures/${name}`, import.meta.url).pathname;
  await using orla = await startOrlaProcess({
    env: { ORLA_TLS_CERT: fixture("localhost.crt"), ORLA_TLS_KEY: fixture("localhost.key") },
  });
  assert.match(orla.http, /^https:/);
  const encrypted = `${orla.sqlUrl}?sslmode=no-verify`;
  assert.deepEqual(await query(encrypted, "SELECT 1 AS one"), [{ one: 1 }]);
  assert.deepEqual(await query(orla.sqlUrl, "SELECT 1 AS one"), [{ one: 1 }]);
  // Asks /readyz.
  const status = await runOrla(["status"], { env: { ORLA_DATA_DIR: orla.dataDir } });
  assert.equal(status.code, 0, status.stdout);
});
