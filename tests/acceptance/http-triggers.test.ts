/** Routes that triggers give to functions. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { SignJWT } from "jose";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

const JWT_SECRET = "a secret of more than thirty-two bytes";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess({
    env: { ORLA_JWT_SECRET: JWT_SECRET, ORLA_TRUSTED_PROXIES: "127.0.0.1" },
  });
  session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE EDGE FUNCTION web LANGUAGE javascript AS $$
      export default async (request) => new Response(request.method + " " + new URL(request.url).pathname + " " + await request.text());
    $$;
    CREATE EDGE FUNCTION who LANGUAGE javascript AS $$
      export const handler = (req) => ({ status: 200, body: { params: req.params, user: req.user_id, email: req.user_email } });
    $$`);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

const get = (path: string, init: RequestInit = {}) => fetch(`${orla.http}${path}`, init);
const text = async (response: Promise<Response>) => {
  const { status } = await response;
  return [status, await (await response).text()];
};

Deno.test("a route answers without a key, at once, with its parameters; it goes with its trigger", async () => {
  await session.rows("CREATE TRIGGER hello ON HTTP POST '/hello/:name' EXECUTE EDGE FUNCTION web");
  assert.deepEqual(await text(get("/hello/ada", { method: "POST", body: "!" })), [
    200,
    "POST /hello/ada !",
  ]);
  const wrong = await get("/hello/ada");
  assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
  await wrong.body?.cancel();
  await session.rows(
    "CREATE TRIGGER both ON HTTP GET '/users/:id/*rest' EXECUTE EDGE FUNCTION who",
  );
  const { params } = await (await get("/users/7/a/b?id=8&q=1")).json();
  assert.deepEqual(params, { id: "7", q: "1", rest: "a/b" });
  await session.rows("DISABLE TRIGGER hello");
  assert.equal((await text(get("/hello/ada", { method: "POST" })))[0], 404);
  await session.rows("ENABLE TRIGGER hello; DROP TRIGGER hello");
  assert.equal((await text(get("/hello/ada", { method: "POST" })))[0], 404);
});

Deno.test("a route that another trigger has is refused with its name; REST keeps its own", async () => {
  await session.rows("CREATE TRIGGER first ON HTTP GET '/a/:x' EXECUTE EDGE FUNCTION web");
  const taken = await session.failure(
    "CREATE TRIGGER second ON HTTP GET '/a/:y' EXECUTE EDGE FUNCTION web",
  );
  assert.deepEqual([taken.code, taken.message], [
    "42710",
    "trigger first answers GET /a/:x already",
  ]);
  await session.rows("CREATE TRIGGER third ON HTTP GET '/a/b' EXECUTE EDGE FUNCTION who");
  assert.equal((await (await get("/a/b")).json()).user, null);
  const own = await session.failure(
    "CREATE TRIGGER x ON HTTP GET '/api/v1/x' EXECUTE EDGE FUNCTION web",
  );
  assert.match(own.message, /platform's own/);
  assert.equal((await text(get("/healthz")))[0], 200);
});

Deno.test("keys: in the header that was asked for", async () => {
  await session.rows(
    `CREATE TRIGGER bearer ON HTTP GET '/bearer' WITH AUTH = 'bearer_token' EXECUTE EDGE FUNCTION web;
    CREATE TRIGGER apikey ON HTTP GET '/apikey' WITH AUTH = 'api_key' EXECUTE EDGE FUNCTION web`,
  );
  const bearer = { authorization: `Bearer ${orla.anonKey}` };
  const apikey = { apikey: orla.anonKey };
  const status = async (path: string, headers: Record<string, string>) =>
    (await text(get(path, { headers })))[0];
  assert.deepEqual([
    await status("/bearer", bearer),
    await status("/bearer", apikey),
    await status("/bearer", { authorization: "Bearer nonsense" }),
    await status("/apikey", apikey),
    await status("/apikey", bearer),
  ], [200, 401, 401, 200, 401]);
});

Deno.test("tokens: verified, and told to the function", async () => {
  await session.rows(
    "CREATE TRIGGER jwt ON HTTP GET '/me' WITH AUTH = 'jwt' EXECUTE EDGE FUNCTION who",
  );
  const sign = (secret: string, expires: string) =>
    new SignJWT({ email: "ada@example.org" }).setProtectedHeader({ alg: "HS256" }).setSubject("u1")
      .setExpirationTime(expires).sign(new TextEncoder().encode(secret));
  const me = async (token: string) =>
    await get("/me", { headers: { authorization: `Bearer ${token}` } });
  const good = await (await me(await sign(JWT_SECRET, "1h"))).json();
  assert.deepEqual([good.user, good.email], ["u1", "ada@example.org"]);
  const unsigned = `${btoa('{"alg":"none"}')}.${btoa('{"sub":"u1"}')}.`.replaceAll("=", "");
  for (
    const bad of [
      await sign(JWT_SECRET.replace("a", "b"), "1h"),
      await sign(JWT_SECRET, "-1h"),
      unsigned,
      "x",
    ]
  ) {
    const response = await me(bad);
    assert.equal(response.status, 401);
    await response.body?.cancel();
  }
});

Deno.test("webhooks: the signature over the body decides, and the secret is nowhere to be read", async () => {
  await session.rows(
    `CREATE TRIGGER hub ON HTTP POST '/hub' WITH AUTH = 'github', SECRET = 'hush hush'
    EXECUTE EDGE FUNCTION web`,
  );
  const body = '{"zen": "Keep it logically awesome."}';
  const signature = `sha256=${createHmac("sha256", "hush hush").update(body).digest("hex")}`;
  const post = (content: string) =>
    text(
      get("/hub", { method: "POST", body: content, headers: { "x-hub-signature-256": signature } }),
    );
  assert.deepEqual(await post(body), [200, `POST /hub ${body}`]);
  assert.equal((await post(`${body} `))[0], 401);
  const shown = JSON.stringify(await session.rows("SELECT * FROM system.edge_triggers"));
  assert.equal(shown.includes("hush hush"), false);
  const without = await session.failure(
    "CREATE TRIGGER y ON HTTP POST '/y' WITH AUTH = 'stripe' EXECUTE EDGE FUNCTION web",
  );
  assert.equal(without.message, "AUTH = 'stripe' needs a SECRET");
});

Deno.test("addresses: the client's, as a trusted proxy tells it", async () => {
  await session.rows(
    `CREATE TRIGGER office ON HTTP GET '/office' WITH IP_WHITELIST = ('203.0.113.0/24')
    EXECUTE EDGE FUNCTION web`,
  );
  const status = async (address: string | null) =>
    (await text(
      get("/office", { headers: address === null ? {} : { "x-forwarded-for": address } }),
    ))[0];
  assert.deepEqual(
    [
      await status(null),
      await status("203.0.113.9"),
      await status("198.51.100.1, 127.0.0.1"),
      await status("203.0.113.9, 198.51.100.1"),
    ],
    [403, 200, 403, 403],
  );
  const wrong = await session.failure("ALTER TRIGGER office SET IP_WHITELIST = ('203.0.113.0/33')");
  assert.equal(wrong.code, "22023");
});

Deno.test("hosts: a route of one host is not another's", async () => {
  await session.rows(
    "CREATE TRIGGER shop ON HTTP GET '/front' HOST 'shop.example.org' EXECUTE EDGE FUNCTION web",
  );
  const url = new URL(orla.http);
  const ask = async (host: string) => {
    using connection = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
    await connection.write(
      new TextEncoder().encode(`GET /front HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`),
    );
    const buffer = new Uint8Array(200);
    const count = await connection.read(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, count)).slice(9, 12);
  };
  assert.deepEqual([await ask("shop.example.org"), await ask("example.org")], ["200", "404"]);
});
