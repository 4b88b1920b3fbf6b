/** Responses that never end, that lie, or that nobody reads. */
import { equal, ok } from "node:assert/strict";
import { type Attack, fails, type Scene, watched } from "../attack.ts";

/** Without back pressure it would be gigabytes; other attacks at the same time take some, too. */
const HELD_MEGABYTES = 400;

async function ask({ url, anonKey }: Scene, init: RequestInit = {}): Promise<Response> {
  return await fetch(url, { ...init, headers: { apikey: anonKey, ...init.headers } });
}

/** Talks HTTP by hand, to see every byte. */
async function rawAnswer({ http, url, anonKey }: Scene): Promise<string> {
  const { hostname, port } = new URL(http);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const { pathname } = new URL(url);
  const request =
    `GET ${pathname} HTTP/1.1\r\nhost: a\r\napikey: ${anonKey}\r\nconnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

async function holdsNoMore(scene: Scene, work: () => Promise<void>): Promise<void> {
  const before = scene.nodeMegabytes();
  await work();
  const held = scene.nodeMegabytes() - before;
  ok(held < HELD_MEGABYTES, `the node holds ${held} MB more`);
}

const again = `if (new URL(request.url).searchParams.has("again")) return new Response("again");`;
const handler = (body: string) => `export default { async fetch(request) { ${again}\n${body} } };`;

const endless = handler(`
  const chunk = new Uint8Array(1 << 16);
  return new Response(new ReadableStream({ pull(controller) { controller.enqueue(chunk); } }));`);

export const responseAttacks: readonly Attack[] = [
  {
    name: "answer without end",
    code: {
      javascript: watched(
        ["supervisor", "gateway"],
        endless,
        (
          scene,
        ) =>
          holdsNoMore(scene, async () => {
            const response = await ask(scene);
            const reader = response.body?.getReader();
            let taken = 0;
            while (taken < 50 << 20) {
              const { value, done } = await reader?.read() ?? {};
              if (done !== false) break;
              taken += value?.length ?? 0;
            }
            await reader?.cancel();
            ok(taken > 1 << 20, `${taken} bytes came`);
          }),
      ),
    },
  },
  {
    name: "answer to a client that does not read",
    code: {
      javascript: watched(
        ["supervisor", "gateway"],
        endless,
        (
          scene,
        ) =>
          holdsNoMore(scene, async () => {
            const response = await ask(scene);
            await new Promise((resolve) => setTimeout(resolve, 1500));
            await response.body?.cancel();
          }),
        { options: "TIMEOUT 10s" },
      ),
    },
  },
  {
    name: "never read a large request",
    code: {
      javascript: watched(
        ["supervisor", "gateway"],
        handler(`
        await new Promise((resolve) => setTimeout(resolve, 500));
        return new Response("never read");`),
        (scene) =>
          holdsNoMore(scene, async () => {
            const body = new Uint8Array(9 << 20);
            const response = await ask(scene, { method: "POST", body });
            equal(await response.text(), "never read");
          }),
      ),
    },
  },
  {
    name: "break off an answer in its middle",
    code: {
      javascript: watched(
        ["supervisor", "gateway"],
        handler(`
        let chunks = 0;
        return new Response(new ReadableStream({
          pull(controller) {
            if (++chunks > 3) throw new Error("broken off");
            controller.enqueue(new Uint8Array(1 << 16));
          },
        }), { headers: { "content-length": "1000000" } });`),
        async (scene) => {
          const answer = await rawAnswer(scene);
          const [head = "", rest = ""] = answer.split("\r\n\r\n", 2);
          ok(/^HTTP\/1\.1 200/.test(head), head);
          // Neither a whole chunked body nor as many bytes as were announced: the client can tell.
          ok(!rest.endsWith("0\r\n\r\n") && rest.length < 1_000_000, "it looks whole");
        },
      ),
    },
  },
  {
    name: "split the response with its headers",
    code: {
      javascript: watched(
        ["bootstrap", "supervisor", "gateway"],
        handler(`
        const lying = new Response("body");
        lying.headers.forEach = (each) => each("a\\r\\nx-injected: yes", "x");
        Headers.prototype.forEach = (each) => each("a\\r\\nx-injected: yes", "x");
        return { status: 200, headers: { "x-a": "b\\r\\nx-injected: yes" }, body: "body" };`),
        async (
          scene,
        ) => {
          const answer = await rawAnswer(scene);
          ok(!/\r\nx-injected/i.test(answer), answer);
        },
      ),
    },
  },
  {
    name: "lie about the answer's length and encoding",
    code: {
      javascript: watched(
        ["gateway"],
        handler(`
        return new Response("0123456789", { headers: {
          "content-length": "3", "transfer-encoding": "chunked", connection: "upgrade",
          upgrade: "h2c", "x-orla-execution-id": "forged", "x-request-id": "forged",
        } });`),
        async (scene) => {
          const answer = await rawAnswer(scene);
          const [head = "", body = ""] = answer.split("\r\n\r\n", 2);
          ok(body.includes("0123456789"), answer);
          ok(!/forged|upgrade: h2c/i.test(head), head);
          ok(!/content-length: 3\r\n/i.test(head + "\r\n"), head);
        },
      ),
    },
  },
  {
    name: "answer with an impossible status",
    code: {
      javascript: watched(
        ["bootstrap", "supervisor"],
        handler(`return { status: 101, body: "x" };`),
        async (
          scene,
        ) => {
          const response = await ask(scene);
          equal((await response.json()).code, "function_error");
          equal(response.status, 500);
        },
      ),
    },
  },
  {
    name: "answer twice, and after the end",
    code: {
      javascript: watched(
        ["supervisor"],
        handler(`
        const { promise, resolve } = Promise.withResolvers();
        const stream = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("first"));
            controller.close();
            for (let n = 0; n < 100; n++) {
              setTimeout(() => { try { controller.enqueue(new Uint8Array(10)); } catch { /* closed */ } }, n);
            }
          },
        });
        setTimeout(() => resolve(new Response("second")), 10);
        return await Promise.race([promise, Promise.resolve(new Response(stream))]);`),
        async (scene) => {
          equal(await (await ask(scene)).text(), "first");
        },
      ),
    },
  },
  {
    name: "flood a WebSocket that nobody reads",
    code: {
      javascript: watched(
        ["supervisor", "gateway"],
        handler(`
        const { socket, response } = Deno.upgradeWebSocket(request);
        socket.onopen = () => {
          const text = "x".repeat(60_000);
          const flood = () => { for (let n = 0; n < 50; n++) socket.send(text); setTimeout(flood, 1); };
          flood();
        };
        return response;`),
        (scene) =>
          holdsNoMore(scene, async () => {
            const { hostname, port } = new URL(scene.http);
            using connection = await Deno.connect({ hostname, port: Number(port) });
            const key = btoa("0123456789abcdef");
            const request = `GET ${new URL(scene.url).pathname} HTTP/1.1\r\nhost: a\r\n` +
              `apikey: ${scene.anonKey}\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
              `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`;
            await connection.write(new TextEncoder().encode(request));
            await new Promise((resolve) => setTimeout(resolve, 1500));
          }),
        { options: "MEMORY 64MB TIMEOUT 5s" },
      ),
    },
  },
  {
    name: "keep working after the answer",
    code: {
      javascript: watched(
        ["supervisor"],
        `export default { fetch(request, env, ctx) {
          if (new URL(request.url).searchParams.has("again")) return new Response("again");
          ctx.waitUntil(new Promise(() => setInterval(() => {}, 1)));
          setTimeout(() => { for (;;); }, 10);
          return new Response("answered");
        } };`,
        async (scene) => {
          equal(await (await ask(scene)).text(), "answered");
        },
        { options: "TIMEOUT 500ms", ruinsItself: true },
      ),
    },
  },
  {
    name: "answer with a body of the wrong kind",
    code: {
      javascript: fails(
        ["function_error"],
        ["bootstrap"],
        `export const main = (target) => target.again ? "again"
          : new Response(new ReadableStream({ pull(c) { c.enqueue({ not: "bytes" }); } }));`,
        { whole: true },
      ),
    },
  },
];
