/** Each limit has its code, over HTTP, in SQL and in the record of the execution. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { besideNeighbour, createNeighbour } from "./beside-neighbour.ts";
import { callFunction, callJson } from "./http-calls.ts";
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

/** The records of a function: its statuses and codes, oldest first, once there are so many. */
async function recordsOf(name: string, count: number): Promise<unknown[]> {
  const records = () =>
    session.rows(
      `SELECT status, error_code, cpu_ms FROM system.edge_function_executions
       WHERE function_id = '${name}' AND status <> 'running' ORDER BY timestamp`,
    );
  await eventually(async () => (await records()).length >= count, 10_000, `${count} records`);
  return await records();
}

const CODE = `
  const acts = {
    fine: () => "fine",
    loop: () => { for (;;); },
    large: () => "x".repeat(200_000),
    talk: () => { for (let i = 0; i < 200; i++) console.log("line", i, "x".repeat(90)); return "talked"; },
    hold: async (request) => await request.text(),
  };
  export default async (request) => {
    const what = request.headers.get("x-what") ?? (await request.json())[0];
    if (what === "stream") {
      return new Response(new ReadableStream({
        async pull(controller) {
          controller.enqueue(new Uint8Array(10_000).fill(120));
          await new Promise((resolve) => setTimeout(resolve, 1));
        },
      }));
    }
    return new Response(await acts[what](request));
  }`;

const post = (name: string, what: string) =>
  callFunction(orla, name, { method: "POST", body: JSON.stringify([what]) });
const bodyOf = async (response: Response) => [response.status, await response.json()];

Deno.test("CPU_TIME: a loop is ended with cpu_limit_exceeded and 54000", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION cpu(what text) RETURNS text LANGUAGE javascript CPU_TIME 200ms AS $$
      export const main = (what) => { if (what === "loop") for (;;); return what; } $$`,
  );
  await besideNeighbour(orla, async () => {
    assert.deepEqual(
      await bodyOf(await callFunction(orla, "cpu", { method: "POST", body: '["loop"]' })),
      [500, {
        error: "CPU time exceeded (0.2s)",
        code: "cpu_limit_exceeded",
        hint: "Raise the function's CPU_TIME, or let it compute less in one call.",
      }],
    );
    assert.equal(await callJson(orla, "cpu", "next"), "next");
    const { code, message } = await session.failure("SELECT cpu('loop')");
    assert.deepEqual([code, message], ["54000", "CPU time exceeded (0.2s)"]);
    assert.equal(await session.value("SELECT cpu('again')"), "again");
  });
  const records = await recordsOf("cpu", 4) as { error_code: string | null; cpu_ms: number }[];
  assert.deepEqual(records.map(({ error_code }) => error_code), [
    ...["cpu_limit_exceeded", null],
    ...["cpu_limit_exceeded", null],
  ]);
  for (const { error_code, cpu_ms } of records) {
    if (error_code === null) assert.ok(cpu_ms < 200, `${cpu_ms}`);
    else assert.ok(cpu_ms > 200, `${cpu_ms}`);
  }
});

Deno.test("CPU_LIMIT: a function computes no more than its share, and ends all the same", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION slow(ms int) RETURNS int LANGUAGE javascript CPU_LIMIT 25 AS $$
      export const main = (ms) => {
        for (const end = performance.now() + ms; performance.now() < end;);
        return ms;
      } $$`,
  );
  await besideNeighbour(orla, async () => {
    assert.equal(await session.value("SELECT slow(1)"), 1);
    assert.equal(await session.value("SELECT slow(2000)"), 2000);
  });
  const [, record] = await recordsOf("slow", 2) as { cpu_ms: number }[];
  // A quarter of two seconds, and what comes on top in the first tenth.
  assert.ok(record !== undefined && record.cpu_ms > 10 && record.cpu_ms < 800, `${record?.cpu_ms}`);
});

Deno.test("MAX_RESPONSE_SIZE: whole responses fail, streams are cut, results fail", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION big LANGUAGE javascript MAX_RESPONSE_SIZE 100KB AS $$ ${CODE} $$`,
  );
  const tooLarge = {
    error: "The function's response is larger than MAX_RESPONSE_SIZE (100KB)",
    code: "response_too_large",
    hint: "Raise MAX_RESPONSE_SIZE, or return less at once.",
  };
  await besideNeighbour(orla, async () => {
    const beside = new AbortController();
    const held = callFunction(orla, "big", {
      method: "POST",
      headers: { "x-what": "hold" },
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("held"));
          beside.signal.addEventListener("abort", () => controller.close());
        },
      }),
    });
    assert.deepEqual(await bodyOf(await post("big", "large")), [500, tooLarge]);
    const cut = await post("big", "stream");
    assert.equal(cut.status, 200);
    let received = 0;
    await assert.rejects(async () => {
      for await (const chunk of cut.body ?? []) received += chunk.length;
    });
    assert.ok(received <= 100 * 1024, `${received}`);
    const { code, message } = await session.failure(`SELECT big('["large"]')`);
    assert.deepEqual([code, message], [
      ...["54000", "The function's result is larger than MAX_RESPONSE_SIZE (100KB)"],
    ]);
    beside.abort();
    assert.equal(await (await held).text(), "held", "another call of the same instance goes on");
    assert.equal(await (await post("big", "fine")).text(), "fine");
  });
  const records = await recordsOf("big", 5) as { error_code: string | null }[];
  assert.equal(records.filter(({ error_code }) => error_code === null).length, 2);
  assert.equal(records.filter(({ error_code }) => error_code === "response_too_large").length, 3);
});

Deno.test("MAX_LOG_SIZE: lines beyond are dropped and told, and the call succeeds", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION talker LANGUAGE javascript MAX_LOG_SIZE 1KB AS $$ ${CODE} $$`,
  );
  await besideNeighbour(orla, async () => {
    assert.equal(await (await post("talker", "talk")).text(), "talked");
  });
  const records = await recordsOf("talker", 1) as Record<string, unknown>[];
  assert.deepEqual([records[0]?.["status"], records[0]?.["error_code"]], [
    ...["succeeded", "log_limit_exceeded"],
  ]);
  const lines = () =>
    session.rows(
      `SELECT level, message FROM system.edge_function_logs
       WHERE function_id = 'talker' ORDER BY timestamp`,
    );
  await eventually(async () => (await lines()).length >= 11, 10_000, "the lines are written");
  const [warning, ...more] = (await lines()).filter(({ level }) => level === "warn");
  assert.deepEqual(more, []);
  assert.match(
    String(warning?.["message"]),
    /^190 log lines were dropped: a call may write 1KB \(MAX_LOG_SIZE\)$/,
  );
});
