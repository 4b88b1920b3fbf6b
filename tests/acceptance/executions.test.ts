/** Every call leaves one record, and no record costs a call anything. */
import assert from "node:assert/strict";
import { startOrlaProcess } from "../orla.ts";
import { startTestPostgres } from "../postgres.ts";
import { eventually, familyOf } from "../processes.ts";
import { callFunction, callJson } from "./http-calls.ts";
import { metric } from "./metric.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

const TALKS = `(lines int) RETURNS int LANGUAGE javascript AS $$
    const line = "x".repeat(8000);
    export function main(lines) { for (let i = 0; i < lines; i++) console.log(i, line); return lines; }
  $$`;

const FUNCTIONS = `
  CREATE EDGE FUNCTION works(n int) RETURNS int LANGUAGE javascript AS $$
    export function main(n) { console.log("n is", n); return n; }
  $$;
  CREATE EDGE FUNCTION throws LANGUAGE javascript AS $$
    export function main() { throw new TypeError("never well"); }
  $$;
  CREATE EDGE FUNCTION waits LANGUAGE javascript TIMEOUT 200 AS $$
    export default () => new Promise(() => {});
  $$;
  CREATE EDGE FUNCTION holds LANGUAGE javascript TIMEOUT 5min AS $$
    export default async (request) => { await request.text(); return new Response("held"); };
  $$;`;

const COUNTS = `
  SELECT function_id || ' ' || trigger || ' ' || status || ' ' || count(*) AS line
  FROM system.edge_function_executions GROUP BY function_id, trigger, status ORDER BY 1`;

async function counts(session: SqlSession): Promise<unknown[]> {
  return (await session.rows(COUNTS)).map(({ line }) => line);
}

Deno.test("after a clean stop every call of every kind is recorded once, with its log lines", async () => {
  await using postgres = await startTestPostgres();
  await using direct = await openSession(postgres.url);
  await using orla = await startOrlaProcess({ env: { DATABASE_URL: postgres.url } });
  const ids = new Map<string, number>();
  {
    await using session = await openSession(orla.sqlUrl);
    await session.rows(FUNCTIONS);
    await Promise.all([
      ...Array.from({ length: 700 }, async (_, n) => {
        const response = await callFunction(orla, "works", { method: "POST", body: `[${n}]` });
        assert.equal(await response.json(), n);
        ids.set(response.headers.get("x-orla-execution-id") ?? "", n);
      }),
      ...Array.from({ length: 30 }, async () => {
        assert.equal((await callFunction(orla, "throws").then(drained)).status, 500);
      }),
      ...Array.from({ length: 20 }, async () => {
        assert.equal((await callFunction(orla, "waits").then(drained)).status, 504);
      }),
      session.rows("SELECT sum(works(n)) FROM generate_series(1, 500) n"),
      ...Array.from({ length: 50 }, async (_, n) => {
        const response = await fetch(`${orla.http}/api/v1/functions/works/invoke`, {
          method: "POST",
          headers: { apikey: orla.serviceKey },
          body: JSON.stringify({ payload: [n] }),
        });
        assert.equal((await response.json()).result, n);
      }),
    ]);
    await session.failure("SELECT throws()");
    // The last ones have no time to be written before the stop.
    for (let n = 0; n < 25; n++) await callJson(orla, "works", n);
  }
  assert.equal((await orla.stop()).code, 0);

  assert.deepEqual(await counts(direct), [
    "throws http failed 30",
    "throws sql failed 1",
    "waits http timeout 20",
    "works api succeeded 50",
    "works http succeeded 725",
    "works sql succeeded 500",
  ]);
  // Each id that a caller was given is one record, and its line says what that caller sent.
  assert.equal(ids.size, 700);
  const lines = await direct.rows(
    "SELECT execution_id::text AS id, message FROM system.edge_function_executions " +
      "JOIN system.edge_function_logs USING (execution_id) WHERE execution_id = ANY ($1::uuid[])",
    [[...ids.keys()]],
  );
  assert.equal(lines.length, 700);
  for (const { id, message } of lines) assert.equal(message, `n is ${ids.get(String(id))}`);
  assert.equal(
    await direct.value(
      "SELECT count(*)::int FROM system.edge_function_logs WHERE function_id = 'works'",
    ),
    725 + 500 + 50,
  );
  const [row] = await direct.rows(
    "SELECT count(*) FILTER (WHERE cold_start)::int AS cold, bool_and(execution_time_ms >= 0) AS timed, " +
      "bool_and(version = 1) AS versioned, count(DISTINCT node_id)::int AS nodes, min(region) AS region, " +
      "count(DISTINCT execution_id)::int AS ids, " +
      "bool_and(error_message = 'TypeError: never well') FILTER (WHERE function_id = 'throws') AS why, " +
      "bool_and(http_status = 504) FILTER (WHERE function_id = 'waits') AS status " +
      "FROM system.edge_function_executions",
  );
  const { cold, ...rest } = row ?? {};
  assert.deepEqual(rest, {
    timed: true,
    versioned: true,
    nodes: 1,
    region: "local",
    ids: 1_326,
    why: true,
    status: true,
  });
  assert.ok(Number(cold) >= 3, "the first call of each function is cold");
});

