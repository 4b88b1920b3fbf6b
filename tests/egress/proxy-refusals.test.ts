/** What the proxy lets nobody do. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import {
  answerTo,
  basic,
  createRig,
  encode,
  listenOn,
  RawClient,
  type Rig,
  serveOn,
} from "./rig.ts";

/** The code of a refusal and its sentence, or `200` and the body. */
async function ask(rig: Rig, token: string, target: string): Promise<[code: string, text: string]> {
  const answer = await answerTo(
    rig.proxy,
    `GET ${target} HTTP/1.1\r\nProxy-Authorization: ${basic(token)}\r\nConnection: close\r\n\r\n`,
  );
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  const code = /\r\nOrla-Egress: (\w+)/.exec(head)?.[1];
  return code === undefined ? ["200", body] : [code, JSON.parse(body).error.message];
}

async function dial(
  rig: Rig,
  token: string,
  target: string,
): Promise<[code: string, text: string]> {
  const answer = await answerTo(
    rig.proxy,
    `CONNECT ${target} HTTP/1.1\r\nProxy-Authorization: ${basic(token)}\r\n\r\n`,
  );
  const code = /\r\nOrla-Egress: (\w+)/.exec(answer)?.[1] ?? "200";
  return [code, code === "200" ? "" : JSON.parse(answer.split("\r\n\r\n")[1] ?? "").error.message];
}

Deno.test("addresses that are not public are refused in every notation, by both ways", async () => {
  let calls = 0;
  await using server = serveOn("127.0.0.1", () => new Response(`${++calls}`));
  await using rig = await createRig();
  const { token } = rig.admit();
  const { port } = server;
  const loopback = [
    ...["127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7f.1"],
    ...["0177.0.0.1", "127.0.0.01", "127.000.000.001", "0x7f.0x0.0x0.0x1", "127.0.0.1."],
    ...[
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "[0:0:0:0:0:ffff:127.0.0.1]",
      "[::127.0.0.1]",
    ],
    ...[
      "[64:ff9b::127.0.0.1]",
      "[2002:7f00:1::]",
      "[::ffff:0:127.0.0.1]",
      "localhost",
      "LOCALHOST.",
    ],
    ...["a.localhost", "①②⑦.⓪.⓪.①", "127。0。0。1", "%31%32%37.0.0.1", "127.0.0.1%2e"],
  ];
  rig.dns.answer("localhost", ["127.0.0.1"]);
  rig.dns.answer("a.localhost", ["::1"]);
  for (const host of loopback) {
    const isAscii = /^[\x21-\x7e]+$/.test(host);
    for (
      const answer of [
        ask(rig, token, `http://${host}:${port}/`),
        dial(rig, token, `${host}:${port}`),
      ]
    ) {
      const [code, text] = await answer;
      // A request line holds ASCII only; what it cannot say needs no rule.
      if (!isAscii) equal(code, "bad_request", host);
      else {
        equal(code, "not_allowed", `${host}: ${code} ${text}`);
        match(text, /is a loopback address$/, host);
      }
    }
  }
  const places: Record<string, RegExp> = {
    "0.0.0.0": /0\.0\.0\.0 is an unspecified address/,
    "0": /0\.0\.0\.0 is an unspecified address/,
    "[::]": /:: is an unspecified address/,
    "169.254.169.254": /is a link-local address/,
    "[fe80::1]": /is a link-local address/,
    "[fd00:ec2::254]": /is a private address/,
    "10.0.0.1": /is a private address/,
    "192.168.1": /192\.168\.0\.1 is a private address/,
    "172.16.0.1": /is a private address/,
    "100.64.0.1": /is a shared \(carrier\) address/,
    "198.18.0.1": /is a benchmarking address/,
    "224.0.0.1": /is a multicast address/,
    "[ff02::1]": /is a multicast address/,
    "255.255.255.255": /is a reserved address/,
    "[2001:0:53aa:64c::]": /is a reserved address/,
    "[64:ff9b:1::a00:1]": /is a private address/,
  };
  for (const [host, sentence] of Object.entries(places)) {
    const [code, text] = await ask(rig, token, `http://${host}/`);
    equal(code, "not_allowed", host);
    match(text, sentence);
  }
  equal(calls, 0);
});

