/** Functions over HTTP through a whole node: real processes, real Postgres. */
import assert from "node:assert/strict";
import { Client } from "pg";
import { type OrlaProcess, startOrlaProcess } from "./orla.ts";

const functions = `
CREATE EDGE FUNCTION echo LANGUAGE javascript AS $$
  export default {
    fetch: (request) => new Response(request.body, {
      status: 201,
      headers: { "x-method": request.method, "x-path": new URL(request.url).pathname,
                 "x-seen": [...request.headers.keys()].join() },
    }),
  };
$$;
CREATE EDGE FUNCTION length LANGUAGE javascript AS $$
  export default { fetch: async (request) => new Response(String((await request.bytes()).length)) };
$$;
CREATE EDGE FUNCTION download LANGUAGE javascript AS $$
  export default {
    fetch: (request) => {
      let left = Number(new URL(request.url).searchParams.get("chunks"));
      return new Response(new ReadableStream({
        pull(controller) {
          if (left-- > 0) controller.enqueue(new Uint8Array(65536));
          else controller.close();
        },
      }));
    },
  };
$$;
CREATE EDGE FUNCTION waiting LANGUAGE javascript AS $$
  export default { fetch: () => new Promise(() => {}) };
$$;
CREATE EDGE FUNCTION slow LANGUAGE javascript TIMEOUT 100 AS $$
  export default { fetch: () => new Promise(() => {}) };
$$;
CREATE EDGE FUNCTION failing LANGUAGE javascript AS $$
  export default { fetch: () => { throw new Error("no luck"); } };
$$;
CREATE EDGE FUNCTION open LANGUAGE javascript AUTH 'none' AS $$
  function handler(data) { return { got: data }; }
$$;
`;

async function withNode(test: (orla: OrlaProcess, sql: Client) => Promise<void>): Promise<void> {
  await using orla = await startOrlaProcess();
  const sql = new Client(orla.sqlUrl);
  await sql.connect();
  try {
    await sql.query(functions);
    await test(orla, sql);
  } finally {
    await sql.end();
  }
}

Deno.test("functions over HTTP, through a whole node", async (t) => {
  await withNode(async (orla, sql) => {
    const headers = { apikey: orla.anonKey };
    const at = (path: string) => `${orla.http}/functions/v1/${path}`;

    await t.step("the first call is cold and says so, the next is warm", async () => {
      const timings: string[] = [];
      for (let call = 0; call < 2; call++) {
        const response = await fetch(at("echo/rest?x"), { method: "PUT", headers, body: "hello" });
        assert.equal(response.status, 201);
        assert.equal(await response.text(), "hello");
        assert.equal(response.headers.get("x-method"), "PUT");
        assert.equal(response.headers.get("x-path"), "/functions/v1/echo/rest");
        assert.doesNotMatch(response.headers.get("x-seen") ?? "", /apikey/);
        timings.push(response.headers.get("server-timing") ?? "");
      }
      assert.match(timings[0] ?? "", /^total;dur=[\d.]+, exec;dur=[\d.]+, cold;dur=[\d.]+$/);
      assert.match(timings[1] ?? "", /^total;dur=[\d.]+, exec;dur=[\d.]+$/);
    });

    await t.step("9 MB go up and down", async () => {
      const up = await fetch(at("length"), {
        method: "POST",
        headers,
        body: new Uint8Array(9_000_000),
      });
      assert.equal(await up.text(), "9000000");
      const down = await fetch(at("download?chunks=144"), { headers });
      assert.equal((await down.bytes()).length, 144 * 65536);
    });

    await t.step("chunks beyond the limit are 413, whatever the function does", async () => {
      let left = 12;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (left-- > 0) controller.enqueue(new Uint8Array(1024 * 1024));
          else controller.close();
        },
      });
      const response = await fetch(at("length"), { method: "POST", headers, body });
      assert.equal(response.status, 413);
      assert.equal((await response.json()).code, "payload_too_large");
    });

    await t.step("errors and time-outs", async () => {
      const failing = await fetch(at("failing"), { headers });
      assert.equal(failing.status, 500);
      assert.deepEqual(await failing.json(), { error: "no luck", code: "function_error" });
      const asService = await fetch(at("failing"), { headers: { apikey: orla.serviceKey } });
      assert.match((await asService.json()).detail, /failing\.js/);
      const slow = await fetch(at("slow"), { headers });
      assert.equal(slow.status, 504);
      assert.deepEqual(await slow.json(), { error: "Execution timeout (0.1s)", code: "timeout" });
    });

    await t.step("payloads in and results out", async () => {
      const bare = await fetch(`${orla.http}/invoke/open`, { method: "POST", body: '{"a":1}' });
      assert.deepEqual(await bare.json(), { got: { a: 1 } });
      const wrapped = await fetch(`${orla.http}/api/v1/functions/open/invoke`, {
        method: "POST",
        body: '{"payload":[1,2]}',
      });
      const { status, result } = await wrapped.json();
      assert.deepEqual({ status, result }, { status: "success", result: { got: [1, 2] } });
    });

    await t.step("a client that leaves cancels its execution", async () => {
      const leave = new AbortController();
      const answer = fetch(at("waiting"), { headers, signal: leave.signal });
      const statusOf = async () =>
        (await sql.query(
          "SELECT status FROM system.edge_function_executions WHERE function_id = 'waiting'",
        )).rows[0]?.status;
      while (await statusOf() !== "running");
      leave.abort();
      await assert.rejects(answer);
      let status = await statusOf();
      while (status === "running") status = await statusOf();
      assert.equal(status, "cancelled");
    });
  });
});