async function drained(response: Response): Promise<Response> {
  await response.body?.cancel();
  return response;
}

Deno.test("a call that lasts is seen running, by its id, until it is over", async () => {
  await using orla = await startOrlaProcess();
  await using session = await openSession(orla.sqlUrl);
  await session.rows(FUNCTIONS);
  const gate = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode("on"));
      await gate.promise;
      controller.close();
    },
  });
  const answer = callFunction(orla, "holds", { method: "POST", body });
  const RECORD =
    "SELECT execution_id::text AS id, status, execution_time_ms, http_status FROM system.edge_function_executions";
  await eventually(async () => (await session.rows(RECORD)).length === 1, 10_000, "it is seen");
  const [running] = await session.rows(RECORD);
  assert.deepEqual({ ...running, id: "" }, {
    id: "",
    status: "running",
    execution_time_ms: null,
    http_status: null,
  });
  gate.resolve();
  const response = await drained(await answer);
  assert.equal(response.headers.get("x-orla-execution-id"), running?.["id"]);
  await eventually(
    async () => (await session.rows(RECORD))[0]?.["status"] === "succeeded",
    10_000,
    "it is over",
  );
  const [over, ...others] = await session.rows(RECORD);
  assert.deepEqual([over?.["id"], over?.["http_status"], others], [running?.["id"], 200, []]);
});

/** Every process of the server: a backend that is left running would still answer. */
async function signalPostgres(postmaster: number, signal: Deno.Signal): Promise<void> {
  for (const { pid } of await familyOf(postmaster)) Deno.kill(pid, signal);
}

Deno.test("Postgres stands still: calls go on, records wait, are dropped by count, and the rest arrives", async () => {
  await using postgres = await startTestPostgres();
  await using orla = await startOrlaProcess({ env: { DATABASE_URL: postgres.url } });
  await using session = await openSession(orla.sqlUrl);
  await session.rows(FUNCTIONS);
  const CALLS = 2_000;
  const record = (kind: string, outcome: string) =>
    metric(orla, `orla_records_total{kind="${kind}",outcome="${outcome}"}`);
  await callJson(orla, "works", 0);
  for (let n = 0; n < 4; n++) {
    await session.rows(`CREATE EDGE FUNCTION talks${n} ${TALKS}`);
    await callJson(orla, `talks${n}`, 1);
  }

  await signalPostgres(postgres.pid, "SIGSTOP");
  try {
    // No query can be answered now; that all of these are is the proof that none waits for one.
    const worker = async (part: number) => {
      for (let n = part; n < CALLS; n += 8) assert.equal(await callJson(orla, "works", n), n);
    };
    await Promise.all([...Array(8).keys()].map(worker));
    assert.equal(await record("executions", "dropped"), 0);
    assert.equal((await fetch(`${orla.http}/healthz`).then(drained)).status, 200);
    // Lines of 8 KB fill the 32 MB that may wait; the calls go on all the same.
    // An instance may write so much at once that one function alone does not do it.
    for (let n = 0; n < 60; n++) assert.equal(await callJson(orla, `talks${n % 4}`, 100), 100);
    assert.ok(await record("logs", "dropped") > 0, "what does not fit is counted");
    assert.equal(await record("executions", "dropped"), 0);
  } finally {
    await signalPostgres(postgres.pid, "SIGCONT");
  }
  await eventually(
    async () => (await counts(session)).includes(`works http succeeded ${CALLS + 1}`),
    30_000,
    "every execution is written",
  );
  await eventually(
    async () =>
      await record("logs", "written") + await record("logs", "dropped") ===
        CALLS + 1 + 4 + 60 * 100,
    30_000,
    "each line is written or counted as dropped",
  );
  assert.equal(
    await session.value("SELECT count(*)::int FROM system.edge_function_logs"),
    await record("logs", "written"),
  );
});
