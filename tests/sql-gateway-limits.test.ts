/** The SQL gateway under bad clients, a bad server, and at its end. */
import assert from "node:assert/strict";
import pg from "pg";
import { queryMessage } from "../src/pgwire/frontend.ts";
import { writeStartupPacket } from "../src/pgwire/startup.ts";
import {
  type SqlGateway,
  type SqlGatewayOptions,
  startSqlGateway,
} from "../src/sqlgateway/gateway.ts";
import { edgeTranslator } from "../src/sqlgateway/translate.ts";
import { freePort, startTestPostgres, type TestPostgres } from "./postgres.ts";
import { waitForActivity } from "./server-activity.ts";
import { errorOf, textOf, typesOf, WireClient } from "./wire-client.ts";

let postgres: TestPostgres;
Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres({ authentication: "trust" });
});
Deno.test.afterAll(() => postgres.stop());

const errors: unknown[] = [];

async function start(options: Partial<SqlGatewayOptions> = {}): Promise<SqlGateway> {
  errors.length = 0;
  return await startSqlGateway({
    host: "127.0.0.1",
    port: 0,
    upstream: postgres.connect,
    translator: edgeTranslator,
    afterEdgeChange: () => Promise.resolve(),
    onError: (thrown) => errors.push(thrown),
    ...options,
  });
}

async function ready(port: number): Promise<WireClient> {
  const client = await WireClient.connect(port);
  await client.receiveUntil("Z");
  return client;
}

Deno.test("too many clients are told so, and let in when there is room", async () => {
  await using gateway = await start({ limits: { maxConnections: 2 } });
  const [first, second] = [await ready(gateway.port), await ready(gateway.port)];
  assert.equal(gateway.connections, 2);
  const third = await WireClient.connect(gateway.port);
  assert.equal(errorOf(await third.receive()).code, "53300");
  assert.equal(await third.receive(), null);
  third.close();
  first.close();
  while (gateway.connections > 1) await new Promise((resolve) => setTimeout(resolve, 1));
  (await ready(gateway.port)).close();
  second.close();
});

Deno.test("without a server the client is told so", async () => {
  await using gateway = await start({
    upstream: () => Deno.connect({ hostname: "127.0.0.1", port: freePort() }),
  });
  const client = await WireClient.connect(gateway.port);
  assert.equal(errorOf(await client.receive()).code, "57P03");
  assert.equal(await client.receive(), null);
  client.close();
  assert.equal(errors.length, 1);
});

Deno.test("a server that dies ends its sessions with a reason, and the gateway goes on", async () => {
  const fragile = await startTestPostgres({ authentication: "trust" });
  let upstream = fragile.connect;
  await using gateway = await start({ upstream: () => upstream() });
  const [victim, witness] = [await ready(gateway.port), await ready(gateway.port)];
  await victim.send(queryMessage("SELECT pg_backend_pid()"));
  const [, row] = await victim.receiveUntil("Z");
  // One column: its length follows the two bytes of the count.
  Deno.kill(Number(textOf(row).slice(6)), "SIGKILL");
  assert.equal(errorOf((await victim.receiveUntil("never")).at(-1)).code, "08006");
  assert.equal(errorOf((await witness.receiveUntil("never")).at(-1)).code, "08006");
  await fragile.stop();
  const late = await WireClient.connect(gateway.port);
  assert.equal(errorOf(await late.receive()).code, "57P03");
  for (const client of [victim, witness, late]) client.close();
  upstream = postgres.connect;
  (await ready(gateway.port)).close();
});

Deno.test("Postgres' own farewell passes, and nothing is added", async () => {
  await using gateway = await start();
  const client = await ready(gateway.port);
  await client.send(queryMessage("SELECT pg_terminate_backend(pg_backend_pid())"));
  const messages = await client.receiveUntil("never");
  assert.match(typesOf(messages), /^T?D?E$/);
  assert.equal(errorOf(messages.at(-1)).code, "57P01");
  client.close();
});

Deno.test("stopping: idle sessions go at once, busy ones finish, transactions get their time", async () => {
  const gateway = await start();
  const [idle, busy, open] = [
    await ready(gateway.port),
    await ready(gateway.port),
    await ready(gateway.port),
  ];
  await open.send(queryMessage("BEGIN"));
  await open.receiveUntil("Z");
  await busy.send(queryMessage("SELECT pg_sleep(0.3)"));
  await waitForActivity(postgres, "query = 'SELECT pg_sleep(0.3)' AND state = 'active'");
  const stopped = gateway[Symbol.asyncDispose]();
  assert.equal(errorOf(await idle.receive()).code, "57P01");
  assert.equal(await idle.receive(), null);
  await assert.rejects(WireClient.connect(gateway.port));
  await open.send(queryMessage("SELECT 1; COMMIT"));
  assert.equal(typesOf(await open.receiveUntil("never")), "TDCCZE");
  const last = await busy.receiveUntil("never");
  assert.equal(typesOf(last), "TDCZE");
  assert.equal(errorOf(last.at(-1)).code, "57P01");
  await stopped;
  for (const client of [idle, busy, open]) client.close();
});

