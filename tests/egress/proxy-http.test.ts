import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import {
  answerTo,
  basic,
  certificate,
  createRig,
  encode,
  listenOn,
  RawClient,
  type Rig,
  serveOn,
} from "./rig.ts";

function through(rig: Rig, token: string, url: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("proxy-authorization", basic(token));
  return fetch(`http://127.0.0.1:${rig.proxy.port}/${url}`, {
    redirect: "manual",
    ...init,
    headers,
  });
}

Deno.test("a request passes with its method, path, headers and body, and so does the response", async () => {
  await using server = serveOn("127.0.0.2", async (request) => {
    const url = new URL(request.url);
    return new Response(
      JSON.stringify({
        method: request.method,
        path: url.pathname + url.search,
        host: request.headers.get("host"),
        custom: request.headers.get("x-custom"),
        credentials: request.headers.get("proxy-authorization"),
        body: await request.text(),
      }),
      { status: 201, headers: { "x-answer": "yes", "orla-egress": "not_allowed" } },
    );
  });
  await using rig = await createRig();
  rig.dns.answer("shop.test", ["127.0.0.2"]);
  const { token } = rig.admit();
  const response = await through(rig, token, `http://shop.test:${server.port}/a//b?c=%20d`, {
    method: "POST",
    headers: { "x-custom": "ü".normalize() },
    body: "hello",
  });
  equal(response.status, 201);
  equal(response.headers.get("x-answer"), "yes");
  equal(response.headers.get("orla-egress"), null, "a host cannot speak for the proxy");
  deepEqual(await response.json(), {
    method: "POST",
    path: "/a//b?c=%20d",
    host: `shop.test:${server.port}`,
    custom: "ü",
    credentials: null,
    body: "hello",
  });
  const [[name, traffic] = []] = [...rig.proxy.traffic()];
  equal(name, "f");
  equal(traffic?.requests, 1);
  ok((traffic?.bytesSent ?? 0) > 100 && (traffic?.bytesReceived ?? 0) > 100);
});

