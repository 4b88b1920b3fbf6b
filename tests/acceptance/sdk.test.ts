/** The client of sdk/, against a real Orla. */
import assert from "node:assert/strict";
import { createClient, type HookResult, OrlaClient, OrlaError } from "../../sdk/src/main.ts";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
let service: OrlaClient;
let anon: OrlaClient;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  service = new OrlaClient({ url: orla.http, apiKey: orla.serviceKey });
  anon = createClient(orla.http, orla.anonKey);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

async function failure(call: Promise<unknown>): Promise<OrlaError> {
  const thrown = await call.then(() => null, (error: unknown) => error);
  assert.ok(thrown instanceof OrlaError, `rejected with ${thrown}`);
  return thrown;
}

Deno.test("functions.invoke resolves with the result", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION plus(a int, b int) RETURNS int LANGUAGE javascript AS $$
      export const main = (a, b) => a + b;
    $$;
    CREATE EDGE FUNCTION hello LANGUAGE javascript AS $$
      async function handler(req) {
        const data = JSON.parse(req.body || '{}');
        return { status: 200, headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ message: \`Hello \${data.name || 'World'}!\` }) };
      }
    $$;
    CREATE EDGE FUNCTION echo HANDLER = 'payload' LANGUAGE javascript AS $$
      export const handler = (payload) => ({ got: payload });
    $$;
    CREATE EDGE FUNCTION answer LANGUAGE javascript AS $$
      export default async (request) => {
        const { status, type, body } = await request.json();
        return new Response(body, { status, headers: type ? { "content-type": type } : {} });
      };
    $$`);
  assert.equal(await anon.functions.invoke<number>("plus", { a: 40, b: 2 }), 42);
  assert.equal(await anon.functions.invoke("default/plus", [1, 2]), 3);
  assert.deepEqual(await anon.functions.invoke("hello", { name: "Alice" }), {
    message: "Hello Alice!",
  });
  assert.deepEqual(await anon.functions.invoke("hello"), {
    message: "Hello World!",
  });
  assert.deepEqual(await anon.functions.invoke("echo", ["a", null]), {
    got: ["a", null],
  });

  const answer = (
    body: string | null,
    type = "application/json",
    status = 200,
  ) => anon.functions.invoke("answer", { body, type, status });
  assert.equal(await answer("plain", "text/plain"), "plain");
  assert.equal(await answer(null, "", 204), null);
  assert.deepEqual(await answer("[1]", "application/problem+json; charset=utf-8"), [1]);
  const binary = await failure(answer("PNG", "image/png"));
  assert.match(`${binary.code} ${binary.hint}`, /unexpected_answer functions\.fetch/);
  assert.equal((await failure(answer("{"))).code, "unexpected_answer");
  const own = await failure(answer('{"error": "Invalid email", "field": 1}', undefined, 422));
  assert.deepEqual([own.code, own.status, own.message, own.body], [
    ...["function_response", 422, "Invalid email", {
      error: "Invalid email",
      field: 1,
    }],
  ]);
  assert.match(own.executionId ?? "", /^[0-9a-f-]{36}$/);
});

