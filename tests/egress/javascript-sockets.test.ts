/** WebSocket, `Deno.connect`, node:net, node:tls, node:http and node:https in real instances. */
import { deepEqual, equal, match } from "node:assert/strict";
import { test, version } from "../runtime/rig.ts";
import { startFunctionRig } from "./function-rig.ts";
import { certificate, encode, listenOn, serveOn } from "./rig.ts";

const trying = (attempt: string) =>
  version(`${attempt}
  export const main = async (input) => {
    try { return await attempt(input); }
    catch (error) { return error.name + ": " + error.message; }
  }`);

test("WebSocket: messages, subprotocols, its URL, TLS, and the refusal", async () => {
  const handler = (request: Request) => {
    const about = `${request.headers.has("traceparent")} ${request.headers.get("x-a")}`;
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "chat" });
    socket.onmessage = ({ data }) => socket.send(`${data} ${about}`);
    return response;
  };
  await using plain = serveOn("127.0.0.2", handler);
  await using secure = serveOn("127.0.0.2", handler, certificate);
  await using rig = await startFunctionRig();
  rig.dns.answer("shop.test", ["127.0.0.2"]);
  const talk = trying(`const attempt = (url) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { protocols: ["chat"], headers: { "x-a": "b" } });
    socket.onopen = () => socket.send("hi");
    socket.onmessage = ({ data }) => {
      resolve([data, socket.protocol, socket.url, socket instanceof WebSocket, WebSocket.OPEN]);
      socket.close();
    };
    socket.onerror = () => reject(new Error("no connection"));
  });`);
  for (const [scheme, { port }] of [["ws", plain], ["wss", secure], ["https", secure]] as const) {
    const url = `${scheme}://shop.test:${port}/path?a=b`;
    deepEqual(
      await rig.payload(talk, url),
      ["hi true b", "chat", url.replace("https", "wss"), true, 1],
    );
  }
  equal(await rig.payload(talk, `ws://127.0.0.1:${plain.port}/`), "Error: no connection");
  await rig.logged(({ message }) => message.includes("127.0.0.1 is a loopback address"));
  match(String(await rig.payload(talk, "nonsense")), /^SyntaxError: /);
  match(String(await rig.payload(talk, "ftp://shop.test/")), /^SyntaxError: /);
});

/** Says hello first, then repeats what it hears. */
function greeter() {
  return listenOn("127.0.0.2", async (connection) => {
    await connection.write(encode("hello\n"));
    const buffer = new Uint8Array(1024);
    for (let count; (count = await connection.read(buffer)) !== null;) {
      await connection.write(buffer.slice(0, count));
    }
    await connection.write(encode("bye"));
  });
}

test("Deno.connect: servers that speak first, half-closing, the address", async () => {
  await using server = greeter();
  await using rig = await startFunctionRig();
  rig.dns.answer("shop.test", ["127.0.0.2"]);
  const talk = trying(`const attempt = async (port) => {
    const connection = await Deno.connect({ hostname: "shop.test", port });
    await connection.write(new TextEncoder().encode("one"));
    await connection.closeWrite();
    return [await new Response(connection.readable).text(), connection.remoteAddr];
  };`);
  deepEqual(await rig.payload(talk, server.port), [
    "hello\nonebye",
    { transport: "tcp", hostname: "shop.test", port: server.port },
  ]);
});

test("Deno.connect: each failure has Deno's own error", async () => {
  await using rig = await startFunctionRig();
  rig.dns.answer("inside.test", ["192.168.1.1"]);
  const free = Deno.listen({ hostname: "127.0.0.2", port: 0 });
  const { port } = free.addr;
  free.close();
  const connect = trying(`const attempt = (options) => Deno.connect(options);`);
  const refused = async (options: object) => String(await rig.payload(connect, options));
  equal(
    await refused({ hostname: "inside.test", port: 80 }),
    "NotCapable: connecting to inside.test:80 is not allowed: 192.168.1.1 is a private address",
  );
  match(await refused({ hostname: "127.0.0.2", port }), /^ConnectionRefused: cannot connect to /);
  match(await refused({ hostname: "nowhere.test", port: 1 }), /^NotFound: .*has no address/);
  match(await refused({ hostname: "::1", port: 80 }), /^NotCapable: .*::1 is a loopback address/);
  match(await refused({ hostname: "a b\\r\\nX: y", port: 80 }), /^TypeError: /);
  match(await refused({ hostname: "a.test", port: 99999 }), /^TypeError: /);
  match(await refused({ transport: "unix", path: "/run/docker.sock" }), /^NotCapable: /);
});

