/** Hooks, and queues over HTTP. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

const post = (path: string, body: unknown, key = orla.serviceKey) =>
  fetch(`${orla.http}${path}`, {
    method: "POST",
    headers: { apikey: key },
    body: JSON.stringify(body),
  });

Deno.test("a hook calls all its functions, in order where they ask for it; failures block nobody", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION tell LANGUAGE javascript AS $$
      export const handler = (context) => ({ told: context.projectId });
    $$;
    CREATE EDGE FUNCTION broken LANGUAGE javascript AS $$
      export const handler = () => { throw new Error("no"); };
    $$;
    CREATE TRIGGER last ON HOOK 'post-backup' MODE ordered POSITION 9 EXECUTE EDGE FUNCTION tell;
    CREATE TRIGGER first ON HOOK 'post-backup' MODE ordered POSITION 1 EXECUTE EDGE FUNCTION broken`);
  const response = await post("/api/v1/hooks/post-backup", { projectId: "p1", backupId: "b1" });
  assert.equal(response.status, 200);
  const { hook, results } = await response.json();
  assert.equal(hook, "post-backup");
  assert.deepEqual(
    results.map(({ trigger, status, result, error, code }: Record<string, unknown>) => ({
      trigger,
      status,
      result,
      error,
      code,
    })),
    [
      {
        trigger: "first",
        status: "failed",
        result: undefined,
        error: "no",
        code: "function_error",
      },
      {
        trigger: "last",
        status: "succeeded",
        result: { told: "p1" },
        error: undefined,
        code: undefined,
      },
    ],
  );
  assert.deepEqual(await (await post("/api/v1/hooks/pre-provision", {})).json(), {
    hook: "pre-provision",
    results: [],
  });
  const denied = await post("/api/v1/hooks/post-backup", {}, orla.anonKey);
  assert.equal(denied.status, 403);
  await denied.body?.cancel();
  await eventually(
    async () =>
      await session.value(
        "SELECT count(*)::int FROM system.edge_triggers WHERE kind = 'hook' AND last_run IS NOT NULL",
      ) === 2,
    10_000,
    "both runs are counted",
  );
});

const contexts = {
  "pre-provision": { projectId: "p1", tier: "pro", databaseType: "postgres" },
  "post-provision": {
    ...{ projectId: "p1", tier: "pro", databaseType: "postgres" },
    credentials: { host: "db.internal", port: 5432, password: "päss'\"\\word" },
  },
  "pre-backup": { projectId: "p1" },
  "post-backup": { projectId: "p1", backupId: "b1" },
  "pre-deprovision": { projectId: "p1" },
  "post-deprovision": { projectId: "p1" },
};

Deno.test("each moment of the pipeline has its context, whole, and its executions", async () => {
  await session.rows(`CREATE EDGE FUNCTION echo_context LANGUAGE javascript AS $$
    async function handler(ctx) {
      return ctx;
    }
  $$`);
  for (const [name, context] of Object.entries(contexts)) {
    const trigger = `echo_${name.replace("-", "_")}`;
    await session.rows(
      `CREATE TRIGGER ${trigger} ON HOOK '${name}' EXECUTE EDGE FUNCTION echo_context`,
    );
    const { results } = await (await post(`/api/v1/hooks/${name}`, context)).json();
    const own = results.find((one: { trigger: string }) => one.trigger === trigger);
    assert.deepEqual([own.status, own.result], ["succeeded", context]);
    await eventually(
      async () =>
        await session.value(
          `SELECT count(*)::int FROM system.edge_function_executions WHERE execution_id = $1
           AND trigger = 'hook' AND trigger_name = $2 AND status = 'succeeded'`,
          [own.execution_id, trigger],
        ) === 1,
      10_000,
      `the execution for ${name} is recorded`,
    );
  }
  const large = { projectId: "x".repeat(9_000_000) };
  const { results } = await (await post("/api/v1/hooks/pre-backup", large)).json();
  assert.equal(results[0].result.projectId.length, 9_000_000);
  assert.equal((await post("/api/v1/hooks/pre-backup", "x".repeat(11_000_000))).status, 413);
});

Deno.test("functions of a hook run together; one that never ends or cannot be called stops nobody", async () => {
  await session.rows(`
    CREATE TABLE met (who text);
    CREATE EDGE FUNCTION waits LANGUAGE javascript AS $$
      export async function handler() {
        const db = await connectToDatabase();
        while ((await db.query("SELECT FROM met")).rows.length === 0) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return "met";
      }
    $$;
    CREATE EDGE FUNCTION writes LANGUAGE javascript AS $$
      export async function handler() {
        const db = await connectToDatabase();
        await db.query("INSERT INTO met VALUES ('writer')");
        return "wrote";
      }
    $$;
    CREATE EDGE FUNCTION never TIMEOUT = 500ms LANGUAGE javascript AS $$
      export const handler = () => new Promise(() => setInterval(() => {}, 1000));
    $$;
    CREATE EDGE FUNCTION off LANGUAGE javascript AS $$ export const handler = () => 1; $$;
    CREATE TRIGGER a_waits ON HOOK 'meeting' POSITION 1 EXECUTE EDGE FUNCTION waits;
    CREATE TRIGGER b_never ON HOOK 'meeting' POSITION 2 EXECUTE EDGE FUNCTION never;
    CREATE TRIGGER c_off ON HOOK 'meeting' POSITION 3 EXECUTE EDGE FUNCTION off;
    CREATE TRIGGER d_writes ON HOOK 'meeting' POSITION 4 EXECUTE EDGE FUNCTION writes;
    ALTER EDGE FUNCTION off SET ENABLED = false`);
  const response = await post("/api/v1/hooks/meeting", {});
  assert.equal(response.status, 200);
  const { results } = await response.json();
  assert.deepEqual(
    results.map(({ trigger, status, result, code, execution_id }: Record<string, unknown>) => [
      ...[trigger, status, result ?? code, typeof execution_id],
    ]),
    [
      ["a_waits", "succeeded", "met", "string"],
      ["b_never", "failed", "timeout", "string"],
      ["c_off", "failed", "function_disabled", "object"],
      ["d_writes", "succeeded", "wrote", "string"],
    ],
  );
  await eventually(
    async () =>
      await session.value(
        "SELECT string_agg(failed::text, '' ORDER BY name) FROM system.edge_triggers WHERE source = 'meeting'",
      ) === "0110",
    10_000,
    "every failure is counted",
  );
  assert.match(
    String(await session.value("SELECT last_error FROM system.edge_triggers WHERE name = 'c_off'")),
    /switched off/,
  );
});

Deno.test("a hook's caller hears what is wrong with the call itself", async () => {
  const status = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${orla.http}/api/v1/hooks/${path}`, {
      ...{ method: "POST", body, headers: { apikey: orla.serviceKey, ...headers } },
    });
    await response.body?.cancel();
    return response.status;
  };
  assert.deepEqual([
    await status("none", '{"a":'),
    await status("none", "\u0000"),
    await status("none", ""),
    await status("none", "[1]"),
    await status("bad%20name", "{}"),
    await status("none", "{}", { apikey: "wrong" }),
    await status("none", "{}", { apikey: orla.anonKey }),
  ], [400, 400, 200, 200, 400, 401, 403]);
});

Deno.test("a message over HTTP is stored before it is answered, and taken", async () => {
  await session.rows(`
    CREATE TABLE letters (what jsonb);
    CREATE EDGE FUNCTION take LANGUAGE javascript AS $$
      export async function handler(payload) {
        const db = await connectToDatabase();
        await db.query("INSERT INTO letters VALUES ($1)", [JSON.stringify(payload)]);
        await db.query("SELECT edge.enqueue('from-within', $1)", [JSON.stringify(payload)]);
      }
    $$;
    CREATE EDGE FUNCTION again LANGUAGE javascript AS $$
      export async function handler(payload) {
        const db = await connectToDatabase();
        await db.query("INSERT INTO letters VALUES ($1)", [JSON.stringify({ again: payload })]);
      }
    $$;
    CREATE TRIGGER take ON QUEUE 'letters' EXECUTE EDGE FUNCTION take;
    CREATE TRIGGER again ON QUEUE 'from-within' EXECUTE EDGE FUNCTION again`);
  const response = await post("/api/v1/queues/letters/messages", { payload: { n: 1 } });
  assert.equal(response.status, 202);
  assert.match((await response.json()).job_id, /^\d+$/);
  await eventually(
    async () => await session.value("SELECT count(*)::int FROM letters") === 2,
    10_000,
    "it was taken, and sent on by the function",
  );
  assert.deepEqual(
    (await session.rows("SELECT what FROM letters ORDER BY what ? 'again'")).map(({ what }) =>
      what
    ),
    [{ n: 1 }, { again: { n: 1 } }],
  );
  for (
    const [path, body] of [
      ["/api/v1/queues/letters/messages", { paylod: 1 }],
      ["/api/v1/queues/letters/messages", { payload: 1, delay_ms: -1 }],
      ["/api/v1/queues/%20/messages", { payload: 1 }],
      ["/api/v1/queues/letters/messages", { messages: [] }],
      ["/api/v1/queues/letters/messages", { messages: [{ payload: 1 }], delay_ms: 5 }],
      ["/api/v1/queues/letters/messages", { messages: Array(1001).fill({}) }],
    ] as const
  ) {
    const refused = await post(path, body);
    assert.equal(refused.status, 400, path);
    await refused.body?.cancel();
  }
});