Deno.test("this machine's public addresses are refused too", async () => {
  const own = Deno.networkInterfaces().find(({ address, family }) =>
    family === "IPv4" && !address.startsWith("127.")
  );
  if (own === undefined) return; // A machine without a network: the next test covers loopback.
  // As if the interface had a public address.
  await using rig = await createRig({
    surroundings: (proxyPort) => ({
      placeOf: (address) => address.text === own.address ? "this machine's own address" : undefined,
      isPlatform: () => false,
      isProxy: (_, port) => port === proxyPort,
    }),
  });
  const { token } = rig.admit();
  deepEqual(await ask(rig, token, `http://${own.address}/`), [
    "not_allowed",
    `${own.address} is this machine's own address`,
  ]);
});

Deno.test("a name is judged by what it resolves to, at that very moment, and connected to there", async () => {
  await using inside = serveOn("127.0.0.1", () => new Response("inside"));
  const seen: string[] = [];
  await using server = listenOn("127.0.0.2", async (connection) => {
    seen.push(connection.localAddr.hostname);
    await connection.read(new Uint8Array(4096));
    await connection.write(
      encode("HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\npublic"),
    );
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  const url = (name: string) => `http://${name}:${server.port}/`;

  // First a public address, then a private one: each request asks once and uses what it was told.
  rig.dns.answer("rebinding.test", ["127.0.0.2"], ["127.0.0.1"]);
  deepEqual(await ask(rig, token, url("rebinding.test")), ["200", "public"]);
  deepEqual(await ask(rig, token, url("rebinding.test")), [
    "not_allowed",
    "127.0.0.1 is a loopback address",
  ]);
  deepEqual(rig.dns.asked, ["rebinding.test", "rebinding.test"]);

  // Both at once: only the public one is ever tried.
  rig.dns.answer("both.test", ["127.0.0.1", "127.0.0.2", "::1"]);
  deepEqual(await ask(rig, token, url("both.test")), ["200", "public"]);
  deepEqual(seen, ["127.0.0.2", "127.0.0.2"]);

  const hidden = {
    "mapped.test": "::ffff:7f00:1",
    "nat64.test": "64:ff9b::7f00:1",
    "six.test": "::1",
    "private.test": "fd00::1",
  };
  for (const [name, address] of Object.entries(hidden)) {
    rig.dns.answer(name, [address]);
    const [code, text] = await ask(rig, token, `http://${name}:${inside.port}/`);
    equal(code, "not_allowed", `${name}: ${text}`);
  }
  deepEqual(await ask(rig, token, "http://unknown.test/"), [
    "name_not_found",
    "the name unknown.test has no address",
  ]);
});

Deno.test("ALLOW_NET opens what it names, DENY_NET closes it, and the platform's ports need a port", async () => {
  await using server = serveOn("127.0.0.1", () => new Response("inside"));
  await using open = serveOn("127.0.0.2", () => new Response("public"));
  const { port } = server;
  await using rig = await createRig({ platform: () => [{ host: null, port }] });
  rig.dns.answer("db.internal", ["127.0.0.1"]);
  rig.dns.answer("shop.test", ["127.0.0.2"]);
  rig.dns.answer("localhost", ["127.0.0.1"]);
  const here = `http://127.0.0.1:${port}/`;
  const byName = `http://db.internal:${port}/`;
  const shop = `http://shop.test:${open.port}/`;
  const cases: ReadonlyArray<
    readonly [allow: string[], deny: string[], target: string, code: string, text: RegExp]
  > = [
    [[`127.0.0.1:${port}`], [], here, "200", /inside/],
    [[`127.0.0.1:${port}`], [], byName, "200", /inside/],
    [[`127.0.0.0/8:${port}`], [], here, "200", /inside/],
    [[`localhost:${port}`], [], `http://localhost:${port}/`, "200", /inside/],
    [[`localhost:${port}`], [], here, "not_allowed", /loopback/],
    [["localhost"], [], `http://localhost:${port}/`, "not_allowed", /the platform's own/],
    [["127.0.0.1"], [], here, "not_allowed", /only a rule with this port opens/],
    [["127.0.0.0/8", "0.0.0.0/0", "*"], [], here, "not_allowed", /only a rule with this port/],
    [[`127.0.0.1:${port + 1}`], [], here, "not_allowed", /loopback/],
    // Whoever runs the DNS of a name must not choose what it opens here.
    [
      [`db.internal:${port}`, "*.internal", "*"],
      [],
      byName,
      "not_allowed",
      /is a loopback address/,
    ],
    [["127.0.0.1"], [], "http://127.0.0.1:1/", "connect_failed", /nothing answers on port 1/],
    [
      [`127.0.0.1:${port}`],
      ["127.0.0.0/8"],
      here,
      "not_allowed",
      /DENY_NET forbids .*127\.0\.0\.0\/8/,
    ],
    [
      [`127.0.0.1:${port}`],
      ["db.internal"],
      byName,
      "not_allowed",
      /DENY_NET forbids db\.internal/,
    ],
    [[`127.0.0.1:${port}`], [`*:${port}`], here, "not_allowed", /DENY_NET forbids this port/],
    [[], ["shop.test"], shop, "not_allowed", /DENY_NET forbids shop\.test \(shop\.test\)/],
    [[], ["*.test"], shop, "not_allowed", /DENY_NET forbids shop\.test \(\*\.test\)/],
    [[], ["127.0.0.2"], shop, "not_allowed", /DENY_NET forbids 127\.0\.0\.2/],
    [
      [],
      ["127.0.0.2"],
      `http://[::ffff:127.0.0.2]:${open.port}/`,
      "not_allowed",
      /DENY_NET forbids/,
    ],
    [[], ["other.test"], shop, "200", /public/],
    [[], ["*"], shop, "not_allowed", /shop\.test with port \d+ is not in ALLOW_NET/],
    [["shop.test"], ["*"], shop, "200", /public/],
    [[`shop.test:${open.port}`], ["*"], shop, "200", /public/],
    [["shop.test:1"], ["*"], shop, "not_allowed", /is not in ALLOW_NET/],
    [["shop.test"], ["*", "shop.test"], shop, "not_allowed", /DENY_NET forbids/],
    [["127.0.0.2"], ["*"], shop, "200", /public/],
    [["127.0.0.3"], ["*"], shop, "not_allowed", /is not in ALLOW_NET/],
    [["shop.test"], ["*"], `http://127.0.0.2:${open.port}/`, "not_allowed", /is not in ALLOW_NET/],
  ];
  for (const [allowNet, denyNet, target, code, text] of cases) {
    const { token, pass } = rig.admit({ allowNet, denyNet });
    const [actual, said] = await ask(rig, token, target);
    const shown = JSON.stringify({ allowNet, denyNet, target, actual, said });
    equal(actual, code, shown);
    match(said, text, shown);
    pass[Symbol.dispose]();
  }
});

Deno.test("names that cannot be allowed are not even looked up: the DNS is a way out as well", async () => {
  await using rig = await createRig();
  const { token } = rig.admit({ denyNet: ["*"], allowNet: ["shop.test"] });
  await ask(rig, token, "http://secret-in-a-name.attacker.test/");
  deepEqual(rig.dns.asked, []);
  const { token: other } = rig.admit({ denyNet: ["*.attacker.test"] });
  await ask(rig, other, "http://secret-in-a-name.attacker.test/");
  deepEqual(rig.dns.asked, []);
});

Deno.test("the proxy is no way to the proxy, whatever the rules say", async () => {
  await using rig = await createRig();
  const { port } = rig.proxy;
  const { token } = rig.admit({
    allowNet: [`127.0.0.1:${port}`, "0.0.0.0/0", `localhost:${port}`],
  });
  rig.dns.answer("localhost", ["127.0.0.1"]);
  for (const host of ["127.0.0.1", "0.0.0.0", "localhost", "[::ffff:127.0.0.1]"]) {
    const [code] = await ask(rig, token, `http://${host}:${port}/`);
    equal(code, "not_allowed", host);
  }
});

Deno.test("without its own living token nobody is let out", async () => {
  await using server = serveOn("127.0.0.2", () => new Response("out"));
  await using rig = await createRig();
  const mine = rig.admit();
  const theirs = rig.admit({ name: "g" });
  const line = `GET http://127.0.0.2:${server.port}/ HTTP/1.1\r\n`;
  const wrong = [
    "",
    "Proxy-Authorization: \r\n",
    "Proxy-Authorization: Basic\r\n",
    `Proxy-Authorization: Basic ${btoa("orla:")}\r\n`,
    `Proxy-Authorization: Basic ${btoa("orla:guess")}\r\n`,
    "Proxy-Authorization: Basic ~~~~\r\n",
    `Proxy-Authorization: Digest ${mine.token}\r\n`,
    `Proxy-Authorization: Bearer ${mine.token.slice(0, -1)}\r\n`,
    `Proxy-Authorization: Bearer ${mine.token.toUpperCase()}\r\n`,
    `Authorization: Bearer ${mine.token}\r\n`,
    `Proxy-Authorization: Bearer ${mine.token}\r\nProxy-Authorization: Bearer ${theirs.token}\r\n`,
    "Proxy-Authorization: Bearer __proto__\r\n",
  ];
  for (const credentials of wrong) {
    match(await answerTo(rig.proxy, `${line}${credentials}\r\n`), /^HTTP\/1\.1 407 /, credentials);
  }
  // A connection belongs to whoever began it.
  using client = await RawClient.connect(rig.proxy);
  await client.send(`${line}Proxy-Authorization: Bearer ${mine.token}\r\n\r\n`);
  await client.until("out");
  await client.send(`${line}Proxy-Authorization: Bearer ${theirs.token}\r\n\r\n`);
  match(await client.rest(), /^HTTP\/1\.1 407 /);
  // A token ends with its instance.
  mine.pass[Symbol.dispose]();
  match(
    await answerTo(rig.proxy, `${line}Proxy-Authorization: Bearer ${mine.token}\r\n\r\n`),
    /^HTTP\/1\.1 407 .*\r\nProxy-Authenticate: Basic /s,
  );
});

Deno.test("an instance's end ends what it has open: tunnels, requests, waiting connections", async () => {
  const open = new Set<Deno.TcpConn>();
  const allClosed = Promise.withResolvers<void>();
  await using server = listenOn("127.0.0.2", async (connection) => {
    open.add(connection);
    const buffer = new Uint8Array(1024);
    while (await connection.read(buffer).catch(() => null) !== null);
    open.delete(connection);
    if (open.size === 0) allClosed.resolve();
  });
  await using rig = await createRig();
  const { token, pass } = rig.admit();
  const credentials = `Proxy-Authorization: Bearer ${token}\r\n\r\n`;
  using tunnel = await RawClient.connect(rig.proxy);
  await tunnel.send(`CONNECT 127.0.0.2:${server.port} HTTP/1.1\r\n${credentials}`);
  await tunnel.until("\r\n\r\n");
  using request = await RawClient.connect(rig.proxy);
  await request.send(`GET http://127.0.0.2:${server.port}/ HTTP/1.1\r\n${credentials}`);
  while (open.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  pass[Symbol.dispose]();
  equal(await tunnel.rest(), "");
  equal(await request.rest(), "");
  await allClosed.promise;
  equal(rig.proxy.connections.all, 0);
});

Deno.test("a request that could be read in two ways is refused", async () => {
  const received: string[] = [];
  await using server = listenOn("127.0.0.2", async (connection) => {
    const buffer = new Uint8Array(4096);
    for (let count; (count = await connection.read(buffer)) !== null;) {
      received.push(new TextDecoder().decode(buffer.subarray(0, count)));
    }
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  const url = `http://127.0.0.2:${server.port}/`;
  const auth = `Proxy-Authorization: Bearer ${token}\r\n`;
  const malformed = [
    `POST ${url} HTTP/1.1\r\n${auth}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST ${url} HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n`,
    `POST ${url} HTTP/1.1\r\n${auth}Transfer-Encoding: xchunked\r\n\r\n`,
    `POST ${url} HTTP/1.1\r\n${auth}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    `POST ${url} HTTP/1.1\r\n${auth}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
    `POST ${url} HTTP/1.1\r\n${auth}Content-Length: +5\r\n\r\nabcde`,
    `POST ${url} HTTP/1.1\r\n${auth}Content-Length: 0x5\r\n\r\nabcde`,
    `POST ${url} HTTP/1.1\r\n${auth}Content-Length: 5, 5\r\n\r\nabcde`,
    `POST ${url} HTTP/1.1\r\n${auth}Content-Length : 5\r\n\r\nabcde`,
    `POST ${url} HTTP/1.1\r\n${auth}X: a\r\n folded: b\r\n\r\n`,
    `POST ${url} HTTP/1.1\r\n${auth}X: a\nY: b\r\n\r\n`,
    `POST ${url} HTTP/1.1\r\n${auth}X: a\rY: b\r\n\r\n`,
    `POST ${url} HTTP/1.1\r\n${auth}X: a\0b\r\n\r\n`,
    `POST ${url} HTTP/1.1\r\n${auth}No colon\r\n\r\n`,
    `POST ${url} HTTP/1.0\r\n${auth}\r\n`,
    `POST ${url} HTTP/2.0\r\n${auth}\r\n`,
    `POST ${url}\r\n${auth}\r\n`,
    `POST  ${url} HTTP/1.1\r\n${auth}\r\n`,
    `P(ST ${url} HTTP/1.1\r\n${auth}\r\n`,
    `\r\nGET ${url} HTTP/1.1\r\n${auth}\r\n`,
    `GET / HTTP/1.1\r\nHost: 127.0.0.2\r\n${auth}\r\n`,
    `GET ftp://127.0.0.2/ HTTP/1.1\r\n${auth}\r\n`,
    `GET http:127.0.0.2/ HTTP/1.1\r\n${auth}\r\n`,
    `GET http://user:password@127.0.0.2:${server.port}/ HTTP/1.1\r\n${auth}\r\n`,
    `GET http://127.0.0.1\\@127.0.0.2:${server.port}/ HTTP/1.1\r\n${auth}\r\n`,
    `GET http://127.0.0.2:${server.port}:80/ HTTP/1.1\r\n${auth}\r\n`,
    `GET http://127.0.0.2:0/ HTTP/1.1\r\n${auth}\r\n`,
    `GET http://127.0.0.2:65536/ HTTP/1.1\r\n${auth}\r\n`,
    `GET http:/// HTTP/1.1\r\n${auth}\r\n`,
    `GET http://[::1 HTTP/1.1\r\n${auth}\r\n`,
    `GET http://[fe80::1%25lo]/ HTTP/1.1\r\n${auth}\r\n`,
    `GET http://a..b/ HTTP/1.1\r\n${auth}\r\n`,
    `GET * HTTP/1.1\r\n${auth}\r\n`,
    `CONNECT 127.0.0.2 HTTP/1.1\r\n${auth}\r\n`,
    `CONNECT 127.0.0.2:http HTTP/1.1\r\n${auth}\r\n`,
    `CONNECT user@127.0.0.2:80 HTTP/1.1\r\n${auth}\r\n`,
    `CONNECT http://127.0.0.2:80 HTTP/1.1\r\n${auth}\r\n`,
    `CONNECT 127.0.0.2:${server.port}/x HTTP/1.1\r\n${auth}\r\n`,
    `CONNECT 127.0.0.2:${server.port}#:80 HTTP/1.1\r\n${auth}\r\n`,
    `CONNECT ::1:80 HTTP/1.1\r\n${auth}\r\n`,
    `CONNECT 127.0.0.2:${server.port} HTTP/1.1\r\n${auth}Content-Length: 5\r\n\r\nabcde`,
  ];
  for (const request of malformed) {
    match(
      await answerTo(rig.proxy, request),
      /^HTTP\/1\.1 400 .*Orla-Egress: bad_request/s,
      request,
    );
  }
  deepEqual(received, []);
});

Deno.test("a malformed chunked body ends the request, and nothing after it is sent", async () => {
  let received = "";
  const ended = Promise.withResolvers<void>();
  await using server = listenOn("127.0.0.2", async (connection) => {
    const buffer = new Uint8Array(4096);
    for (let count; (count = await connection.read(buffer)) !== null;) {
      received += new TextDecoder().decode(buffer.subarray(0, count));
    }
    ended.resolve();
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  const answer = await answerTo(
    rig.proxy,
    `POST http://127.0.0.2:${server.port}/ HTTP/1.1\r\nProxy-Authorization: Bearer ${token}\r\n` +
      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
  );
  match(answer, /^HTTP\/1\.1 400 .*malformed chunked body/s);
  await ended.promise;
  ok(!received.includes("smuggled"));
});

Deno.test("headers between the two sides are theirs: nothing of the proxy's reaches the host", async () => {
  let received = "";
  await using server = listenOn("127.0.0.2", async (connection) => {
    const buffer = new Uint8Array(4096);
    const count = await connection.read(buffer) ?? 0;
    received = new TextDecoder().decode(buffer.subarray(0, count));
    await connection.write(encode(
      "HTTP/1.1 200 OK\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n" +
        "Orla-Egress: not_allowed\r\nProxy-Authenticate: Basic\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n",
    ));
  });
  await using rig = await createRig();
  const { token } = rig.admit();
  const answer = await answerTo(
    rig.proxy,
    `GET http://127.0.0.2:${server.port}/ HTTP/1.1\r\nHost: other.test\r\nHost: third.test\r\n` +
      `Proxy-Authorization: Bearer ${token}\r\nConnection: close, X-Mine, Host, Content-Length\r\n` +
      "X-Mine: 1\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nOrla-Egress: x\r\nX-Kept: 1\r\n\r\n",
  );
  const fields = received.split("\r\n").filter((line) => !line.startsWith("traceparent"));
  deepEqual(fields, ["GET / HTTP/1.1", `Host: 127.0.0.2:${server.port}`, "X-Kept: 1", "", ""]);
  equal(answer, "HTTP/1.1 200 OK\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n");
});

Deno.test("a function's log is told what was refused, each sentence once, few in all", async () => {
  await using rig = await createRig();
  const { token, refused } = rig.admit({ name: "curious" });
  for (let i = 0; i < 3; i++) await ask(rig, token, "http://10.0.0.1/");
  deepEqual(refused, [
    "A connection to 10.0.0.1, port 80, is not allowed: 10.0.0.1 is a private address",
  ]);
  for (let i = 0; i < 50; i++) await dial(rig, token, `10.0.0.2:${i + 1}`);
  equal(refused.length, 20);
  const [[name, traffic] = []] = [...rig.proxy.traffic()];
  deepEqual([name, traffic?.refused, traffic?.requests], ["curious", 53, 0]);
  rig.proxy.forget("curious");
  deepEqual([...rig.proxy.traffic()], []);
});
