/** Functions over HTTP as real clients speak it: streams, WebSockets, HTTP/2, methods, keys, departures. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:http2";
import { join } from "node:path";
import { WebSocket as WsClient } from "ws";
import { testCertificate } from "../../src/gateway/testing/certificate.ts";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { callFunction, functionUrl } from "./http-calls.ts";
import { metric } from "./metric.ts";
import { openSession } from "./sql-session.ts";

const FUNCTIONS = `
  CREATE EDGE FUNCTION echo LANGUAGE javascript AS $$
    export default (request) => new Response(request.body, {
      headers: { "x-method": request.method, "content-type": "text/plain" },
    });
  $$;
  CREATE EDGE FUNCTION upper LANGUAGE javascript AS $$
    export default {
      fetch: (request) => new Response(request.body.pipeThrough(new TextDecoderStream())
        .pipeThrough(new TransformStream({
          transform: (text, controller) => controller.enqueue(text.toUpperCase()),
        }))
        .pipeThrough(new TextEncoderStream())),
    };
  $$;
  CREATE EDGE FUNCTION listener LANGUAGE javascript AS $$
    export default async (request) => {
      let parts = 0;
      for await (const chunk of request.body) console.warn(++parts, chunk.length);
      return new Response(parts + " parts");
    };
  $$;
  CREATE EDGE FUNCTION chat LANGUAGE javascript AS $$
    export default (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "chat.v1" });
      socket.onopen = () => socket.send("welcome");
      socket.onmessage = ({ data }) => {
        if (data === "bye") socket.close(4001, "as you wish");
        else if (typeof data === "string") socket.send(data.toUpperCase());
        else socket.send(data);
      };
      socket.onclose = ({ code, reason }) => console.log("closed", code, reason);
      return response;
    };
  $$;
  CREATE EDGE FUNCTION endless LANGUAGE javascript TIMEOUT 10min AS $$
    export default (request) => {
      request.signal.addEventListener("abort", () => console.log("aborted"));
      let timer;
      return new Response(new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("begin"));
          timer = setInterval(() => controller.enqueue(new Uint8Array(10)), 20);
        },
        cancel() { clearInterval(timer); console.log("cancelled"); },
      }));
    };
  $$;
  CREATE EDGE FUNCTION patient LANGUAGE javascript TIMEOUT 10min AS $$
    export default (request) => new Promise((resolve) => {
      request.signal.addEventListener("abort", () => {
        console.log("aborted");
        resolve(new Response("too late"));
      });
    });
  $$;
  CREATE EDGE FUNCTION open LANGUAGE javascript AUTH 'none' AS $$
    export default (request) => Response.json({
      key: request.headers.get("apikey"), bearer: request.headers.get("authorization"),
    });
  $$`;

async function startNode(env: Record<string, string> = {}): Promise<OrlaProcess> {
  const orla = await startOrlaProcess({ env });
  await using session = await openSession(orla.sqlUrl);
  await session.rows(FUNCTIONS);
  return orla;
}

let orla: OrlaProcess;
Deno.test.beforeAll(async () => {
  orla = await startNode();
});
Deno.test.afterAll(async () => {
  await orla[Symbol.asyncDispose]();
});

const headers = () => ({ apikey: orla.anonKey });

/** The function's log lines, oldest first. */
async function logsOf(functionId: string): Promise<unknown[]> {
  await using session = await openSession(orla.sqlUrl);
  const rows = await session.rows(
    "SELECT message FROM system.edge_function_logs WHERE function_id = $1 ORDER BY timestamp",
    [functionId],
  );
  return rows.map(({ message }) => message);
}

Deno.test("an upload streams: the function has each part before the next is sent", async () => {
  const client = request(functionUrl(orla, "listener"), { method: "POST", headers: headers() });
  const heard = () => metric(orla, 'orla_log_messages_total{level="warn"}');
  for (let part = 1; part <= 10; part++) {
    client.write(`part ${part};`);
    await eventually(async () => await heard() === part, 5_000, `part ${part} is heard`);
  }
  client.end();
  const [response] = await once(client, "response");
  response.setEncoding("utf8");
  assert.equal((await once(response, "data"))[0], "10 parts");
});

