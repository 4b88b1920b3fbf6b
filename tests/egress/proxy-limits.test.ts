/** Many, slow, broken and hostile connections. */
import { equal, match, ok } from "node:assert/strict";
import { answerTo, createRig, encode, listenOn, RawClient, type Rig, serveOn } from "./rig.ts";

function get(port: number, token: string, more = ""): string {
  return `GET http://127.0.0.2:${port}/ HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n${more}\r\n`;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function stillServes(rig: Rig, port: number, token: string): Promise<void> {
  const answer = await answerTo(rig.proxy, get(port, token, "Connection: close\r\n"));
  match(answer, /^HTTP\/1\.1 200 /);
}

Deno.test("100,000 connections of garbage leave nothing behind and hold nobody up", async () => {
  await using server = serveOn("127.0.0.2", () => new Response("ok"));
  await using rig = await createRig();
  const { token } = rig.admit();
  const noise = crypto.getRandomValues(new Uint8Array(512));
  const garbage = [
    new Uint8Array(),
    noise,
    encode("\r\n\r\n"),
    encode("GET / HTTP/1.1\r\n\r\n"),
    encode("CONNECT 127.0.0.1:5432 HTTP/1.1\r\n\r\n"),
    encode("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    encode(
      `GET http://127.0.0.2/ HTTP/1.1\r\nProxy-Authorization: Bearer ${token.slice(1)}\r\n\r\n`,
    ),
    encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  ];
  const COUNT = 100_000;
  let next = 0;
  const throwGarbage = async () => {
    for (let index = next++; index < COUNT; index = next++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: rig.proxy.port });
      // Some wait for an answer, some are gone before there is one.
      try {
        await connection.write(garbage[index % garbage.length] ?? noise);
        if (index % 3 === 0) {
          await connection.closeWrite();
          await connection.read(new Uint8Array(64));
        }
      } catch {
        // The proxy was faster.
      }
      connection.close();
    }
  };
  const throwing = Promise.all(Array.from({ length: 64 }, throwGarbage));
  while (next < COUNT) await stillServes(rig, server.port, token);
  await throwing;
  await until(() => rig.proxy.connections.all === 0);
  await stillServes(rig, server.port, token);
});

Deno.test("connections that say nothing are closed in time; too many push out the oldest", async () => {
  await using server = serveOn("127.0.0.2", () => new Response("ok"));
  await using rig = await createRig({ limits: { unknownConnections: 10, firstRequestMs: 400 } });
  const { token } = rig.admit();
  const idle = await Promise.all(Array.from({ length: 30 }, () => RawClient.connect(rig.proxy)));
  try {
    await until(() => rig.proxy.connections.unknown === 10);
    await stillServes(rig, server.port, token);
    for (const client of idle) equal(await client.rest(), "");
    equal(rig.proxy.connections.all, 0);
  } finally {
    for (const client of idle) client[Symbol.dispose]();
  }
});

