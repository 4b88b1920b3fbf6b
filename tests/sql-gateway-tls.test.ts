/** TLS at the SQL gateway, with real clients. */
import assert from "node:assert/strict";
import { connect as tlsConnect } from "node:tls";
import pg from "pg";
import { writeStartupPacket } from "../src/pgwire/startup.ts";
import { type SqlGateway, startSqlGateway } from "../src/sqlgateway/gateway.ts";
import { edgeTranslator } from "../src/sqlgateway/translate.ts";
import { startTestPostgres, type TestPostgres } from "./postgres.ts";
import { errorOf, WireClient } from "./wire-client.ts";

const certificatePath = new URL("./fixtures/localhost.crt", import.meta.url).pathname;
const cert = await Deno.readTextFile(certificatePath);
const key = await Deno.readTextFile(new URL("./fixtures/localhost.key", import.meta.url));

let postgres: TestPostgres;
let gateway: SqlGateway;
const errors: unknown[] = [];

Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
  gateway = await startSqlGateway({
    host: "127.0.0.1",
    port: 0,
    tls: { cert, key },
    upstream: postgres.connect,
    translator: edgeTranslator,
    afterEdgeChange: () => Promise.resolve(),
    onError: (thrown) => errors.push(thrown),
  });
});
Deno.test.afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await postgres.stop();
  assert.deepEqual(errors, []);
});

const url = (parameters: string) =>
  `postgres://postgres:${postgres.password}@127.0.0.1:${gateway.port}/postgres?${parameters}`;

async function psql(parameters: string, command: string): Promise<string> {
  const output = await new Deno.Command("psql", {
    args: [url(parameters), "-XAt", "-c", command],
  }).output();
  return new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
}

for (const mode of ["disable", "prefer", "require", "verify-full"]) {
  Deno.test(`psql with sslmode=${mode}`, async () => {
    const out = await psql(`sslmode=${mode}&sslrootcert=${certificatePath}`, "\\conninfo");
    assert.equal(/SSL connection \(protocol: TLSv1\.3/.test(out), mode !== "disable", out);
  });
}

Deno.test("a client that does not trust the certificate goes away, and harms nobody", async () => {
  const out = await psql("sslmode=verify-full&sslrootcert=/dev/null", "SELECT 1");
  assert.match(out, /SSL error|root certificate|no certificate/i);
});

Deno.test("node-postgres, megabytes both ways, many queries", async () => {
  const client = new pg.Client({ connectionString: url(""), ssl: { ca: cert } });
  await client.connect();
  const value = "x".repeat(5_000_000);
  const { rows } = await client.query("SELECT $1::text AS value", [value]);
  assert.ok(rows[0].value === value);
  const start = performance.now();
  for (let i = 0; i < 100; i++) await client.query("SELECT 1");
  // Nagle's algorithm against delayed acknowledgements would make it 40 ms each.
  assert.ok(performance.now() - start < 1500, `${performance.now() - start} ms`);
  await client.end();
});

Deno.test("TLS from the first byte, as sslnegotiation=direct does", async () => {
  const socket = tlsConnect({
    port: gateway.port,
    host: "localhost",
    ca: cert,
    ALPNProtocols: ["postgresql"],
  });
  await new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  assert.equal(socket.alpnProtocol, "postgresql");
  const parameters = new Map([["user", "postgres"]]);
  socket.write(writeStartupPacket({ kind: "startup", major: 3, minor: 0, parameters }));
  const first = await new Promise<Uint8Array>((resolve) => socket.once("data", resolve));
  assert.equal(String.fromCharCode(Number(first[0])), "R");
  socket.destroy();
});

Deno.test("SCRAM is offered without channel binding: the gateway stands between", async () => {
  const out = await psql("sslmode=require&channel_binding=require", "SELECT 1");
  assert.match(out, /channel binding/);
});

Deno.test("bytes in the clear behind the request for TLS are refused", async () => {
  const client = new WireClient(await Deno.connect({ hostname: "127.0.0.1", port: gateway.port }));
  const request = writeStartupPacket({ kind: "ssl" });
  const injected = new Uint8Array(request.length + 20);
  injected.set(request);
  await client.send(injected);
  assert.equal(errorOf(await client.receive()).code, "08P01");
  client.close();
});

Deno.test("noise instead of a handshake ends that connection only", async () => {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: gateway.port });
  await connection.write(writeStartupPacket({ kind: "ssl" }));
  const answer = new Uint8Array(1);
  await connection.read(answer);
  assert.equal(String.fromCharCode(...answer), "S");
  await connection.write(new TextEncoder().encode("no handshake this is, not at all"));
  const rest = new Uint8Array(100);
  while (await connection.read(rest) !== null);
  connection.close();
  assert.match(await psql("sslmode=require", "SELECT 42"), /^42$/m);
});
