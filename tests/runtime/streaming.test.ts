/** Bodies and WebSockets that flow while the function runs. */
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { OrlaError } from "../../src/base/errors.ts";
import { Cancellation } from "../../src/functions/cancellation.ts";
import { httpCall, type Rig, startRig, test, textOf, version } from "./rig.ts";

const MB = 1 << 20;

function streamOf(reply: { readonly body: unknown }): ReadableStream<Uint8Array> {
  if (!(reply.body instanceof ReadableStream)) throw new Error("the body is no stream");
  return reply.body;
}

function bytesOf(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(size).map((_, at) => (at * 31 + (at >> 8)) & 255);
}

const echo = version(`export default (request) => new Response(request.body)`, { style: "web" });

test("bodies of every size come back whole, buffered and streamed", async () => {
  await using rig = await startRig();
  for (const size of [0, 1, 65_535, 65_536, 65_537, 300_000, 3 * MB]) {
    const sent = bytesOf(size);
    for (const body of [sent, new Blob([sent]).stream()]) {
      const reply = await rig.http(echo, { method: "POST", body });
      deepStrictEqual(
        new Uint8Array(await new Response(reply.body as BodyInit).arrayBuffer()),
        sent,
      );
    }
  }
});

test("payloads and results of megabytes pass", async () => {
  await using rig = await startRig();
  const fn = version(`export const main = (text) => text + "!"`);
  const text = "é".repeat(2 * MB);
  strictEqual(await rig.payload(fn, text), `${text}!`);
  const large = version(`export const main = () => "x".repeat(40 << 20)`, { memoryMb: 512 });
  await rejects(rig.payload(large), { code: "response_too_large" });
  strictEqual(await rig.payload(fn, "still"), "still!");
});

test("a function is held back by a reader that does not read", async () => {
  await using rig = await startRig();
  const fn = version(
    `let pulled = 0;
    export const fetch = (request) => request.params.pulled ? new Response(String(pulled)) : new Response(
      new ReadableStream({ pull(controller) { pulled++; controller.enqueue(new Uint8Array(65536)); } }))`,
    { style: "fetch" },
  );
  const reader = streamOf(await rig.http(fn)).getReader();
  await reader.read();
  const pulled = async () =>
    Number(await textOf(await rig.http(fn, { url: "http://localhost/?pulled=1" })));
  let before = -1;
  for (let now = await pulled(); now !== before; now = await pulled()) before = now;
  strictEqual(before <= 8, true, `${before} chunks were pulled for one that was read`);
  for (let i = 0; i < 20; i++) await reader.read();
  strictEqual(await pulled() > before, true);
  await reader.cancel();
});

test("a client is held back by a function that does not read", async () => {
  await using rig = await startRig();
  const fn = version(
    `let release; const released = new Promise((resolve) => release = resolve);
    export default async (request) => {
      if (request.method === "GET") return release(), new Response();
      await released;
      return new Response(String((await request.arrayBuffer()).byteLength));
    }`,
    { style: "web" },
  );
  let offered = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (offered >= 4 * MB) return controller.close();
      offered += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const reply = rig.http(fn, { method: "POST", body });
  await rig.http(echo, { method: "POST", body: bytesOf(10) });
  strictEqual(offered < MB, true, `${offered} bytes were taken off the client`);
  await rig.http(fn);
  strictEqual(await textOf(await reply), `${4 * MB}`);
});

test("the head and first chunks of an endless response are there at once", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default () => new Response(new ReadableStream({
      async start(controller) {
        for (let i = 0; ; i++) {
          controller.enqueue(new TextEncoder().encode("event " + i + "\\n"));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      },
    }), { headers: { "content-type": "text/event-stream" } })`,
    { style: "web" },
  );
  const reader = streamOf(await rig.http(fn)).pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("event 3\n")) text += (await reader.read()).value ?? "";
  match(text, /^event 0\nevent 1\n/);
  await reader.cancel();
  const { status } = await rig.ended(() => true);
  strictEqual(status, "cancelled");
});

test("a reader who leaves cancels the stream and the request's signal", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default (request) => {
      request.signal.addEventListener("abort", () => console.log("aborted", request.signal.reason.name));
      return new Response(new ReadableStream({
        pull(controller) { controller.enqueue(new Uint8Array(10)); },
        cancel(reason) { console.log("stream cancelled", reason.name); },
      }));
    }`,
    { style: "web" },
  );
  const reader = streamOf(await rig.http(fn)).getReader();
  await reader.read();
  await reader.cancel();
  const entry = await rig.logged(({ message }) => message === "stream cancelled AbortError");
  await rig.logged(({ message }) => message === "aborted AbortError");
  strictEqual(entry.executionId, rig.started[0]?.executionId);
});