Deno.test("functions.fetch sends a request, and gives the response as it is", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION mirror LANGUAGE javascript AS $$
      export default async (request) => {
        const { pathname, search } = new URL(request.url);
        if (pathname.endsWith("/away")) return Response.redirect("http://127.0.0.1:1/");
        return new Response(request.body, { status: 418, headers: {
          "x-path": pathname + search, "x-method": request.method,
          "x-authorization": request.headers.get("authorization") ?? "none",
        } });
      };
    $$`);
  const chunks = ["one ", "two ", "three"].map((text) => new TextEncoder().encode(text));
  const response = await anon.functions.fetch("mirror", "a/b?c=d", {
    method: "PUT",
    headers: { authorization: "Bearer the functions own" },
    body: ReadableStream.from(chunks),
  });
  assert.equal(response.status, 418);
  assert.equal(await response.text(), "one two three");
  assert.equal(response.headers.get("x-method"), "PUT");
  assert.equal(response.headers.get("x-path"), "/functions/v1/mirror/a/b?c=d");
  assert.equal(response.headers.get("x-authorization"), "Bearer the functions own");
  const form = new FormData();
  form.set("file", new File(["content"], "a.txt"));
  const sent = await anon.functions.fetch("mirror", "", { method: "POST", body: form });
  assert.match(await sent.text(), /^--(\S+)\r\n[^]*content[^]*--\1--/);
  const bare = await anon.functions.fetch("mirror");
  assert.deepEqual([bare.headers.get("x-authorization"), await bare.text()], ["none", ""]);
  const redirect = await anon.functions.fetch("mirror", "/away");
  assert.deepEqual([redirect.status, redirect.headers.get("location")], [
    302,
    "http://127.0.0.1:1/",
  ]);
  await redirect.body?.cancel();
  const refused = await new OrlaClient({ url: orla.http }).functions.fetch("mirror");
  assert.deepEqual([refused.status, (await refused.json()).code], [401, "unauthorized"]);
});

Deno.test("an error says what, where and which execution", async () => {
  await session.rows(`CREATE EDGE FUNCTION broken LANGUAGE javascript AS $$
    export const handler = () => { throw new Error("no such luck"); };
  $$`);
  const error = await failure(service.functions.invoke("broken"));
  assert.deepEqual([error.name, error.code, error.status, error.message], [
    ...["OrlaError", "function_error", 500, "no such luck"],
  ]);
  assert.match(error.detail ?? "", /no such luck[^]*broken/);
  await eventually(
    async () =>
      await session.value(
        "SELECT count(*)::int FROM system.edge_function_executions WHERE execution_id = $1",
        [error.executionId],
      ) === 1,
    10_000,
    "the execution is recorded",
  );
  assert.equal((await failure(anon.functions.invoke("broken"))).detail, undefined);

  const missing = await failure(anon.functions.invoke("nobody"));
  assert.deepEqual([missing.code, missing.status], ["function_not_found", 404]);
  const denied = await failure(anon.queues.send("letters", 1));
  assert.deepEqual([denied.code, denied.status], ["forbidden", 403]);
  const keyless = await failure(createClient(orla.http).functions.invoke("broken"));
  assert.deepEqual([keyless.code, keyless.status], ["unauthorized", 401]);
  assert.match(keyless.hint ?? "", /Authorization/);
});

Deno.test("what cannot be a call is refused before it is made", async () => {
  for (const name of ["", "..", "a/b/c", "a/..", "/a", "\ud800"]) {
    assert.equal((await failure(anon.functions.invoke(name))).code, "invalid_request", name);
  }
  for (const path of ["../../../api/v1/hooks/x", "/%2e%2e/other"]) {
    assert.equal((await failure(anon.functions.fetch("mirror", path))).code, "invalid_request");
  }
  for (
    const call of [
      service.storage.head("b", "a/../c"),
      service.queues.send("q", 1, { idempotencyKey: "größe" }),
      service.hooks.run("h", null, { timeoutMs: NaN }),
    ]
  ) assert.equal((await failure(call)).code, "invalid_request");
  const key = `${orla.anonKey}\n`;
  for (
    const options of [
      { url: "ftp://example.org" },
      { url: "example" },
      { url: "http://user:word@example.org" },
      { url: orla.http, apiKey: key },
      { url: orla.http, retries: -1 },
      { url: orla.http, timeoutMs: NaN },
    ]
  ) {
    assert.throws(() => new OrlaClient(options), (thrown) => {
      assert.ok(thrown instanceof OrlaError && thrown.code === "invalid_request");
      assert.ok(!`${thrown.message}${thrown.hint}`.includes(orla.anonKey));
      return true;
    });
  }
  assert.ok(!Deno.inspect(service, { depth: 9, showHidden: true }).includes(orla.serviceKey));
});

Deno.test("nobody there, or somebody else", async () => {
  await using other = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) =>
      request.url.includes("/hooks/")
        ? new Response("<h1>Welcome</h1>")
        : new Response("<h1>Bad Gateway</h1>", { status: 502 }),
  );
  const url = `http://127.0.0.1:${other.addr.port}`;
  const stranger = createClient(`${url}/`, "key", { retries: 0 });
  const wrong = await failure(stranger.functions.invoke("f"));
  assert.deepEqual([wrong.code, wrong.status], ["unexpected_answer", 502]);
  assert.equal((await failure(stranger.hooks.run("fine"))).code, "unexpected_answer");
  await other.shutdown();
  const nobody = await failure(stranger.functions.invoke("f"));
  assert.deepEqual([nobody.code, nobody.status], ["no_answer", undefined]);
});