Deno.test("a head that arrives byte by byte gets its time and no more", async () => {
  await using rig = await createRig({ limits: { firstRequestMs: 300 } });
  using client = await RawClient.connect(rig.proxy);
  const started = performance.now();
  const ended = client.rest();
  let sent = 0;
  try {
    for (; performance.now() - started < 10_000; sent++) {
      await client.send("G");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } catch {
    // Closed, as it should be.
  }
  equal(await ended, "");
  ok(performance.now() - started < 5_000);
  ok(sent > 5);
});

Deno.test("heads and chunk lines have a size", async () => {
  await using server = serveOn("127.0.0.2", () => new Response("ok"));
  await using rig = await createRig();
  const { token } = rig.admit();
  const header = `X: ${"a".repeat(8000)}\r\n`;
  match(
    await answerTo(rig.proxy, get(server.port, token, `${header.repeat(7)}Connection: close\r\n`)),
    /^HTTP\/1\.1 (200|431) /,
  );
  match(
    await answerTo(rig.proxy, get(server.port, token, header.repeat(9))),
    /^HTTP\/1\.1 431 .*Orla-Egress: head_too_large/s,
  );
  match(
    await answerTo(
      rig.proxy,
      `POST http://127.0.0.2:${server.port}/ HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n` +
        `Transfer-Encoding: chunked\r\n\r\n1;${"x".repeat(10_000)}\r\na\r\n0\r\n\r\n`,
    ),
    /^HTTP\/1\.1 400 /,
  );
});

Deno.test("a host with an endless head, or endless interim responses, is given up", async () => {
  const answers = [
    `HTTP/1.1 200 OK\r\n${`X: ${"a".repeat(1000)}\r\n`.repeat(100)}\r\n`,
    "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50),
  ];
  await using server = listenOn("127.0.0.2", async (connection) => {
    await connection.read(new Uint8Array(4096));
    await connection.write(encode(answers.shift() ?? ""));
    await connection.read(new Uint8Array(1));
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  match(await answerTo(rig.proxy, get(server.port, token)), /^HTTP\/1\.1 502 .*too large a head/s);
  ok(!(await answerTo(rig.proxy, get(server.port, token))).includes("200"));
});

Deno.test("an instance has a number of connections, and others have theirs", async () => {
  await using server = listenOn("127.0.0.2", async (connection) => {
    while (await connection.read(new Uint8Array(64)) !== null);
  });
  await using rig = await createRig({ limits: { connectionsPerInstance: 5 } });
  const greedy = rig.admit();
  const modest = rig.admit({ name: "modest" });
  const open: RawClient[] = [];
  const tunnel = async (token: string) => {
    const client = await RawClient.connect(rig.proxy);
    open.push(client);
    await client.send(
      `CONNECT 127.0.0.2:${server.port} HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`,
    );
    return await client.until("\r\n\r\n");
  };
  try {
    for (let i = 0; i < 5; i++) match(await tunnel(greedy.token), /^HTTP\/1\.1 200 /);
    match(await tunnel(greedy.token), /^HTTP\/1\.1 503 .*Orla-Egress: too_many/s);
    match(await tunnel(modest.token), /^HTTP\/1\.1 200 /);
    open[0]?.[Symbol.dispose]();
    open.shift();
    await until(() => rig.proxy.connections.all < 7);
    match(await tunnel(greedy.token), /^HTTP\/1\.1 200 /);
  } finally {
    for (const client of open) client[Symbol.dispose]();
  }
});

Deno.test("names that take for ever hold up only those who ask for them", async () => {
  await using server = serveOn("127.0.0.2", () => new Response("ok"));
  let asked = 0;
  const release = Promise.withResolvers<void>();
  const resolver = {
    resolve: async (name: string) => {
      if (!name.startsWith("slow")) return ["127.0.0.2"];
      asked++;
      await release.promise;
      return [];
    },
  };
  await using rig = await createRig({ resolver, limits: { lookupMs: 500 } });
  const slow = [rig.admit({ name: "slow" }), rig.admit({ name: "slow" })];
  const other = rig.admit({ name: "other" });
  const answers = slow.flatMap(({ token }) =>
    Array.from({ length: 20 }, (_, index) =>
      answerTo(
        rig.proxy,
        `GET http://slow${index}.test/ HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`,
      ))
  );
  await until(() => asked === 8);
  match(
    await answerTo(
      rig.proxy,
      `GET http://quick.test:${server.port}/ HTTP/1.1\r\nConnection: close\r\n` +
        `Proxy-Authorization: Bearer ${other.token}\r\n\r\n`,
    ),
    /^HTTP\/1\.1 200 /,
  );
  for (const answer of await Promise.all(answers)) {
    match(answer, /^HTTP\/1\.1 502 .*looking up slow\d+\.test took longer than 0\.5 s/s);
  }
  release.resolve();
  const more = `GET http://slow.test/ HTTP/1.1\r\nProxy-Authorization: Bearer ${
    slow[0]?.token
  }\r\n\r\n`;
  match(await answerTo(rig.proxy, more), /the name slow\.test has no address/);
  equal(asked, 9, "those that waited for a turn were forgotten with whoever wanted them");
});

Deno.test("a tunnel nobody uses is closed, one in use is not", async () => {
  await using server = listenOn("127.0.0.2", async (connection) => {
    const buffer = new Uint8Array(64);
    for (let count; (count = await connection.read(buffer)) !== null;) {
      await connection.write(buffer.slice(0, count));
    }
  });
  await using rig = await createRig({ limits: { idleMs: 400 } });
  const { token } = rig.admit();
  const open = async () => {
    const client = await RawClient.connect(rig.proxy);
    await client.send(
      `CONNECT 127.0.0.2:${server.port} HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`,
    );
    await client.until("\r\n\r\n");
    return client;
  };
  using idle = await open();
  using busy = await open();
  const ended = idle.rest();
  for (let i = 0; i < 12; i++) {
    await busy.send("ping");
    equal(await busy.until("ping"), "ping");
    await new Promise((resolve) => setTimeout(resolve, 80));
  }
  equal(await ended, "");
});

Deno.test("each direction of a tunnel ends by itself", async () => {
  const heard = Promise.withResolvers<string>();
  await using server = listenOn("127.0.0.2", async (connection) => {
    heard.resolve(await new Response(connection.readable, {}).text());
  });
  await using late = listenOn("127.0.0.2", async (connection) => {
    const buffer = new Uint8Array(64);
    let text = "";
    for (let count; (count = await connection.read(buffer)) !== null;) {
      text += new TextDecoder().decode(buffer.subarray(0, count));
    }
    await connection.write(encode(`heard ${text}`));
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  using client = await RawClient.connect(rig.proxy);
  await client.send(
    `CONNECT 127.0.0.2:${late.port} HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n\r\nearly `,
  );
  await client.until("\r\n\r\n");
  await client.send("and late");
  await client.connection.closeWrite();
  equal(await client.rest(), "heard early and late");
  using gone = await RawClient.connect(rig.proxy);
  await gone.send(
    `CONNECT 127.0.0.2:${server.port} HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n\r\nx`,
  );
  await gone.until("\r\n\r\n");
  await gone.connection.closeWrite();
  equal(await heard.promise, "x");
});