test("a caller who leaves before the answer cancels the function", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default (request) => new Promise((resolve, reject) => {
      console.log("waiting");
      request.signal.addEventListener("abort", () => { console.log("told"); reject(request.signal.reason); });
    })`,
    { style: "web" },
  );
  const cancellation = new Cancellation();
  const reply = rig.http(fn, { cancellation });
  await rig.logged(({ message }) => message === "waiting");
  cancellation.cancel(new OrlaError("cancelled", "gone"));
  await rejects(reply, { code: "cancelled" });
  await rig.logged(({ message }) => message === "told");
  strictEqual((await rig.ended(() => true)).status, "cancelled");
});

test("a response stream that fails fails its reader, and nothing else", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default (request) => new Response(request.url.endsWith("fine") ? "fine" : new ReadableStream({
      async pull(controller) {
        controller.enqueue(new Uint8Array(10));
        await new Promise((resolve) => setTimeout(resolve, 20));
        controller.error(new Error("broke off"));
      },
    }))`,
    { style: "web" },
  );
  await rejects(textOf(await rig.http(fn)), { code: "function_error", message: "broke off" });
  strictEqual((await rig.ended(() => true)).status, "failed");
  strictEqual(await textOf(await rig.http(fn, { url: "http://localhost/fine" })), "fine");
});

test("TIMEOUT bounds the end of a stream, not only its beginning", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default () => new Response(new ReadableStream({
      start(controller) { controller.enqueue(new Uint8Array(10)); },
    }))`,
    { style: "web", timeoutMs: 300 },
  );
  await rejects(textOf(await rig.http(fn)), {
    code: "timeout",
    message: "Execution timeout (0.3s)",
  });
});

test("HEAD answers without a body; 204 and 304 have none", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default (request) => request.url.includes("none") ? new Response(null, { status: 304 })
      : new Response("four", { headers: { "content-length": "4" } })`,
    { style: "web" },
  );
  const head = await rig.http(fn, { method: "HEAD" });
  deepStrictEqual([head.status, head.body], [200, null]);
  deepStrictEqual(head.headers.slice(0, 2), ["content-length", "4"]);
  deepStrictEqual((await rig.http(fn, { url: "http://localhost/none" })).body, null);
});

