/** What triggers called their functions with runs again, against any version. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

const SECRET = "the secret of a webhook";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE EDGE FUNCTION pay LANGUAGE javascript AS $$
      export default async (request) => {
        const { amount } = await request.json();
        throw new Error("no way to pay " + amount);
      };
    $$;
    CREATE TRIGGER paid ON HTTP POST '/paid' WITH AUTH = 'hmac', SECRET = '${SECRET}',
      REDACT = ('card', 'token') EXECUTE EDGE FUNCTION pay;
    CREATE TRIGGER open ON HTTP POST '/open' EXECUTE EDGE FUNCTION pay;
    CREATE TRIGGER kept ON HTTP ANY '/kept/:id' WITH CAPTURE = true EXECUTE EDGE FUNCTION pay;
    CREATE TRIGGER hooked ON HOOK 'post-backup' REDACT = ('password') EXECUTE EDGE FUNCTION pay;
    CREATE TRIGGER unkept ON HOOK 'post-backup' CAPTURE = false EXECUTE EDGE FUNCTION pay`);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

/** Resolves with the execution's id. */
async function send(path: string, init: RequestInit): Promise<string> {
  const response = await fetch(`${orla.http}${path}`, { method: "POST", ...init });
  await response.body?.cancel();
  return response.headers.get("x-orla-execution-id") ?? "";
}

const signed = (body: string) =>
  `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;

const kept = (executionId: string) =>
  session.rows("SELECT shape, input FROM edge.captured_payloads WHERE execution_id = $1", [
    executionId,
  ]);

async function record(executionId: string) {
  let found: Awaited<ReturnType<typeof kept>> = [];
  await eventually(async () => (found = await kept(executionId)).length === 1, 10_000, "a record");
  return found[0];
}

Deno.test("a webhook that failed is answered by a later version", async () => {
  const body = '{"amount": 12.50, "card": "4242"}';
  const id = await send("/paid?token=t0&q=1", {
    body,
    headers: { "x-signature": signed(body), "content-type": "application/json", cookie: "a=b" },
  });
  const { shape, input } = await record(id) as { shape: string; input: Record<string, unknown> };
  assert.equal(shape, "request");
  assert.deepEqual(input["body"], { text: '{"amount":12.5,"card":"[redacted]"}' });
  assert.equal(new URL(String(input["url"])).search, "?token=%5Bredacted%5D&q=1");
  assert.equal(Object.hasOwn(input["headers"] as object, "cookie"), false);
  const again = `EXECUTE EDGE FUNCTION pay REPLAY '${id}'`;
  assert.match((await session.failure(again)).message, /no way to pay 12\.5/);
  await session.rows(`CREATE OR REPLACE EDGE FUNCTION pay LANGUAGE javascript AS $$
    export default async (request, env, ctx) =>
      Response.json({ paid: (await request.json()).amount, method: request.method, ...ctx.params },
        { status: 201, headers: { "x-paid": "yes" } });
  $$`);
  const reply = await session.value(again) as Record<string, unknown>;
  assert.deepEqual([reply["status"], reply["body"]], [201, '{"paid":12.5,"method":"POST"}']);
  assert.equal((reply["headers"] as Record<string, string>)["x-paid"], "yes");
  assert.match((await session.failure(`${again} VERSION 1`)).message, /no way to pay 12\.5/);
  await eventually(
    async () =>
      (await session.rows(`SELECT FROM system.edge_function_executions
        WHERE trigger_name = 'paid' AND trigger = 'sql' AND status = 'succeeded'`)).length === 1,
    10_000,
    "the replay among the executions",
  );
});

Deno.test("a request that nobody signs is kept when CAPTURE says so", async () => {
  const open = await send("/open", { body: '{"amount": 1}' });
  const id = await send("/kept/7", {
    body: new Uint8Array([0xff, 0x00]),
    headers: { authorization: "Bearer x" },
  });
  const { input } = await record(id) as { input: Record<string, unknown> };
  assert.deepEqual(
    [input["body"], input["params"], input["user"]],
    [{ base64: "/wA=" }, { id: "7" }, null],
  );
  assert.equal(JSON.stringify(input).includes("Bearer x"), false);
  assert.deepEqual(await kept(open), []);
  // Too much to keep.
  const large = await send("/kept/8", { body: JSON.stringify({ amount: "1".repeat(70_000) }) });
  const marker = await send("/kept/9", { body: '{"amount": 2}' });
  await record(marker);
  assert.deepEqual(await kept(large), []);
  assert.equal(
    (await session.value(`EXECUTE EDGE FUNCTION pay REPLAY '${marker}'`) as { body: string }).body,
    '{"paid":2,"method":"POST","id":"9"}',
  );
  await session.rows("ALTER TRIGGER kept SET CAPTURE = false");
  const later = await send("/kept/10", { body: '{"amount": 1}' });
  await session.rows("ALTER TRIGGER kept SET CAPTURE = true");
  await record(await send("/kept/11", { body: '{"amount": 1}' }));
  assert.deepEqual(await kept(later), []);
});

Deno.test("REDACT reads a body as functions do: as JSON, else as the form it says it is", async () => {
  await session.rows(`CREATE TRIGGER cards ON HTTP POST '/cards' WITH CAPTURE = true,
    REDACT = ('card', 'url', 'text', 'method') EXECUTE EDGE FUNCTION pay`);
  const bodyOf = async (type: string, body: string) => {
    const id = await send("/cards", { body, headers: { "content-type": type } });
    const { input } = await record(id) as { input: { body: unknown; method: unknown } };
    assert.equal(input.method, "POST");
    return input.body;
  };
  const form = "application/x-www-form-urlencoded";
  assert.deepEqual(await bodyOf(form, '{"card": "4242", "n": 1}'), {
    text: '{"card":"[redacted]","n":1}',
  });
  assert.deepEqual(
    await bodyOf(`${form.toUpperCase()}; charset=utf-8`, "card=4242&n=1&card=4243"),
    {
      text: "card=%5Bredacted%5D&n=1",
    },
  );
  assert.deepEqual(await bodyOf("text/plain", "card=4242"), { text: "[redacted]" });
});

Deno.test("what hooks were called with is kept, unless CAPTURE says no", async () => {
  const response = await fetch(`${orla.http}/api/v1/hooks/post-backup`, {
    method: "POST",
    headers: { apikey: orla.serviceKey },
    body: '{"amount": 3, "password": "hush"}',
  });
  const { results } = await response.json();
  const ids = Object.fromEntries(
    results.map((result: { trigger: string; execution_id: string }) => [
      result.trigger,
      result.execution_id,
    ]),
  );
  const { input } = await record(ids["hooked"]) as { input: unknown };
  assert.deepEqual(input, { amount: 3, password: "[redacted]" });
  assert.deepEqual(await kept(ids["unkept"]), []);
});