test("Deno.connectTls and Deno.startTls: TLS ends in the function", async () => {
  await using server = serveOn("127.0.0.2", () => new Response("secret"), certificate);
  await using rig = await startFunctionRig();
  rig.dns.answer("shop.test", ["127.0.0.2"]);
  rig.dns.answer("other.test", ["127.0.0.2"]);
  const talk = trying(`const attempt = async ([hostname, port, ca, start]) => {
    const options = { hostname, caCerts: [ca] };
    const connection = start
      ? await Deno.startTls(await Deno.connect({ hostname, port }), options)
      : await Deno.connectTls({ ...options, port });
    await connection.write(new TextEncoder().encode(
      "GET / HTTP/1.1\\r\\nHost: shop.test\\r\\nConnection: close\\r\\n\\r\\n"));
    return (await new Response(connection.readable).text()).endsWith("secret");
  };`);
  for (const start of [false, true]) {
    const talked = (host: string, ca: string) =>
      rig.payload(talk, [host, server.port, ca, start]) as Promise<unknown>;
    equal(await talked("shop.test", certificate.authority), true);
    match(String(await talked("other.test", certificate.authority)), /not valid for name/);
    match(String(await talked("shop.test", certificate.cert)), /invalid peer certificate/);
  }
});

test("node:net, node:tls, node:http and node:https go the same way", async () => {
  await using plain = serveOn("127.0.0.2", () => new Response("plain"));
  await using secure = serveOn("127.0.0.2", () => new Response("secret"), certificate);
  await using rig = await startFunctionRig();
  rig.dns.answer("shop.test", ["127.0.0.2"]);
  const input = { plain: plain.port, secure: secure.port, ca: certificate.authority };
  const spoken = `const spoken = (socket) => new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => text += chunk);
    socket.on("end", () => resolve(text.slice(text.lastIndexOf("\\n") + 1)));
    socket.on("error", reject);
    socket.write("GET / HTTP/1.1\\r\\nHost: shop.test\\r\\nConnection: close\\r\\n\\r\\n");
  });
  const answer = (request) => new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve(text);
    });
    request.end();
  });`;
  const result = await rig.payload(
    version(`
      import net from "node:net";
      import * as tls from "node:tls";
      import http from "node:http";
      import https from "node:https";
      ${spoken}
      export const main = async ({ plain, secure, ca }) => {
        const agent = new https.Agent({ keepAlive: true });
        const host = "shop.test";
        const upgraded = net.connect({ host, port: secure });
        await new Promise((resolve) => upgraded.on("connect", resolve));
        const early = new net.Socket();
        early.connect(plain, host);
        const results = {
          net: await spoken(net.connect(plain, host)),
          early: await spoken(early),
          tls: await spoken(tls.connect({ host, port: secure, ca })),
          upgraded: await spoken(tls.connect({ socket: upgraded, servername: host, ca })),
          http: await answer(http.request({ host, port: plain })),
          https: await answer(https.request("https://shop.test:" + secure, { ca, agent })),
          again: await answer(https.request("https://shop.test:" + secure, { ca, agent })),
          untrusted: await answer(https.request({ host, port: secure })).catch(({ code }) => code),
        };
        agent.destroy();
        return results;
      };`),
    input,
  );
  deepEqual(result, {
    ...{ net: "plain", early: "plain", tls: "secret", upgraded: "secret" },
    ...{ http: "plain", https: "secret", again: "secret" },
    untrusted: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  });
});

test("node: failures have Node's codes, and require leads there too", async () => {
  await using rig = await startFunctionRig();
  const failing = version(`
    const net = require("net");
    export const main = ([host, port]) => new Promise((resolve) => {
      net.connect(port, host).on("error", ({ code, message }) => resolve([code, message]));
    });`);
  const [code, message] = await rig.payload(failing, ["10.0.0.1", 80]) as string[];
  equal(code, "EACCES");
  match(message ?? "", /^connect EACCES 10\.0\.0\.1:80: .*10\.0\.0\.1 is a private address$/);
  const [missing] = await rig.payload(failing, ["nowhere.test", 80]) as string[];
  equal(missing, "ENOTFOUND");
});

test("EventSource: events, reconnecting with the last id, and an end", async () => {
  const asked: (string | null)[] = [];
  await using server = serveOn("127.0.0.2", (request) => {
    asked.push(request.headers.get("last-event-id"));
    if (asked.length > 2) return new Response(null, { status: 204 });
    const text = `retry: 10\nid: ${asked.length}\nevent: tick\ndata: a\ndata: b\n\ndata: plain\n\n`;
    return new Response(text, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
  });
  await using rig = await startFunctionRig();
  const result = await rig.payload(
    trying(`const attempt = (url) => new Promise((resolve) => {
      const seen = [];
      const source = new EventSource(url);
      source.onopen = () => seen.push("open");
      source.onmessage = ({ data, lastEventId }) => seen.push([data, lastEventId]);
      source.addEventListener("tick", ({ data }) => seen.push(data));
      source.onerror = () => {
        seen.push(source.readyState);
        if (source.readyState === EventSource.CLOSED) resolve(seen);
      };
    });`),
    `http://127.0.0.2:${server.port}/events`,
  );
  deepEqual(result, [
    ...["open", "a\nb", ["plain", "1"], 0],
    ...["open", "a\nb", ["plain", "2"], 0],
    2,
  ]);
  deepEqual(asked, [null, "1", "2"]);
  const refused = await rig.payload(
    trying(`const attempt = (url) => new Promise((resolve) => {
      const source = new EventSource(url);
      source.onerror = () => resolve(source.readyState);
    });`),
    `http://127.0.0.1:${server.port}/events`,
  );
  equal(refused, 2);
});
