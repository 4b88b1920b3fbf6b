/** What a function may not do, and that its neighbours never hear of it. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { besideNeighbour as besideNeighbourOf, createNeighbour } from "./beside-neighbour.ts";
import { callFunction, callJson } from "./http-calls.ts";
import type { Load } from "./load.ts";
import { metric } from "./metric.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  await createNeighbour(session);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

const besideNeighbour = (work: (neighbour: Load) => Promise<void>) => besideNeighbourOf(orla, work);

const bodyOf = async (response: Response) => [response.status, await response.json()];

Deno.test("TIMEOUT stops a busy loop, over HTTP and in SQL", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION loops(mode text) RETURNS text LANGUAGE javascript TIMEOUT 400 AS $$
    export function main(mode) {
      if (mode === "sync") for (;;);
      if (mode === "micro") return (async () => { for (;;) await null; })();
      if (mode === "regex") return String(/^(a+)+$/.test("a".repeat(60) + "b"));
      return mode;
    } $$`,
  );
  const timeout = { error: "Execution timeout (0.4s)", code: "timeout" };
  await besideNeighbour(async () => {
    for (const mode of ["sync", "micro", "regex"]) {
      const looping = callFunction(orla, "loops", { method: "POST", body: `["${mode}"]` });
      assert.deepEqual(await bodyOf(await looping), [504, timeout], mode);
      assert.equal(await callJson(orla, "loops", "next"), "next");
      const { code, message } = await session.failure(`SELECT loops('${mode}')`);
      assert.deepEqual([code, message], ["57014", "Execution timeout (0.4s)"]);
    }
    assert.equal(await session.value("SELECT loops('again')"), "again");
  });
  await eventually(
    async () =>
      await session.value(
        "SELECT count(*)::int FROM system.edge_function_executions " +
          "WHERE function_id = 'loops' AND status = 'timeout' AND error_code = 'timeout'",
      ) === 6,
    10_000,
    "six time-outs are recorded",
  );
});

Deno.test("an import that never ends is a time-out, too", async () => {
  await session.rows(`CREATE EDGE FUNCTION endless_import LANGUAGE javascript TIMEOUT 400 AS $$
    for (;;);
    export const main = () => 1 $$`);
  await besideNeighbour(async () => {
    const response = await callFunction(orla, "endless_import");
    assert.deepEqual(await bodyOf(response), [504, {
      error: "Execution timeout (0.4s)",
      code: "timeout",
    }]);
  });
  await session.rows(
    "ALTER EDGE FUNCTION endless_import SET CODE = $$ export const main = () => 1 $$",
  );
  assert.equal(await callJson(orla, "endless_import"), 1);
});

Deno.test("MEMORY ends what grows beyond it, however it grows", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION eater(what text) RETURNS int LANGUAGE javascript MEMORY 64MB AS $$
    const kept = [];
    export async function main(what) {
      if (what === "fine") return new Uint8Array(20 << 20).fill(1).length >> 20;
      for (let n = 0; n < 10_000; n++) {
        if (what === "buffers") kept.push(new Uint8Array(1 << 20).fill(n));
        if (what === "objects") for (let i = 0; i < 10_000; i++) kept.push({ n, i, text: "x" + i });
        if (what === "strings") kept.push(JSON.stringify(new Array(1 << 17).fill(n)));
        if (what === "at once") kept.push(new Uint8Array(2 ** 32 - 1));
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
      return kept.length;
    } $$`,
  );
  await besideNeighbour(async () => {
    for (const what of ["buffers", "objects", "strings"]) {
      const response = await callFunction(orla, "eater", { method: "POST", body: `["${what}"]` });
      const { error, code } = await response.json();
      assert.deepEqual([response.status, code], [500, "memory_limit_exceeded"], what);
      assert.match(error, /64/);
      assert.equal(await callJson(orla, "eater", "fine"), 20);
    }
    // What cannot even be asked for is an exception that the function could have caught.
    const response = await callFunction(orla, "eater", { method: "POST", body: '["at once"]' });
    assert.equal(response.status, 500);
    assert.match((await response.json()).code, /^(function_error|memory_limit_exceeded)$/);
    assert.equal((await session.failure("SELECT eater('buffers')")).code, "53200");
    assert.equal(await session.value("SELECT eater('fine')"), 20);
  });
});

/**
 * A function held open by its caller: it answers when its request's body ends. The caller ends it
 * when everything else is in place, which makes the order of things certain.
 */
function held(name: string): { readonly answer: Promise<Response>; release(): void } {
  const gate = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode("held "));
      await gate.promise;
      controller.close();
    },
  });
  return { answer: callFunction(orla, name, { method: "POST", body }), release: gate.resolve };
}