Deno.test("a signal and a time-out end the call, and what it runs", async () => {
  await session.rows(`CREATE EDGE FUNCTION slow LANGUAGE javascript AS $$
    export const handler = () => new Promise((resolve) => setTimeout(resolve, 20_000));
  $$`);
  const controller = new AbortController();
  const call = anon.functions.invoke("slow", null, {
    signal: controller.signal,
  });
  const reason = new Error("changed my mind");
  await eventually(
    async () =>
      await session.value(
        "SELECT count(*)::int FROM system.edge_function_executions WHERE function_id = 'slow' AND status = 'running'",
      ) === 1,
    20_000,
    "it runs",
  );
  controller.abort(reason);
  assert.equal(await call.catch((thrown) => thrown), reason);
  assert.equal(
    await anon.functions.invoke("slow", null, {
      signal: AbortSignal.abort(reason),
    })
      .catch((thrown) => thrown),
    reason,
  );
  const late = await failure(anon.functions.invoke("slow", null, { timeoutMs: 300 }));
  assert.deepEqual([late.code, late.message], [
    "no_answer_in_time",
    "POST /functions/v1/slow took more than 300 ms.",
  ]);
  await eventually(
    async () =>
      await session.value(
        "SELECT count(*)::int FROM system.edge_function_executions WHERE function_id = 'slow' AND status = 'cancelled'",
      ) === 2,
    20_000,
    "both calls ended with their callers",
  );
});

const messages = (queue: string) =>
  session.rows(
    `SELECT j.job_id::text AS id, j.priority, j.status, j.key,
       edge.readable_payload(p.payload::jsonb) -> 'message' AS message FROM system.edge_jobs j
     JOIN edge_queue._private_jobs p ON p.id = j.job_id WHERE j.queue = $1 ORDER BY j.job_id`,
    [queue],
  );

Deno.test("queues.send: with its options, several at once, the same again", async () => {
  const { jobId } = await service.queues.send("later", { n: 1 }, {
    delayMs: 3_600_000,
    priority: -3,
    key: "ada",
    uniqueKey: "one",
  });
  assert.deepEqual(await messages("later"), [
    {
      id: jobId,
      priority: -3,
      status: "delayed",
      key: "later/one",
      message: { n: 1 },
    },
  ]);
  assert.equal((await service.queues.send("later", 2, { uniqueKey: "one" })).jobId, jobId);

  const { jobIds } = await service.queues.sendMany("many", [
    { payload: "first" },
    { payload: null, priority: 2 },
    { payload: ["third"], delayMs: 60_000 },
  ]);
  assert.deepEqual(
    (await messages("many")).map(({ id, priority, message }) => [id, priority, message]),
    [[jobIds[0], 0, "first"], [jobIds[1], 2, null], [jobIds[2], 0, ["third"]]],
  );
  const tooLarge = { payload: "x".repeat(2 ** 20 + 1) };
  const refused = await failure(service.queues.sendMany("many", [{ payload: 4 }, tooLarge]));
  assert.deepEqual([refused.code, refused.status], ["invalid_request", 400]);
  assert.equal((await messages("many")).length, 3);
  assert.equal((await failure(service.queues.send("many", "\0"))).code, "invalid_request");

  const once = { idempotencyKey: "order-7" };
  const [a, b] = await Promise.all([
    service.queues.send("once", { n: 1 }, once),
    service.queues.send("once", { n: 1 }, once),
  ]);
  assert.deepEqual(a, b);
  assert.equal((await messages("once")).length, 1);
  const other = await failure(service.queues.send("once", { n: 2 }, once));
  assert.match(other.message, /this idempotency key was used for something else/);
});

