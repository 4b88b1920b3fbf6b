/** kill -9 of each kind of process, in the middle of work. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { startTestPostgres } from "../postgres.ts";
import { eventually, familyOf, survivors } from "../processes.ts";
import { callFunction, callJson } from "./http-calls.ts";
import { failures, startLoad } from "./load.ts";
import { metric } from "./metric.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

const FUNCTIONS = `
  CREATE EDGE FUNCTION victim(what text) RETURNS jsonb LANGUAGE javascript TIMEOUT 5min AS $$
    export const main = (what) => what === "pid" ? Deno.pid : new Promise(() => {});
  $$;
  CREATE EDGE FUNCTION dripping LANGUAGE javascript TIMEOUT 5min AS $$
    export default () => new Response(new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(Deno.pid + " ")),
    }));
  $$;
  CREATE EDGE FUNCTION neighbour(n int) RETURNS jsonb LANGUAGE javascript AS $$
    export const main = async (n) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return n;
    };
  $$`;

async function running(session: SqlSession, functionId: string): Promise<number> {
  return Number(
    await session.value(
      "SELECT count(*) FROM system.edge_function_executions WHERE function_id = $1 AND status = 'running'",
      [functionId],
    ),
  );
}

Deno.test("kill -9 of an instance: its calls fail clearly, the next work, a neighbour notices nothing", async (t) => {
  await using orla = await startOrlaProcess();
  await using session = await openSession(orla.sqlUrl);
  await session.rows(FUNCTIONS);
  const victim = async () => Number(await callJson(orla, "victim", "pid"));

  await t.step(
    "a call over HTTP is a 502, while a thousand calls of a neighbour succeed",
    async () => {
      const pid = await victim();
      const lost = callFunction(orla, "victim", { method: "POST", body: '["hang"]' });
      await eventually(async () => await running(session, "victim") === 1, 10_000, "it hangs");
      let answered = 0;
      const calls = Array.from({ length: 1_000 }, async (_, n) => {
        const answer = await callJson(orla, "neighbour", n);
        answered++;
        return answer;
      });
      await calls[0];
      Deno.kill(pid, "SIGKILL");
      const response = await lost;
      assert.ok(answered < 1_000, "the neighbour is in the midst of its calls");
      assert.equal(response.status, 502);
      assert.deepEqual(await response.json(), {
        error: "The instance died (SIGKILL)",
        code: "instance_crashed",
      });
      const answers = await Promise.all(calls);
      assert.deepEqual(answers.filter((answer, n) => answer !== n), []);
      assert.notEqual(await victim(), pid);
    },
  );

  await t.step("a call in SQL fails with its SQLSTATE, and the session goes on", async () => {
    const pid = await victim();
    const lost = session.failure("SELECT victim('hang')");
    await using watcher = await openSession(orla.sqlUrl);
    await eventually(async () => await running(watcher, "victim") === 1, 10_000, "it hangs");
    Deno.kill(pid, "SIGKILL");
    const { code, message } = await lost;
    assert.deepEqual([code, message], ["38000", "The instance died (SIGKILL)"]);
    assert.notEqual(await session.value("SELECT victim('pid')"), pid);
  });

  await t.step("an answer under way is cut, and cannot pass for whole", async () => {
    const response = await callFunction(orla, "dripping");
    assert.equal(response.status, 200);
    const reader = response.body?.getReader();
    const first = await reader?.read();
    Deno.kill(Number(new TextDecoder().decode(first?.value)), "SIGKILL");
    await assert.rejects(async () => await reader?.read());
    const again = await callFunction(orla, "dripping");
    assert.equal(again.status, 200);
    await again.body?.cancel();
  });

  await t.step("the records say what happened", async () => {
    await eventually(
      async () =>
        await session.value(
          "SELECT count(*)::int FROM system.edge_function_executions " +
            "WHERE status = 'failed' AND error_code = 'instance_crashed'",
        ) === 3,
      10_000,
      "three crashed executions",
    );
    assert.equal(await running(session, "victim"), 0);
  });
});

Deno.test("kill -9 of instances under load, again and again: only their own calls fail", async () => {
  await using orla = await startOrlaProcess();
  await using session = await openSession(orla.sqlUrl);
  await session.rows(FUNCTIONS);
  const neighbour = startLoad(orla, "neighbour", { workers: 4 });
  const pids = new Set<number>();
  const kills = 8;
  const load = startLoad(orla, "victim", {
    workers: 2,
    request: () => ({ method: "POST", body: '["pid"]' }),
  });
  for (let n = 0; n < kills; n++) {
    await load.more(6);
    const pid = Number(load.answers.findLast(({ status }) => status === 200)?.body);
    pids.add(pid);
    try {
      Deno.kill(pid, "SIGKILL");
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
    await eventually(
      () => load.answers.some(({ body, status }) => status === 200 && !pids.has(Number(body))),
      10_000,
      "another instance answers",
    );
  }
  await load.stop();
  await neighbour.stop();
  assert.deepEqual(failures(neighbour.answers), []);
  // At most what both workers had there at the moment of each kill.
  const failed = load.answers.filter(({ status }) => status !== 200);
  assert.ok(failed.length <= 2 * kills, failures(load.answers).join());
  assert.deepEqual([...new Set(failed.map(({ status }) => status))].filter((s) => s !== 502), []);
});

async function processesOf(orla: OrlaProcess, words: string): Promise<number[]> {
  return (await familyOf(orla.pid)).filter(({ command }) => command.includes(words)).map((
    { pid },
  ) => pid);
}

Deno.test("kill -9 of Postgres: HTTP goes on, sessions are told, nothing of the calls is lost", async () => {
  await using orla = await startOrlaProcess();
  await using setUp = await openSession(orla.sqlUrl);
  await setUp.rows(FUNCTIONS);
  const idle = await openSession(orla.sqlUrl);
  const busy = await openSession(orla.sqlUrl);
  const calling = await openSession(orla.sqlUrl);
  const idleEnd = new Promise<Error>((resolve) => idle.client.on("error", resolve));
  const slept = busy.failure("SELECT pg_sleep(600)");
  const called = calling.failure("SELECT victim('hang')");
  await eventually(async () => await running(setUp, "victim") === 1, 10_000, "it hangs");
  const load = startLoad(orla, "neighbour", { workers: 4 });
  await load.more(40);
  const [postmaster] = await processesOf(orla, "/postgres -D");
  assert.ok(postmaster);
  Deno.kill(postmaster, "SIGKILL");

  // 57P01 from Postgres itself, 08006 from the gateway where Postgres had no time for a word.
  for (const { severity, code } of [await slept, await called]) {
    assert.ok(severity === "FATAL" && /^(57P0[12]|08006)$/.test(code ?? ""), `${severity} ${code}`);
  }
  const { severity, code } = await idleEnd as Error & { severity: string; code: string };
  assert.ok(severity === "FATAL" && /^(57P0[12]|08006)$/.test(code), `${severity} ${code}`);
  await load.more(40);
  await eventually(
    async () => {
      try {
        await using session = await openSession(orla.sqlUrl);
        return await session.value("SELECT victim('pid') IS NOT NULL") === true;
      } catch {
        return false;
      }
    },
    20_000,
    "SQL works again",
  );
  await load.more(40);
  await load.stop();
  assert.deepEqual(failures(load.answers), []);
  // Every call has its record, those from while the database was away included.
  await using session = await openSession(orla.sqlUrl);
  await eventually(
    async () =>
      await session.value(
        "SELECT count(*)::int FROM system.edge_function_executions " +
          "WHERE function_id = 'neighbour' AND status = 'succeeded'",
      ) === load.answers.length,
    20_000,
    "every record is written",
  );
  assert.equal(await metric(orla, 'orla_records_total{kind="executions",outcome="dropped"}'), 0);
  await session.rows(
    "ALTER EDGE FUNCTION neighbour SET CODE = $$ export const main = () => 'new' $$",
  );
  assert.equal(await callJson(orla, "neighbour"), "new");
  await Promise.allSettled([idle.close(), busy.close(), calling.close()]);
});

Deno.test("kill -9 of one Postgres backend: its session is told, all others recover", async () => {
  await using orla = await startOrlaProcess();
  await using setUp = await openSession(orla.sqlUrl);
  await setUp.rows(FUNCTIONS);
  const lost = await openSession(orla.sqlUrl);
  const pid = Number(await lost.value("SELECT pg_backend_pid()"));
  const told = lost.failure("SELECT pg_sleep(600)");
  Deno.kill(pid, "SIGKILL");
  const { severity, code } = await told;
  assert.ok(severity === "FATAL" && /^(57P0[12]|08006)$/.test(code ?? ""), `${severity} ${code}`);
  await eventually(
    () =>
      openSession(orla.sqlUrl).then(async (session) => {
        await using _ = session;
        return await session.value("SELECT victim('pid') IS NOT NULL") === true;
      }, () => false).catch(() => false),
    20_000,
    "SQL works again",
  );
  assert.equal(typeof await callJson(orla, "victim", "pid"), "number");
  await lost.close().catch(() => {});
});

Deno.test("kill -9 of the node: the next start finds all of it, and settles what was running", async () => {
  // A database of its own, which sees both lives.
  await using postgres = await startTestPostgres();
  const env = { DATABASE_URL: postgres.url };
  await using first = await startOrlaProcess({ env });
  await using direct = await openSession(postgres.url);
  {
    await using session = await openSession(first.sqlUrl);
    await session.rows(FUNCTIONS);
    await session.rows(
      "ALTER EDGE FUNCTION neighbour SET CODE = $$ export const main = () => 'second' $$",
    );
    await session.rows("BEGIN; DROP EDGE FUNCTION victim; CREATE TABLE uncommitted ()");
    const cut = Promise.allSettled([
      callFunction(first, "dripping").then((response) => response.text()),
      callFunction(first, "victim", { method: "POST", body: '["hang"]' }),
    ]);
    await eventually(
      async () => await running(direct, "victim") === 1 && await running(direct, "dripping") === 1,
      10_000,
      "both run",
    );
    const family = await familyOf(first.pid);
    await first.stop("SIGKILL");
    assert.deepEqual((await cut).map(({ status }) => status), ["rejected", "rejected"]);
    await eventually(async () => (await survivors(family)).length === 0, 5_000, "nothing is left");
    await session.close().catch(() => {});
  }
  // As if the half minute had passed after which a node counts as dead.
  await direct.rows("UPDATE edge.nodes SET heartbeat_at = heartbeat_at - interval '31 s'");
  await using second = await startOrlaProcess({ env, dataDir: first.dataDir });
  await using session = await openSession(second.sqlUrl);
  assert.equal(await session.value("SELECT to_regclass('uncommitted')"), null);
  assert.equal(await callJson(second, "neighbour"), "second");
  assert.equal(typeof await session.value("SELECT victim('pid')"), "number");
  assert.deepEqual(
    await session.rows(
      "SELECT version, current FROM system.edge_function_versions WHERE function_id = 'neighbour' ORDER BY 1",
    ),
    [{ version: 1, current: false }, { version: 2, current: true }],
  );
  await eventually(
    async () =>
      await session.value(
        "SELECT count(*)::int FROM system.edge_function_executions " +
          "WHERE status = 'failed' AND error_code = 'node_lost'",
      ) === 2,
    20_000,
    "the lost executions are settled",
  );
});