Deno.test("megabytes echoed as they come: whole, alone and many at once, none mixed up", async () => {
  const sizes = [0, 1, 65_535, 65_536, 65_537, 1_000_000, 9_000_000, 100, 70_000, 12_345];
  const echo = async (size: number, n: number) => {
    const body = new Uint8Array(size).map((_, at) => (at * 7 + n) % 256);
    const response = await callFunction(orla, "echo", { method: "PUT", body });
    assert.equal(response.headers.get("x-method"), "PUT");
    const back = await response.bytes();
    assert.equal(back.length, size);
    assert.ok(back.every((byte, at) => byte === body[at]), `${size} bytes changed on the way`);
  };
  for (const [n, size] of sizes.entries()) await echo(size, n);
  await Promise.all(sizes.map(echo));
});

Deno.test("HEAD has no body, OPTIONS is the function's, other methods reach it as they are", async () => {
  for (const method of ["GET", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
    const response = await callFunction(orla, "echo", { method });
    assert.deepEqual([response.status, response.headers.get("x-method")], [200, method]);
    await response.body?.cancel();
  }
  const head = await callFunction(orla, "open", { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(head.headers.get("content-type"), "application/json");
  assert.equal(await head.text(), "");
  assert.ok(head.headers.get("x-orla-execution-id"));
  // Endless for GET; a HEAD must end all the same.
  const endless = await callFunction(orla, "endless", { method: "HEAD" });
  assert.equal(endless.status, 200);
  assert.equal(await endless.text(), "");
});

Deno.test("keys: private by default, open with AUTH none, and never shown to the function", async () => {
  const status = async (name: string, headers: Record<string, string>) => {
    const response = await fetch(functionUrl(orla, name), { headers });
    return [response.status, await response.json().catch(() => null)];
  };
  const [refused, { code }] = await status("echo", {});
  assert.deepEqual([refused, code], [401, "unauthorized"]);
  assert.equal((await status("echo", { apikey: "wrong" }))[0], 401);
  for (const key of [orla.anonKey, orla.serviceKey]) {
    const ways: Record<string, string>[] = [
      { apikey: key },
      { "x-api-key": key },
      { authorization: `Bearer ${key}` },
    ];
    for (const way of ways) {
      assert.equal((await status("echo", way))[0], 200);
      assert.deepEqual(await status("open", way), [200, { key: null, bearer: null }]);
    }
  }
  assert.deepEqual(await status("open", {}), [200, { key: null, bearer: null }]);
  assert.equal((await status("nosuch", headers()))[0], 404);
  await using session = await openSession(orla.sqlUrl);
  await session.rows("ALTER EDGE FUNCTION open SET AUTH = 'key'");
  assert.equal((await status("open", {}))[0], 401);
  await session.rows("ALTER EDGE FUNCTION open SET AUTH = 'none'");
  assert.equal((await status("open", {}))[0], 200);
});

Deno.test("a WebSocket to a function: text, bytes, order, sub-protocol, and either side's goodbye", async () => {
  const url = functionUrl(orla, "chat").replace("http", "ws");
  const open = async () => {
    const client = new WsClient(url, ["chat.v1", "chat.v0"], { headers: headers() });
    const messages: unknown[] = [];
    client.on(
      "message",
      (data: Uint8Array, isBinary: boolean) =>
        messages.push(isBinary ? new Uint8Array(data) : String(data)),
    );
    await once(client, "open");
    return { client, messages };
  };
  const first = await open();
  assert.equal(first.client.protocol, "chat.v1");
  for (let n = 0; n < 500; n++) first.client.send(`message ${n}`);
  first.client.send(new Uint8Array([0, 255, 10]));
  await eventually(() => first.messages.length === 502, 10_000, "all is answered");
  assert.deepEqual(first.messages, [
    "welcome",
    ...Array.from({ length: 500 }, (_, n) => `MESSAGE ${n}`),
    new Uint8Array([0, 255, 10]),
  ]);
  first.client.send("bye");
  const [code, reason] = await once(first.client, "close");
  assert.deepEqual([code, String(reason)], [4001, "as you wish"]);

  const second = await open();
  second.client.close(4002, "enough");
  await once(second.client, "close");
  await eventually(
    async () => (await logsOf("chat")).includes("closed 4002 enough"),
    5_000,
    "the function heard it",
  );
  const third = await open();
  third.client.terminate();
  await eventually(
    async () => await metric(orla, 'orla_invocations_in_progress{function="chat"}') === 0,
    5_000,
    "the sockets' calls are over",
  );

  const refused = new WsClient(url, { headers: { apikey: "wrong" } });
  const [error] = await once(refused, "error");
  assert.match(String(error), /401/);
});

Deno.test("who leaves cancels: before the answer, amid the answer, with a socket torn", async () => {
  const before = new AbortController();
  const lost = callFunction(orla, "patient", { signal: before.signal });
  await eventually(
    async () => await metric(orla, 'orla_invocations_in_progress{function="patient"}') === 1,
    5_000,
    "it runs",
  );
  before.abort();
  await assert.rejects(lost);
  await eventually(async () => (await logsOf("patient")).join() === "aborted", 5_000, "it heard");

  const reading = await callFunction(orla, "endless");
  const reader = reading.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  const { hostname, port } = new URL(orla.http);
  const raw = await Deno.connect({ hostname, port: Number(port) });
  await raw.write(new TextEncoder().encode(
    `GET /functions/v1/endless HTTP/1.1\r\nhost: x\r\napikey: ${orla.anonKey}\r\n\r\n`,
  ));
  await raw.read(new Uint8Array(1000));
  raw.close();
  await eventually(
    async () =>
      (await logsOf("endless")).filter((line) => line === "cancelled").length >= 2 &&
      await metric(orla, 'orla_invocations_in_progress{function="endless"}') === 0,
    5_000,
    "both streams are cancelled",
  );
  await using session = await openSession(orla.sqlUrl);
  await eventually(
    async () =>
      await session.value(
        "SELECT count(*)::int FROM system.edge_function_executions " +
          "WHERE function_id IN ('patient', 'endless') AND status = 'cancelled'",
      ) === 3,
    5_000,
    "the records say so",
  );
});

Deno.test("with a certificate: HTTP/2, HTTP/1.1 and WebSockets, encrypted", async () => {
  const home = await Deno.makeTempDir({ prefix: "orla-test-tls-" });
  try {
    const [cert, key] = [join(home, "cert.pem"), join(home, "key.pem")];
    await Deno.writeTextFile(cert, testCertificate.cert);
    await Deno.writeTextFile(key, testCertificate.key);
    await using secure = await startNode({ ORLA_TLS_CERT: cert, ORLA_TLS_KEY: key });
    const origin = `https://localhost:${new URL(secure.http).port}`;
    const auth = { apikey: secure.anonKey };

    const session = connect(origin, { ca: testCertificate.ca });
    const answers = await Promise.all(Array.from({ length: 200 }, async (_, n) => {
      const stream = session.request({
        ...auth,
        ":path": "/functions/v1/upper",
        ":method": "POST",
      });
      stream.setEncoding("utf8");
      const head = once(stream, "response");
      const end = once(stream, "end");
      let text = "";
      stream.on("data", (chunk: string) => text += chunk);
      stream.end(`stream ${n}`);
      await end;
      return `${(await head)[0][":status"]} ${text}`;
    }));
    assert.equal(session.alpnProtocol, "h2");
    assert.deepEqual(answers, Array.from({ length: 200 }, (_, n) => `200 STREAM ${n}`));

    // Both ways at once: each part comes back before the next is sent.
    const talk = session.request({ ...auth, ":path": "/functions/v1/upper", ":method": "POST" });
    talk.setEncoding("utf8");
    for (let part = 0; part < 20; part++) {
      const heard = once(talk, "data");
      talk.write(`part ${part}`);
      assert.equal((await heard)[0], `PART ${part}`);
    }
    const end = once(talk, "end");
    talk.end();
    await end;
    session.destroy();

    const client = Deno.createHttpClient({ caCerts: [testCertificate.ca], http2: false });
    const response = await fetch(`${origin}/functions/v1/echo`, {
      client,
      headers: auth,
      method: "POST",
      body: "one",
    });
    assert.equal(await response.text(), "one");
    client.close();

    const socket = new WsClient(origin.replace("https", "wss") + "/functions/v1/chat", "chat.v1", {
      ca: testCertificate.ca,
      headers: auth,
    });
    assert.equal(String((await once(socket, "message"))[0]), "welcome");
    socket.close();
    await once(socket, "close");
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
