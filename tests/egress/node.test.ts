/** The network rules of a whole node, as its users meet them. */
import { deepEqual, equal, match } from "node:assert/strict";
import { metric } from "../acceptance/metric.ts";
import { openSession } from "../acceptance/sql-session.ts";
import { startOrlaProcess } from "../orla.ts";
import { serveOn } from "./rig.ts";

Deno.test("a node: its own ports, private hosts, ALLOW_NET and DENY_NET, log and metrics", async () => {
  await using service = serveOn("127.0.0.1", () => new Response("internal"));
  await using node = await startOrlaProcess();
  await using sql = await openSession(node.sqlUrl);
  const create = (options: string) =>
    `CREATE OR REPLACE EDGE FUNCTION caller(url text) RETURNS text LANGUAGE javascript ${options} AS $$
      export async function main(url) {
        try { return (await (await fetch(url)).text()).slice(0, 40); }
        catch (error) { return error.name + ": " + error.message; }
      }
    $$`;
  const call = async (url: string) => String(await sql.value("SELECT caller($1)", [url]));
  const internal = `http://127.0.0.1:${service.port}/`;

  await sql.rows(create(""));
  equal(
    await call(internal),
    `TypeError: fetch to ${internal} is not allowed: 127.0.0.1 is a loopback address`,
  );
  await sql.rows(`ALTER EDGE FUNCTION caller SET ALLOW_NET = ('127.0.0.1:${service.port}')`);
  equal(await call(internal), "internal");
  match(await call(internal.replace("127.0.0.1", "localhost")), /^(internal|TypeError.*::1.*)$/);
  await sql.rows("ALTER EDGE FUNCTION caller SET ALLOW_NET = ('127.0.0.0/8', '::1', 'localhost')");
  equal(await call(internal), "internal");

  // What listens for the platform takes a rule with the port.
  const ports = [node.http, node.sqlUrl, node.databaseUrl].map((url) => Number(new URL(url).port));
  for (const port of ports) {
    match(
      await call(`http://127.0.0.1:${port}/healthz`),
      new RegExp(
        `127\\.0\\.0\\.1:${port} is the platform's own, which only a rule with this port opens`,
      ),
    );
  }
  await sql.rows(`ALTER EDGE FUNCTION caller SET ALLOW_NET = ('127.0.0.1:${ports[0]}')`);
  match(await call(`${node.http}/healthz`), /ok/);
  await sql.rows("ALTER EDGE FUNCTION caller SET DENY_NET = ('127.0.0.0/8')");
  match(await call(`${node.http}/healthz`), /DENY_NET forbids 127\.0\.0\.1 \(127\.0\.0\.0\/8\)$/);

  const options = await sql.value(
    "SELECT options -> 'allowNet' FROM edge.versions ORDER BY version_id DESC LIMIT 1",
  );
  deepEqual(options, [`127.0.0.1:${ports[0]}`]);
  const wrong = await sql.failure(
    "ALTER EDGE FUNCTION caller SET DENY_NET = ('https://a.example/x')",
  );
  equal(wrong.code, "22023");
  equal(
    wrong.message,
    "DENY_NET has a wrong entry: 'https://a.example/x' is a URL: write its host alone, 'a.example'",
  );

  equal(await metric(node, 'orla_egress_refused_total{function="caller"}') >= 5, true);
  equal(await metric(node, 'orla_egress_requests_total{function="caller",kind="http"}') >= 3, true);
  equal(
    await metric(node, 'orla_egress_bytes_total{function="caller",direction="received"}') > 100,
    true,
  );
  // Written within the second.
  for (let logged = 0; logged === 0;) {
    logged = Number(
      await sql.value(
        "SELECT count(*) FROM system.edge_function_logs WHERE function_id = 'caller' AND message LIKE $1",
        [`A connection to 127.0.0.1, port ${service.port}, is not allowed: %loopback%`],
      ),
    );
  }
});

Deno.test("SOURCE is no way around: nothing is fetched for whoever may not open the network", async () => {
  let fetched = 0;
  await using internal = serveOn("127.0.0.1", () => {
    fetched++;
    return new Response("export const main = () => 'from inside';");
  });
  await using node = await startOrlaProcess();
  await using root = await openSession(node.sqlUrl);
  await root.rows(
    "CREATE ROLE guest LOGIN PASSWORD 'guest'; CREATE ROLE maker LOGIN PASSWORD 'maker'; " +
      "GRANT orla_admin TO maker; CREATE SCHEMA maker AUTHORIZATION maker",
  );
  const create = `CREATE EDGE FUNCTION maker.fetched LANGUAGE javascript
    ALLOW_NET ('127.0.0.1:${internal.port}') SOURCE 'http://127.0.0.1:${internal.port}/'`;
  const as = (role: string) => {
    const url = new URL(node.sqlUrl);
    [url.username, url.password] = [role, role];
    return openSession(url.href);
  };
  await using guest = await as("guest");
  const denied = await guest.failure(create);
  deepEqual([denied.code, denied.message], [
    "42501",
    "permission denied to create an edge function",
  ]);
  await using maker = await as("maker");
  match(
    (await maker.failure(create)).message,
    /cannot be fetched: 127\.0\.0\.1 is a loopback address/,
  );
  equal(fetched, 0);
  await root.rows("GRANT orla_network TO maker");
  await maker.rows(create);
  equal(fetched, 1);
  equal(await maker.value("SELECT maker.fetched('null')"), "from inside");
});
