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
