/** The SQL gateway as a proxy: whatever is not an edge statement passes as if it were not there. */
import assert from "node:assert/strict";
import pg from "pg";
import { queryMessage } from "../src/pgwire/frontend.ts";
import { writeStartupPacket } from "../src/pgwire/startup.ts";
import { Frontend } from "../src/pgwire/types.ts";
import { startSqlGateway } from "../src/sqlgateway/gateway.ts";
import { edgeTranslator } from "../src/sqlgateway/translate.ts";
import { startTestPostgres, type TestPostgres } from "./postgres.ts";
import { waitForActivity } from "./server-activity.ts";
import {
  bare,
  bind,
  concat,
  describePortal,
  errorOf,
  execute,
  parse,
  textOf,
  typesOf,
  WireClient,
} from "./wire-client.ts";

let postgres: TestPostgres;
let port: number;
const stack = new AsyncDisposableStack();
const errors: unknown[] = [];

Deno.test.beforeAll(async () => {
  postgres = stack.use(
    await startTestPostgres({
      authentication: "trust",
      settings: { max_connections: "620", wal_level: "logical" },
    }),
  );
  const gateway = stack.use(
    await startSqlGateway({
      host: "127.0.0.1",
      port: 0,
      upstream: postgres.connect,
      translator: edgeTranslator,
      afterEdgeChange: () => Promise.resolve(),
      onError: (thrown) => errors.push(thrown),
    }),
  );
  port = gateway.port;
});
Deno.test.afterAll(async () => {
  await stack.disposeAsync();
  assert.deepEqual(errors, []);
});

async function connect(config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", ...config });
  await client.connect();
  return client;
}

Deno.test("COPY in and out, megabytes each way", async () => {
  const client = await WireClient.connect(port);
  await client.receiveUntil("Z");
  const lines = Array.from({ length: 50_000 }, (_, n) => `edge ${n} ${"x".repeat(n % 300)}`);
  const data = new TextEncoder().encode(lines.join("\n") + "\n");
  await client.send(queryMessage("CREATE TEMP TABLE lines (line text); COPY lines FROM STDIN"));
  assert.equal(typesOf(await client.receiveUntil("G")), "CG");
  for (let at = 0; at < data.length; at += 100_000) {
    await client.send(bare(Frontend.copyData, data.subarray(at, at + 100_000)));
  }
  await client.send(bare(Frontend.copyDone));
  assert.equal(typesOf(await client.receiveUntil("Z")), "CZ");
  await client.send(queryMessage("COPY lines TO STDOUT"));
  const out = await client.receiveUntil("Z");
  assert.match(typesOf(out), /^Hd+cCZ$/);
  const rows = out.filter(({ type }) => type === "d").map(({ body }) => body);
  const text = await new Blob(rows as BlobPart[]).text();
  assert.ok(text === new TextDecoder().decode(data));
  client.close();
});

Deno.test("values of megabytes, and texts larger than any edge statement", async () => {
  const client = await connect();
  const value = "edge ".repeat(8_000_000);
  const { rows } = await client.query(`SELECT $1::text AS value, length('${value}') AS n`, [value]);
  assert.ok(rows[0].value === value);
  assert.equal(rows[0].n, value.length);
  await client.end();
});

Deno.test("notifications reach an idle session, notices come in order", async () => {
  const [listener, speaker] = [await connect(), await connect()];
  await listener.query("LISTEN edge_news");
  const heard = new Promise((resolve) => listener.once("notification", resolve));
  await speaker.query("NOTIFY edge_news, 'hello'");
  assert.equal((await heard as pg.Notification).payload, "hello");
  const notices: (string | undefined)[] = [];
  speaker.on("notice", ({ message }) => notices.push(message));
  await speaker.query("DO $$ BEGIN RAISE NOTICE 'edge one'; RAISE INFO 'two'; END $$");
  assert.deepEqual(notices, ["edge one", "two"]);
  await Promise.all([listener.end(), speaker.end()]);
});

Deno.test("a cancel request stops the statement it is for", async () => {
  const client = await WireClient.connect(port);
  const startup = await client.receiveUntil("Z");
  const keyData = startup.find(({ type }) => type === "K");
  assert.ok(keyData);
  await client.send(queryMessage("SELECT pg_sleep(60)"));
  await waitForActivity(postgres, "query = 'SELECT pg_sleep(60)' AND state = 'active'");
  const view = new DataView(keyData.body.buffer);
  const canceller = await Deno.connect({ hostname: "127.0.0.1", port });
  await canceller.write(writeStartupPacket({
    kind: "cancel",
    processId: view.getInt32(0),
    key: keyData.body.subarray(4),
  }));
  assert.equal(await canceller.read(new Uint8Array(1)), null, "closed without an answer");
  canceller.close();
  const answer = await client.receiveUntil("Z");
  assert.equal(errorOf(answer.find(({ type }) => type === "E")).code, "57014");
  client.close();
});