Deno.test("CONCURRENCY and the queue's bound: what is over is told 503, all else is answered", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION narrow LANGUAGE javascript CONCURRENCY 1 MAX_INSTANCES 1 AS $$
    let inside = 0;
    let most = 0;
    export default async (request) => {
      most = Math.max(most, ++inside);
      const text = await request.text();
      inside--;
      return new Response(text + most);
    } $$`,
  );
  const waiting = () => metric(orla, "orla_invocations_waiting");
  const QUEUE = 1_024;
  const EXTRA = 76;
  const first = held("narrow");
  await eventually(
    async () => await metric(orla, 'orla_invocations_in_progress{function="narrow"}') === 1,
    10_000,
    "the first call is inside",
  );
  const calls = Array.from({ length: QUEUE + EXTRA }, async () => {
    const response = await callFunction(orla, "narrow", { method: "POST", body: "through " });
    return { response, body: await response.text() };
  });
  await eventually(async () => await waiting() === QUEUE, 8_000, "the queue is full");
  // Those over the bound are answered at once, not when the queue moves.
  const early = await Promise.race(calls);
  assert.equal(early.response.status, 503);
  first.release();
  assert.equal(await (await first.answer).text(), "held 1");
  const answers = await Promise.all(calls);
  const refused = answers.filter(({ response }) => response.status === 503);
  assert.equal(refused.length, EXTRA);
  for (const { response, body } of refused) {
    assert.equal(response.headers.get("retry-after"), "1");
    assert.equal(JSON.parse(body).code, "overloaded");
  }
  const served = answers.filter(({ response }) => response.status === 200);
  assert.equal(served.length, QUEUE);
  assert.ok(served.every(({ body }) => body === "through 1"), "never two at a time");
  await eventually(
    async () =>
      await session.value(
        "SELECT string_agg(status || ' ' || n, ', ' ORDER BY status) FROM (" +
          "SELECT status, count(*) AS n FROM system.edge_function_executions " +
          "WHERE function_id = 'narrow' GROUP BY status) t",
      ) === `failed ${EXTRA}, succeeded ${QUEUE + 1}`,
    10_000,
    "each call has its record",
  );
});

Deno.test("CONCURRENCY × MAX_INSTANCES is what runs at once, exactly", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION wide LANGUAGE javascript CONCURRENCY 3 MAX_INSTANCES 2 AS $$
    let inside = 0;
    export default async (request) => {
      const mine = ++inside;
      console.log("inside");
      await request.text();
      inside--;
      return Response.json({ mine, pid: Deno.pid });
    } $$`,
  );
  const logged = () => metric(orla, 'orla_log_messages_total{level="info"}').catch(() => 0);
  const before = await logged();
  const calls = Array.from({ length: 8 }, () => held("wide"));
  await eventually(
    async () =>
      await metric(orla, "orla_invocations_waiting") === 2 && await logged() === before + 6,
    10_000,
    "six run, two wait",
  );
  for (const { release } of calls) release();
  const seen = await Promise.all(calls.map(async ({ answer }) => (await answer).json()));
  assert.equal(new Set(seen.map(({ pid }) => pid)).size, 2);
  assert.equal(Math.max(...seen.map(({ mine }) => mine)), 3);
});

Deno.test("a wait in the queue counts towards TIMEOUT", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION stuck LANGUAGE javascript CONCURRENCY 1 MAX_INSTANCES 1 TIMEOUT 700 AS $$
    export default () => {
      console.log("reached");
      return new Promise(() => {});
    } $$`,
  );
  // The first is over after its time, but its place is not free: nothing in it ends.
  const both = [callFunction(orla, "stuck"), callFunction(orla, "stuck")];
  for (const response of both) {
    assert.deepEqual(await bodyOf(await response), [504, {
      error: "Execution timeout (0.7s)",
      code: "timeout",
    }]);
  }
  const count = (what: string) =>
    session.value(`SELECT count(*)::int FROM system.${what} WHERE function_id = 'stuck'`);
  await eventually(async () => await count("edge_function_executions") === 2, 5_000, "two records");
  assert.equal(await count("edge_function_logs"), 1, "the second never reached the function");
});

Deno.test("a caller who leaves the queue is not served", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION busy LANGUAGE javascript CONCURRENCY 1 MAX_INSTANCES 1 AS $$
    let calls = 0;
    export default async (request) => {
      calls++;
      await request.text();
      return new Response(String(calls));
    } $$`,
  );
  const first = held("busy");
  await eventually(
    async () => await metric(orla, 'orla_invocations_in_progress{function="busy"}') === 1,
    10_000,
    "the first call is inside",
  );
  const leave = new AbortController();
  const left = callFunction(orla, "busy", { signal: leave.signal }).catch(() => "left");
  const waiting = () => metric(orla, "orla_invocations_waiting");
  await eventually(async () => await waiting() === 1, 5_000, "it waits");
  leave.abort();
  assert.equal(await left, "left");
  await eventually(async () => await waiting() === 0, 5_000, "it left");
  first.release();
  assert.equal(await (await first.answer).text(), "1");
  assert.equal(await (await callFunction(orla, "busy")).text(), "2");
});