Deno.test("an idempotency key is forgotten after a day", async () => {
  const send = () => service.queues.send("daily", 1, { idempotencyKey: "today" });
  const { jobId } = await send();
  await using database = await openSession(orla.databaseUrl);
  await database.rows(
    "UPDATE edge.published_messages SET published_at = now() - interval '25 hours' WHERE idempotency_key = 'today'",
  );
  await eventually(async () => (await send()).jobId !== jobId, 30_000, "the key is free again");
});

Deno.test("hooks.run tells what became of each function", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION tell LANGUAGE javascript AS $$
      export const handler = (context) => ({ told: context.projectId });
    $$;
    CREATE TRIGGER first ON HOOK 'post-backup' POSITION 1 EXECUTE EDGE FUNCTION tell;
    CREATE TRIGGER second ON HOOK 'post-backup' POSITION 2 EXECUTE EDGE FUNCTION broken`);
  const [first, second] = await service.hooks.run("post-backup", {
    projectId: "p1",
  });
  const told = ({ executionId, durationMs, ...rest }: HookResult) => {
    assert.match(String(executionId), /^[0-9a-f-]{36}$/);
    assert.ok(durationMs > 0);
    return rest;
  };
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual([told(first), told(second)], [
    { trigger: "first", status: "succeeded", result: { told: "p1" } },
    {
      trigger: "second",
      status: "failed",
      error: "no such luck",
      code: "function_error",
    },
  ]);
  assert.deepEqual(await service.hooks.run("nobody-cares"), []);
});

Deno.test("storage: put, get, head, remove, sign", async () => {
  const { storage } = service;
  const name = "2026/may day ü?#%.txt";
  const put = await storage.put("letters", name, "Dear Ada", {
    contentType: "text/plain",
  });
  const { bucket, size, contentType } = put;
  assert.deepEqual([bucket, put.name, size, contentType], ["letters", name, 8, "text/plain"]);
  assert.equal(await (await storage.get("letters", name)).text(), "Dear Ada");
  const part = await storage.get("letters", name, { range: { start: 5 } });
  assert.deepEqual([part.status, await part.text()], [206, "Ada"]);
  const head = await storage.head("letters", name);
  const uploadedAt = new Date(Math.floor(put.uploadedAt.getTime() / 1000) * 1000);
  assert.deepEqual(head, { ...put, uploadedAt });

  const { url, expiresAt } = await storage.sign("letters", name, {
    expiresInSeconds: 60,
  });
  assert.equal(await (await fetch(url)).text(), "Dear Ada");
  assert.ok(expiresAt > new Date());

  assert.equal(await storage.remove("letters", name), true);
  assert.equal(await storage.remove("letters", name), false);
  assert.equal(await storage.head("letters", name), null);
  const gone = await failure(storage.get("letters", name));
  assert.deepEqual([gone.code, gone.status], ["not_found", 404]);
  assert.equal((await failure(anon.storage.head("letters", name))).code, "forbidden");
});

Deno.test("an upload that its sender gives up leaves nothing", async () => {
  const controller = new AbortController();
  const endless = new ReadableStream<Uint8Array>({
    pull: (stream) => stream.enqueue(new Uint8Array(65_536)),
  });
  let pieces = 0;
  const counted = endless.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, out) {
        if (++pieces === 50) controller.abort();
        out.enqueue(piece);
      },
    }),
  );
  const { signal } = controller;
  const thrown = await service.storage.put("letters", "endless", counted, {
    signal,
  })
    .catch((error) => error);
  assert.equal(thrown, signal.reason);
  assert.equal(await service.storage.head("letters", "endless"), null);
});