for (const minor of [0, 2]) {
  Deno.test(`protocol 3.${minor}: the cancel key passes as it is`, async () => {
    const client = await WireClient.connect(port, { minor });
    const startup = await client.receiveUntil("Z");
    const key = startup.find(({ type }) => type === "K");
    assert.equal(key?.body.length, minor === 0 ? 8 : 4 + 32);
    client.close();
  });
}

Deno.test("an unknown minor version is negotiated by Postgres", async () => {
  const client = await WireClient.connect(port, { minor: 9999, parameters: { "_pq_.new": "1" } });
  const startup = await client.receiveUntil("Z");
  assert.match(textOf(startup.find(({ type }) => type === "v")), /_pq_\.new/);
  client.close();
});

Deno.test("a replication connection passes", async () => {
  const client = await WireClient.connect(port, { parameters: { replication: "database" } });
  await client.receiveUntil("Z");
  await client.send(queryMessage("IDENTIFY_SYSTEM"));
  assert.equal(typesOf(await client.receiveUntil("Z")), "TDCZ");
  client.close();
});

Deno.test("portals are suspended and go on", async () => {
  const client = await WireClient.connect(port);
  await client.receiveUntil("Z");
  await client.send(concat(
    ...[parse("", "SELECT 'edge' FROM generate_series(1, 3)"), bind(""), describePortal()],
    ...[execute(2), execute(2), bare(Frontend.sync)],
  ));
  assert.equal(typesOf(await client.receiveUntil("Z")), "12TDDsDCZ");
  client.close();
});

Deno.test("COPY in the extended protocol, and an edge word after it", async () => {
  const client = await WireClient.connect(port);
  await client.receiveUntil("Z");
  await client.send(queryMessage("CREATE TEMP TABLE t (x text)"));
  await client.receiveUntil("Z");
  await client.send(
    concat(parse("", "COPY t FROM STDIN"), bind(""), execute(), bare(Frontend.sync)),
  );
  assert.equal(typesOf(await client.receiveUntil("G")), "12G");
  const data = new TextEncoder().encode("edge\n");
  await client.send(
    concat(bare(Frontend.copyData, data), bare(Frontend.copyDone), bare(Frontend.sync)),
  );
  assert.equal(typesOf(await client.receiveUntil("Z")), "CZ");
  await client.send(queryMessage("SELECT x FROM t; SELECT 'edge', nosuch"));
  const answer = await client.receiveUntil("Z");
  assert.equal(errorOf(answer.find(({ type }) => type === "E")).code, "42703");
  client.close();
});

Deno.test("a half-closed client gets all its answers", async () => {
  const client = await WireClient.connect(port);
  await client.receiveUntil("Z");
  await client.send(concat(queryMessage("SELECT pg_sleep(0.05), 1"), queryMessage("SELECT 2")));
  await client.connection.closeWrite();
  assert.equal(typesOf(await client.receiveUntil("never")), "TDCZTDCZ");
  client.close();
});

Deno.test("a client that vanishes takes its server process with it", async () => {
  const client = await WireClient.connect(port, { parameters: { application_name: "vanishing" } });
  await client.receiveUntil("Z");
  client.close();
  await waitForActivity(postgres, "application_name = 'vanishing'", "gone");
});

Deno.test("a client that does not read stops the server, and fills no memory", async () => {
  const client = await WireClient.connect(port, { parameters: { application_name: "deaf" } });
  await client.receiveUntil("Z");
  const before = Deno.memoryUsage().rss;
  await client.send(queryMessage("SELECT repeat('x', 10000) FROM generate_series(1, 100000)"));
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  const waiting = "SELECT FROM pg_stat_activity WHERE application_name = 'deaf' " +
    "AND wait_event = 'ClientWrite'";
  // Blocked in two looks, a while apart: it really stands still.
  for (let seen = 0; seen < 5;) {
    const { rowCount } = await admin.query(waiting);
    seen = rowCount === 1 ? seen + 1 : 0;
    await admin.query("SELECT pg_sleep(0.05)");
  }
  assert.ok(Deno.memoryUsage().rss - before < 200 * 2 ** 20, "a gigabyte is on its way");
  client.close();
  await admin.end();
  await waitForActivity(postgres, "application_name = 'deaf'", "gone");
});

Deno.test("five hundred sessions at once", async () => {
  const clients = await Promise.all(Array.from({ length: 500 }, () => connect()));
  const answers = await Promise.all(clients.map((client, n) => client.query(`SELECT ${n} AS n`)));
  assert.deepEqual(answers.map(({ rows }) => rows[0].n), [...clients.keys()]);
  await Promise.all(clients.map((client) => client.end()));
});