test("waitUntil keeps the instance until its work is done, after the answer", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default (request, env, ctx) => {
      ctx.waitUntil(new Promise((resolve) => setTimeout(() => { console.log("later"); resolve(); }, 100)));
      ctx.waitUntil(Promise.reject(new Error("lost")));
      return new Response("now");
    }`,
    { style: "web" },
  );
  strictEqual(await textOf(await rig.http(fn)), "now");
  rig.runtime.retire(fn.functionId);
  const later = await rig.logged(({ message }) => message === "later");
  strictEqual(later.executionId, rig.started[0]?.executionId);
  const lost = await rig.logged(({ level }) => level === "error");
  match(lost.message, /waitUntil was rejected: Error: lost/);
});

async function withSocket(
  rig: Rig,
  code: string,
  run: (client: WebSocket) => Promise<void>,
): Promise<void> {
  const fn = version(code, { style: "web" });
  const reply = await rig.http(fn, { headers: ["upgrade", "websocket"] });
  strictEqual(reply.status, 101);
  const { webSocket } = reply;
  if (webSocket === null) throw new Error("no WebSocket was accepted");
  const bridged = Promise.withResolvers<void>();
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    webSocket.connect(socket).then(bridged.resolve, bridged.reject);
    return response;
  });
  const client = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
  client.binaryType = "arraybuffer";
  const closed = new Promise((resolve) => client.addEventListener("close", resolve));
  await run(client);
  client.close();
  await closed;
  await bridged.promise;
}

const next = (client: WebSocket) =>
  new Promise<string | ArrayBuffer>((resolve) =>
    client.addEventListener("message", ({ data }) => resolve(data), { once: true })
  );

test("a WebSocket carries text and bytes both ways and closes with code and reason", async () => {
  await using rig = await startRig();
  const code = `export default (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "p" });
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send("welcome");
    socket.onmessage = ({ data }) => {
      if (data === "bye") socket.close(4001, "as you wish");
      else socket.send(typeof data === "string" ? data.toUpperCase() : data);
    };
    socket.addEventListener("close", ({ code }) => console.log("closed", code));
    return response;
  }`;
  await withSocket(rig, code, async (client) => {
    strictEqual(await next(client), "welcome");
    client.send("hé");
    strictEqual(await next(client), "HÉ");
    client.send(new Uint8Array([1, 2, 3]));
    deepStrictEqual(new Uint8Array(await next(client) as ArrayBuffer), new Uint8Array([1, 2, 3]));
    const big = "x".repeat(300_000);
    client.send(big);
    strictEqual(await next(client), big.toUpperCase());
    const closed = new Promise<CloseEvent>((resolve) => client.addEventListener("close", resolve));
    client.send("bye");
    const { code, reason } = await closed;
    deepStrictEqual([code, reason], [4001, "as you wish"]);
  });
  strictEqual((await rig.ended(() => true)).httpStatus, 101);
});

test("a client that closes is told to the function; many messages keep their order", async () => {
  await using rig = await startRig();
  const code = `export default (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onopen = () => { for (let i = 0; i < 2000; i++) socket.send(i + " " + "y".repeat(1000)); };
    socket.onclose = (event) => console.log("closed", event.code, event.reason);
    return response;
  }`;
  await withSocket(rig, code, async (client) => {
    const seen: number[] = [];
    const all = new Promise<void>((resolve) =>
      client.addEventListener("message", ({ data }) => {
        seen.push(parseInt(data));
        if (seen.length === 2000) resolve();
      })
    );
    await all;
    deepStrictEqual(seen, Array.from({ length: 2000 }, (_, at) => at));
    client.close(3333, "done");
  });
  await rig.logged(({ message }) => message === "closed 3333 done");
});

test("an open WebSocket outlives TIMEOUT and ends when the runtime does", async () => {
  const rig = await startRig({ drainTimeoutMs: 100 });
  const fn = version(
    `export default (request) => Deno.upgradeWebSocket(request).response`,
    { style: "web", timeoutMs: 100 },
  );
  const reply = await rig.runtime.invoke(fn, httpCall({ headers: ["upgrade", "websocket"] }));
  strictEqual(reply.status, 101);
  await new Promise((resolve) => setTimeout(resolve, 200));
  strictEqual(rig.finished.length, 0);
  await rig[Symbol.asyncDispose]();
  strictEqual(rig.finished[0]?.errorCode, "unavailable");
});

for (const language of ["javascript", "python"] as const) {
  test(`callers who leave before their call began cost no instance: ${language}`, async () => {
    await using rig = await startRig({ python: {} });
    const code = language === "javascript"
      ? `export const main = () => { const end = Date.now() + 400; while (Date.now() < end); return Deno.pid; }`
      : `import os, time\nasync def main():\n    time.sleep(0.4)\n    return os.getpid()\n`;
    const fn = { ...version(code, { maxInstances: 1, timeoutMs: 1000 }), language };
    const pid = await rig.payload(fn);
    const busy = rig.payload(fn);
    const left = [1, 2, 3].map(() => {
      const cancellation = new Cancellation();
      setTimeout(() => cancellation.cancel(new OrlaError("cancelled", "gone")), 100);
      return rejects(rig.payload(fn, null, { cancellation }), { code: "cancelled" });
    });
    await Promise.all(left);
    strictEqual(await busy, pid);
    // A call that was given up may hold its place for a second past its TIMEOUT.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    strictEqual(await rig.payload(fn), pid);
  });
}