Deno.test("stopping: the deadline ends what does not", async () => {
  const gateway = await start({ limits: { drainTimeoutMs: 100 } });
  const client = await ready(gateway.port);
  await client.send(queryMessage("SELECT pg_sleep(60)"));
  const deaf = await ready(gateway.port);
  await deaf.send(queryMessage("SELECT repeat('x', 10000) FROM generate_series(1, 100000)"));
  await waitForActivity(postgres, "wait_event = 'ClientWrite'");
  const silent = await Deno.connect({ hostname: "127.0.0.1", port: gateway.port });
  const stopped = gateway[Symbol.asyncDispose]();
  assert.equal(errorOf(await client.receive()).code, "57P01");
  assert.equal(await silent.read(new Uint8Array(1)), null);
  await stopped;
  for (const { connection } of [client, deaf]) connection.close();
  silent.close();
});

Deno.test("an abort signal stops it too", async () => {
  const abort = new AbortController();
  const gateway = await start({ signal: abort.signal });
  const client = await ready(gateway.port);
  abort.abort();
  assert.equal(errorOf(await client.receive()).code, "57P01");
  await gateway[Symbol.asyncDispose]();
  client.close();
});

Deno.test("who does not authenticate in time is shown out", async () => {
  const scram = await startTestPostgres();
  await using gateway = await start({
    upstream: scram.connect,
    limits: { authenticationTimeoutMs: 200 },
  });
  const silent = await Deno.connect({ hostname: "127.0.0.1", port: gateway.port });
  assert.equal(await silent.read(new Uint8Array(1)), null);
  silent.close();
  const slow = await WireClient.connect(gateway.port);
  assert.equal((await slow.receive())?.type, "R");
  assert.equal(errorOf(await slow.receive()).code, "57014");
  assert.equal(await slow.receive(), null);
  slow.close();
  const url = scram.url.replace(`:${scram.port}/`, `:${gateway.port}/`);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal((await client.query("SELECT 1")).rowCount, 1, "a session outlives the time-out");
  await client.end();
  await scram.stop();
});

const badBeginnings: [name: string, bytes: Uint8Array][] = [
  ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")],
  ["too long a start-up packet", new Uint8Array([0, 0, 0x27, 0x11, 0, 3, 0, 0])],
  ["protocol 2", new Uint8Array([0, 0, 0, 8, 0, 2, 0, 0])],
  ["TLS without asking, where there is none", new Uint8Array([0x16, 3, 1, 0, 200, 1, 0, 0])],
];

for (const [name, bytes] of badBeginnings) {
  Deno.test(`refused at the door: ${name}`, async () => {
    await using gateway = await start();
    const client = new WireClient(
      await Deno.connect({ hostname: "127.0.0.1", port: gateway.port }),
    );
    await client.send(bytes);
    assert.equal(errorOf(await client.receive()).code, "08P01");
    assert.equal(await client.receive(), null);
    client.close();
    assert.deepEqual(errors, []);
  });
}

Deno.test("a message of impossible length ends the session", async () => {
  await using gateway = await start();
  const client = await ready(gateway.port);
  await client.send(new Uint8Array([0x51, 0xff, 0xff, 0xff, 0xff]));
  assert.equal(errorOf(await client.receive()).code, "08P01");
  assert.equal(await client.receive(), null);
  client.close();
});

Deno.test("encryption that is not offered is declined, and the session goes on in the clear", async () => {
  await using gateway = await start();
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: gateway.port });
  const answer = new Uint8Array(1);
  for (const kind of ["gssenc", "ssl"] as const) {
    await connection.write(writeStartupPacket({ kind }));
    await connection.read(answer);
    assert.equal(String.fromCharCode(...answer), "N");
  }
  const client = new WireClient(connection);
  const parameters = new Map([["user", "postgres"]]);
  await client.send(writeStartupPacket({ kind: "startup", major: 3, minor: 0, parameters }));
  assert.match(typesOf(await client.receiveUntil("Z")), /^RS+KZ$/);
  client.close();
});

Deno.test("a start-up packet may come byte by byte", async () => {
  await using gateway = await start();
  const client = new WireClient(await Deno.connect({ hostname: "127.0.0.1", port: gateway.port }));
  client.connection.setNoDelay(true);
  const parameters = new Map([["user", "postgres"]]);
  const packet = writeStartupPacket({ kind: "startup", major: 3, minor: 0, parameters });
  for (const byte of packet) await client.send(new Uint8Array([byte]));
  assert.match(typesOf(await client.receiveUntil("Z")), /^RS+KZ$/);
  client.close();
});