Deno.test("an absolute request line means the same, and many requests use one connection each way", async () => {
  let connections = 0;
  await using server = listenOn("127.0.0.2", async (connection) => {
    connections++;
    const buffer = new Uint8Array(4096);
    while (await connection.read(buffer) !== null) {
      await connection.write(encode("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    }
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  using client = await RawClient.connect(rig.proxy);
  for (let i = 0; i < 5; i++) {
    await client.send(
      `GET http://127.0.0.2:${server.port}/ HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`,
    );
    match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 200 OK\r\ncontent-length: 2\r\n/);
    equal(await client.until("ok"), "ok");
  }
  equal(connections, 1);
});

Deno.test("bodies of every framing pass both ways, also large ones, also at the same time", async () => {
  await using server = serveOn("127.0.0.2", (request) => new Response(request.body));
  await using rig = await createRig();
  const { token } = rig.admit();
  const url = `http://127.0.0.2:${server.port}/`;
  const large = new Uint8Array(5_000_000).map((_, index) => index % 251);
  const sized = await through(rig, token, url, { method: "POST", body: large });
  deepEqual(await sized.bytes(), large);
  const stream = new ReadableStream({
    start(controller) {
      for (let at = 0; at < large.length; at += 100_000) {
        controller.enqueue(large.subarray(at, at + 100_000));
      }
      controller.close();
    },
  });
  const chunked = await through(rig, token, url, { method: "POST", body: stream });
  deepEqual(await chunked.bytes(), large);
  const { readable, writable } = new TransformStream<
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>
  >();
  const writer = writable.getWriter();
  const echoing = through(rig, token, url, { method: "POST", body: readable });
  await writer.write(encode("one"));
  const echo = await echoing;
  const reader = echo.body!.getReader(); // the server always sends one
  equal(new TextDecoder().decode((await reader.read()).value), "one");
  await writer.write(encode("two"));
  equal(new TextDecoder().decode((await reader.read()).value), "two");
  await writer.close();
  equal((await reader.read()).done, true);
});

Deno.test("a body that ends with its connection, HEAD, 204 and interim responses", async () => {
  const answers: Record<string, string> = {
    "/close": "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "/old": "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nold",
    "/head": "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
    "/none": "HTTP/1.1 204 No Content\r\n\r\n",
    "/hints":
      "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
  };
  await using server = listenOn("127.0.0.2", async (connection) => {
    const buffer = new Uint8Array(4096);
    const count = await connection.read(buffer) ?? 0;
    const path = new TextDecoder().decode(buffer.subarray(0, count)).split(" ")[1] ?? "";
    await connection.write(encode(answers[path] ?? ""));
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  const base = `http://127.0.0.2:${server.port}`;
  equal(await (await through(rig, token, `${base}/close`)).text(), "until the end");
  equal(await (await through(rig, token, `${base}/old`)).text(), "old");
  const head = await through(rig, token, `${base}/head`, { method: "HEAD" });
  equal(head.headers.get("content-length"), "1000");
  equal((await through(rig, token, `${base}/none`)).status, 204);
  equal(await (await through(rig, token, `${base}/hints`)).text(), "x");
});

Deno.test("https: the proxy speaks TLS and believes no false certificate", async () => {
  await using server = serveOn("127.0.0.2", () => new Response("secret"), certificate);
  await using rig = await createRig({ caCerts: [certificate.authority] });
  rig.dns.answer("shop.test", ["127.0.0.2"]);
  rig.dns.answer("other.test", ["127.0.0.2"]);
  const { token } = rig.admit();
  for (const host of ["shop.test", "SHOP.test.", "127.0.0.2"]) {
    const response = await through(rig, token, `https://${host}:${server.port}/`);
    equal(await response.text(), "secret", host);
  }
  const wrongName = await through(rig, token, `https://other.test:${server.port}/`);
  equal(wrongName.status, 502);
  equal(wrongName.headers.get("orla-egress"), "tls_failed");
  match(
    (await wrongName.json()).error.message,
    /TLS with other\.test failed: .*not valid for name/,
  );
  await using untrusting = await createRig();
  const other = untrusting.admit();
  const unknown = await through(untrusting, other.token, `https://127.0.0.2:${server.port}/`);
  match((await unknown.json()).error.message, /UnknownIssuer/);
  await using plain = serveOn("127.0.0.2", () => new Response("no TLS"));
  const noTls = await through(rig, token, `https://127.0.0.2:${plain.port}/`);
  equal(noTls.headers.get("orla-egress"), "tls_failed");
  await noTls.body?.cancel();
});

Deno.test("a traceparent is added where there is none", async () => {
  await using server = serveOn(
    "127.0.0.2",
    (request) => new Response(request.headers.get("traceparent")),
  );
  await using rig = await createRig();
  const { token } = rig.admit();
  const url = `http://127.0.0.2:${server.port}/`;
  const own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  equal(await (await through(rig, token, url, { headers: { traceparent: own } })).text(), own);
  const first = await (await through(rig, token, url)).text();
  match(first, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  notEqual(await (await through(rig, token, url)).text(), first);
});

Deno.test("WebSockets pass", async () => {
  await using server = serveOn("127.0.0.2", (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "chat" });
    socket.onmessage = ({ data }) => socket.send(`echo ${data}`);
    return response;
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  const socket = new WebSocket(
    `ws://127.0.0.1:${rig.proxy.port}/http://127.0.0.2:${server.port}/`,
    {
      headers: { "proxy-authorization": basic(token) },
      protocols: ["chat"],
    },
  );
  const answered = new Promise<string>((resolve, reject) => {
    socket.onopen = () => socket.send("hi");
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = reject;
  });
  equal(await answered, "echo hi");
  equal(socket.protocol, "chat");
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
});

Deno.test("a host that closed the kept connection gets the request again on a new one, if it may be repeated", async () => {
  let connections = 0;
  await using server = listenOn("127.0.0.2", async (connection) => {
    connections++;
    const buffer = new Uint8Array(4096);
    await connection.read(buffer);
    await connection.write(encode("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    // Reads the next request, and closes without an answer.
    await connection.read(buffer);
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  const url = `http://127.0.0.2:${server.port}/`;
  for (let i = 0; i < 3; i++) equal(await (await through(rig, token, url)).text(), "ok");
  equal(connections, 3);
  // The third connection is still kept. The host may have acted on what it read.
  const post = { method: "POST" };
  const failed = await through(rig, token, url, post);
  equal(failed.status, 502);
  await failed.body?.cancel();
  equal(connections, 3);
  equal(await (await through(rig, token, url)).text(), "ok");
  const keyed = { method: "POST", headers: { "idempotency-key": "1" } };
  equal(await (await through(rig, token, url, keyed)).text(), "ok");
  equal(connections, 5);
});

Deno.test("what is no HTTP, or ends too early, is answered for", async () => {
  const answers = ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"];
  await using server = listenOn("127.0.0.2", async (connection) => {
    await connection.read(new Uint8Array(4096));
    await connection.write(
      encode(answers.shift() ?? "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"),
    );
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  const get =
    `GET http://127.0.0.2:${server.port}/ HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`;
  for (const reason of [/did not answer/, /no status line/, /no valid length/]) {
    const answer = await answerTo(rig.proxy, get);
    match(answer, /^HTTP\/1\.1 502 .*\r\nOrla-Egress: bad_response\r\n/s);
    match(answer, reason);
  }
  // Too late for another answer: the connection ends before its body, which clients notice.
  match(await answerTo(rig.proxy, get), /^HTTP\/1\.1 200 OK\r\ncontent-length: 5\r\n\r\nab$/);
});

Deno.test("a caller who goes away ends the request at the host, also one that waits", async () => {
  const ended = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  await using server = listenOn("127.0.0.2", async (connection) => {
    await connection.read(new Uint8Array(4096));
    arrived.resolve();
    equal(await connection.read(new Uint8Array(1)), null);
    ended.resolve();
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  const controller = new AbortController();
  const request = through(rig, token, `http://127.0.0.2:${server.port}/`, {
    signal: controller.signal,
  })
    .catch((error) => error.name);
  await arrived.promise;
  controller.abort();
  equal(await request, "AbortError");
  await ended.promise;
});

Deno.test("a slow reader slows the host down", async () => {
  const chunk = new Uint8Array(64 * 1024);
  let sent = 0;
  await using server = serveOn("127.0.0.2", () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent += chunk.length;
          controller.enqueue(chunk);
        },
      }),
    ));
  await using rig = await createRig();
  const { token } = rig.admit();
  using client = await RawClient.connect(rig.proxy);
  await client.send(
    `GET http://127.0.0.2:${server.port}/ HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`,
  );
  await client.until("\r\n\r\n");
  // Nothing more is read: what is on its way fills the buffers of sockets and stops.
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  ok(sent < 32 << 20, `${sent} bytes were buffered`);
});
