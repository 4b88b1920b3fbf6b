/** Who may call an HTTP trigger: signatures over the raw body, tokens by a key server, addresses. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { rawRequest } from "./raw-request.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });

let keyServer: Deno.HttpServer<Deno.NetAddr>;
let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  const keys = [{ ...await exportJWK(publicKey), kid: "k1", alg: "ES256" }];
  keyServer = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json({ keys }),
  );
  orla = await startOrlaProcess({
    env: { ORLA_JWKS_URL: `http://127.0.0.1:${keyServer.addr.port}/jwks` },
  });
  session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE EDGE FUNCTION size LANGUAGE javascript AS $$
      export default async (request) => new Response(String((await request.bytes()).length));
    $$;
    CREATE EDGE FUNCTION who LANGUAGE javascript AS $$
      export const handler = (req) => ({ status: 200, body: [req.user_id, req.user_email] });
    $$`);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
  await keyServer.shutdown();
});

const create = (name: string, source: string, func = "size") =>
  session.rows(`CREATE TRIGGER ${name} ON HTTP ${source} EXECUTE EDGE FUNCTION ${func}`);

const hmac = (secret: string, ...parts: (string | Uint8Array)[]) => {
  const hash = createHmac("sha256", secret);
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

async function post(
  path: string,
  body: Uint8Array<ArrayBuffer> | string,
  headers: Record<string, string>,
): Promise<number> {
  const { status, body: answer } = await fetch(`${orla.http}${path}`, {
    ...{ method: "POST", body, headers },
  });
  await answer?.cancel();
  return status;
}

Deno.test("a signature is over the bytes that came: none, ten megabytes, no text", async () => {
  await create("raw", "POST '/raw' AUTH 'hmac' SECRET 'k1' SIGNATURE_HEADER 'x-shop-signature'");
  const bodies = [
    new Uint8Array(),
    new Uint8Array([0xff, 0xfe, 0x00, 0xc3, 0x28]),
    new TextEncoder().encode('\ufeff{ "a" :1.0,\r\n"e\\u0301":"é"}'),
    crypto.getRandomValues(new Uint8Array(60_000)),
    new Uint8Array(10 * 2 ** 20).fill(7),
  ];
  for (const body of bodies) {
    const signed = { "x-shop-signature": hmac("k1", body) };
    assert.equal(await post("/raw", body, signed), 200, `${body.length} bytes`);
    const other = { "x-shop-signature": hmac("k1", body, "x") };
    assert.equal(await post("/raw", body, other), 401);
  }
  const large = new Uint8Array(10 * 2 ** 20 + 1);
  assert.equal(await post("/raw", large, { "x-shop-signature": hmac("k1", large) }), 413);
  const good = hmac("k1", "x");
  for (
    const header of ["", "sha256=", good.slice(2), `${good}00`, `sha1=${good}`, `0x${good}`, "%%%"]
  ) {
    assert.equal(await post("/raw", "x", { "x-shop-signature": header }), 401, header);
  }
  assert.equal(await post("/raw", "x", {}), 401);
  const twice = await rawRequest(
    orla.http,
    `POST /raw HTTP/1.1\nx-shop-signature: ${good}\nx-shop-signature: ${good}`,
    new TextEncoder().encode("x"),
  );
  assert.equal(twice.status, 401);
});

Deno.test("what is repeated later than TOLERANCE is refused; both change live", async () => {
  await create("slack", "POST '/slack' AUTH 'slack' SECRET 'k1' TOLERANCE 2min");
  await create("stripe", "POST '/stripe' AUTH 'stripe' SECRET 'k1' TOLERANCE 2min");
  const at = (seconds: number) => Math.floor(Date.now() / 1000) - seconds;
  const slack = (time: number | string, secret = "k1") =>
    post("/slack", "x", {
      "x-slack-request-timestamp": String(time),
      "x-slack-signature": `v0=${hmac(secret, `v0:${time}:x`)}`,
    });
  const stripe = (time: number | string, secret = "k1") =>
    post("/stripe", "x", { "stripe-signature": `t=${time},v1=${hmac(secret, `${time}.x`)}` });
  for (const send of [slack, stripe]) {
    assert.deepEqual(
      [await send(at(0)), await send(at(100)), await send(at(150)), await send(at(-150))],
      [200, 200, 401, 401],
    );
    for (const time of ["", "now", "-1", "1e9", `${at(0)}.0`, "9".repeat(30)]) {
      assert.equal(await send(time), 401, time);
    }
  }
  await session.rows("ALTER TRIGGER slack SET TOLERANCE = 5min, SECRET = 'k2'");
  assert.deepEqual([await slack(at(150), "k2"), await slack(at(0), "k1")], [200, 401]);
  await session.rows("BEGIN; ALTER TRIGGER stripe SET SECRET = 'k3'; ROLLBACK");
  assert.deepEqual([await stripe(at(0), "k1"), await stripe(at(0), "k3")], [200, 401]);
});

Deno.test("options that would mean nothing are refused, and a secret goes with what it is for", async () => {
  const secrets = async () =>
    (await session.rows("SELECT name, options FROM system.edge_triggers WHERE name = 'picky'"))[0];
  await create("picky", "POST '/picky' AUTH 'hmac' SECRET 'k1'");
  for (
    const [statement, message] of [
      ["ALTER TRIGGER picky SET SECRET = NULL", "AUTH = 'hmac' needs a SECRET"],
      ["ALTER TRIGGER picky SET SECRET = ''", "SECRET is empty: anybody could sign with it"],
      ["ALTER TRIGGER picky SET TOLERANCE = 1min", "TOLERANCE means nothing with AUTH = 'hmac'"],
      ["ALTER TRIGGER picky SET ISSUER = 'x'", "ISSUER means nothing with AUTH = 'hmac'"],
      [
        "ALTER TRIGGER picky SET AUTH = 'none', SECRET = 'x'",
        "SECRET means nothing with AUTH = 'none'",
      ],
      [
        "ALTER TRIGGER picky SET SIGNATURE_HEADER = 'two words'",
        '"two words" cannot be the name of a header',
      ],
      [
        "CREATE TRIGGER x ON HTTP GET '/x' SIGNATURE_HEADER 'x-s' EXECUTE EDGE FUNCTION size",
        "SIGNATURE_HEADER means nothing with AUTH = 'none'",
      ],
      [
        "CREATE TRIGGER x ON HTTP GET '/x' AUTH 'slack' EXECUTE EDGE FUNCTION size",
        "AUTH = 'slack' needs a SECRET",
      ],
      [
        "CREATE TRIGGER x ON HTTP GET '/x' IP_WHITELIST ('fe80::1%eth0') EXECUTE EDGE FUNCTION size",
        '"fe80::1%eth0" is no address and no network',
      ],
    ] as const
  ) {
    const refused = await session.failure(statement);
    assert.deepEqual([refused.code, refused.message], ["22023", message]);
  }
  await session.rows("CREATE TRIGGER later ON QUEUE 'later' EXECUTE EDGE FUNCTION size");
  assert.equal(
    (await session.failure("ALTER TRIGGER later SET SECRET = 'x'")).message,
    "a queue trigger has no option SECRET",
  );
  assert.deepEqual(await secrets(), { name: "picky", options: { auth: "hmac" } });
  await session.rows("ALTER TRIGGER picky SET AUTH = 'none', SECRET = NULL, TOLERANCE = DEFAULT");
  assert.equal(await post("/picky", "x", {}), 200);
  // The old secret is gone, not waiting.
  assert.equal(
    (await session.failure("ALTER TRIGGER picky SET AUTH = 'github'")).message,
    "AUTH = 'github' needs a SECRET",
  );
});

Deno.test("tokens: keys of the key server, and the issuer and audience the trigger asks for", async () => {
  await create("me", "GET '/me' AUTH 'jwt' ISSUER 'https://id.example' AUDIENCE ('shop')", "who");
  const sign = (iss: string, aud: string) =>
    new SignJWT({ email: "ada@example.org", iss, aud }).setSubject("u1").setExpirationTime("1h")
      .setProtectedHeader({ alg: "ES256", kid: "k1" }).sign(privateKey);
  const me = async (token: string) => {
    const response = await fetch(`${orla.http}/me`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return [response.status, await response.json()];
  };
  const good = await sign("https://id.example", "shop");
  assert.deepEqual(await me(good), [200, ["u1", "ada@example.org"]]);
  const publicText = new TextEncoder().encode(await exportSPKI(publicKey));
  const forged = await new SignJWT({}).setSubject("root").setIssuer("https://id.example")
    .setAudience("shop").setProtectedHeader({ alg: "HS256", kid: "k1" }).sign(publicText);
  for (
    const token of [await sign("https://evil.example", "shop"), forged, "a.b.c", "x".repeat(20_000)]
  ) {
    const [status, { code }] = await me(token);
    assert.deepEqual([status, code], [401, "unauthorized"]);
  }
  assert.equal((await me(await sign("https://id.example", "admin")))[0], 401);
  await session.rows("ALTER TRIGGER me SET AUDIENCE = ('admin', 'shop')");
  assert.equal((await me(await sign("https://id.example", "admin")))[0], 200);
});

Deno.test("without trusted proxies nobody's word on an address counts; networks of both families", async () => {
  const address = async (list: string, headers: Record<string, string> = {}) => {
    await session.rows(
      `CREATE OR REPLACE TRIGGER office ON HTTP POST '/office' IP_WHITELIST (${list})
       EXECUTE EDGE FUNCTION size`,
    );
    return await post("/office", "x", headers);
  };
  assert.deepEqual([
    await address("'127.0.0.1'"),
    await address("'10.0.0.0/8', '127.0.0.0/8'"),
    await address("'::ffff:127.0.0.0/104'"),
    await address("'0.0.0.0/0'"),
    await address("'::/0'"),
    await address("'127.0.0.2/31'"),
    await address("'203.0.113.9'", { "x-forwarded-for": "203.0.113.9" }),
    await address("'203.0.113.9'", {
      "x-real-ip": "203.0.113.9",
      forwarded: "for=203.0.113.9",
      "true-client-ip": "203.0.113.9",
    }),
  ], [200, 200, 200, 200, 403, 403, 403, 403]);
});

Deno.test("a secret is in no answer, listing, error or log", async () => {
  const secret = "unspeakable-4711";
  await create("hidden", `POST '/hidden' AUTH 'hmac' SECRET '${secret}'`);
  const taken = await session.failure(
    `CREATE TRIGGER again ON HTTP POST '/hidden' AUTH 'hmac' SECRET '${secret}' EXECUTE EDGE FUNCTION size`,
  );
  const answer = await fetch(`${orla.http}/hidden`, {
    method: "POST",
    headers: { apikey: orla.serviceKey, "x-signature": "00" },
  });
  const shown = [
    JSON.stringify(taken),
    await answer.text(),
    JSON.stringify(await session.rows("LIST EDGE TRIGGERS")),
    JSON.stringify(await session.rows("SELECT * FROM system.edge_triggers")),
    orla.logs(),
    await Deno.readTextFile(`${orla.dataDir}/postgres.log`),
  ];
  assert.deepEqual(shown.map((text) => text.includes(secret)), shown.map(() => false));
  await session.rows("CREATE ROLE reader LOGIN; SET ROLE reader");
  const denied = await session.failure("SELECT secret FROM edge.trigger_secrets");
  assert.equal(denied.code, "42501");
  assert.equal((await session.failure("SELECT edge.trigger_definitions()")).code, "42501");
  await session.rows("RESET ROLE");
});
