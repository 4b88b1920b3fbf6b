/** Tokens made by jose with keys of a real key server on this machine, and what attackers make of them. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import {
  base64url,
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  SignJWT,
} from "jose";
import { createLogger } from "../../base/log.ts";
import { KeySet, type KeySetTimes } from "./key-set.ts";
import { type TokenRules, TokenVerifier } from "./tokens.ts";

const SECRET = "a secret of more than thirty-two bytes";
const anyToken: TokenRules = { issuer: null, audience: [] };

interface Pair {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

async function makePair(alg: string, kid: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, publicKey, jwk: { ...await exportJWK(publicKey), kid, alg } };
}

const claims = (more: Record<string, unknown> = {}) =>
  new SignJWT({ email: "ada@example.org", iss: "https://id.example", aud: ["shop"], ...more })
    .setSubject("u1");

const sign = ({ alg, kid, privateKey }: Pair, token = claims().setExpirationTime("1h")) =>
  token.setProtectedHeader({ alg, kid }).sign(privateKey);

/** A key server whose keys the test changes; it counts how often it is asked. */
function serveKeys(first: readonly JWK[]) {
  const state = { keys: first, status: 200, asked: 0 };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    state.asked++;
    return Response.json({ keys: state.keys }, { status: state.status });
  });
  return {
    state,
    url: `http://127.0.0.1:${server.addr.port}/.well-known/jwks.json`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const silent = createLogger({ level: "error", format: "text", write: () => {} });

function verifierOf(
  url: string | null,
  secret: string | null = null,
  times: Partial<KeySetTimes> = {},
) {
  const keys = url === null ? null : new KeySet(url, silent, times);
  const verifier = new TokenVerifier({ secret, keys });
  return (token: string, rules = anyToken) => verifier.verify(`Bearer ${token}`, rules);
}

const refused = (message: RegExp) => ({ code: "unauthorized", message });

Deno.test("keys of every kind verify, from a server and from a file", async () => {
  const pairs = await Promise.all(
    ["RS256", "PS384", "ES256", "ES512", "EdDSA"].map((alg) => makePair(alg, alg)),
  );
  const keys = pairs.map(({ jwk }) => jwk);
  await using server = serveKeys(keys);
  const file = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(file, JSON.stringify({ keys }));
  for (const url of [server.url, `file://${file}`]) {
    const verify = verifierOf(url);
    for (const pair of pairs) {
      deepEqual(await verify(await sign(pair)), {
        ...{ id: "u1", email: "ada@example.org", role: null, sessionId: null },
      });
    }
  }
  equal(server.state.asked, 1);
  await Deno.remove(file);
});

Deno.test("times, issuer and audience", async () => {
  const pair = await makePair("ES256", "a");
  await using server = serveKeys([pair.jwk]);
  const verify = verifierOf(server.url);
  const now = Math.floor(Date.now() / 1000);
  await verify(await sign(pair, claims().setExpirationTime(now - 10)));
  await verify(await sign(pair, claims().setNotBefore(now + 10)));
  const late = await sign(pair, claims().setExpirationTime(now - 60));
  await rejects(verify(late), refused(/"exp" claim timestamp check failed/));
  const early = await sign(pair, claims().setNotBefore(now + 60));
  await rejects(verify(early), refused(/"nbf"/));
  const token = await sign(pair);
  const rules = (issuer: string | null, ...audience: string[]) => ({ issuer, audience });
  await verify(token, rules("https://id.example", "other", "shop"));
  await rejects(verify(token, rules("https://id.example/", "shop")), refused(/"iss"/));
  await rejects(verify(token, rules(null, "admin")), refused(/"aud"/));
  const bare = await new SignJWT({}).setProtectedHeader({ alg: "ES256" }).sign(pair.privateKey);
  await rejects(verify(bare, rules("https://id.example")), refused(/missing required "iss"/));
  await rejects(verify(bare, rules(null, "shop")), refused(/missing required "aud"/));
});

Deno.test("a key is used with its own algorithms alone", async () => {
  const pair = await makePair("RS256", "a");
  await using server = serveKeys([
    pair.jwk,
    // A careless provider's shared key must not become everybody's.
    { kty: "oct", k: base64url.encode(SECRET), kid: "shared", alg: "HS256" },
  ]);
  const shared = (key: Uint8Array | string, kid: string) =>
    claims().setProtectedHeader({ alg: "HS256", kid }).sign(
      typeof key === "string" ? new TextEncoder().encode(key) : key,
    );
  const none = `${base64url.encode('{"alg":"none"}')}.${base64url.encode('{"sub":"u1"}')}.`;
  const spki = await exportSPKI(pair.publicKey);
  const good = await sign(pair);
  const [header = "", body = "", signature = ""] = good.split(".");
  const as = (changed: Record<string, unknown>) => base64url.encode(JSON.stringify(changed));
  for (const secret of [null, SECRET]) {
    const verify = verifierOf(server.url, secret);
    await verify(good);
    const attacks = [
      none,
      `${as({ alg: "NONE" })}.${body}.`,
      `${header}.${body}.`,
      `${as({ alg: "RS512", kid: "a" })}.${body}.${signature}`,
      `${as({ alg: "RS256", kid: "a", crit: ["x"], x: 1 })}.${body}.${signature}`,
      `${header}.${as({ sub: "root" })}.${signature}`,
      await shared(spki, "a"),
      await shared(JSON.stringify(pair.jwk), "a"),
      await sign({ ...await makePair("RS256", "a") }),
      // Keys that the token brings itself mean nothing.
      await claims().setProtectedHeader({ alg: "ES256", jwk: (await makePair("ES256", "a")).jwk })
        .sign((await makePair("ES256", "a")).privateKey),
      "x".repeat(30_000),
      `${"e30".repeat(8000)}.${body}.${signature}`,
      "..",
      "",
    ];
    for (const [index, token] of attacks.entries()) {
      await rejects(verify(token), { code: "unauthorized" }, `attack ${index}`);
    }
    if (secret === null) {
      await rejects(verify(await shared(SECRET, "shared")), refused(/algorithm/));
    } else equal((await verify(await shared(SECRET, "shared"))).id, "u1");
  }
  await rejects(verifierOf(null, SECRET)(good), refused(/algorithm/));
  await rejects(verifierOf(null)(good), refused(/verifies no tokens/));
});

Deno.test("an outage locks nobody out whose key is known, and is told as one otherwise", async () => {
  const [old, next] = [await makePair("ES256", "old"), await makePair("ES256", "next")];
  await using server = serveKeys([old.jwk]);
  const verify = verifierOf(server.url);
  server.state.status = 500;
  await rejects(verify(await sign(old)), { code: "unavailable" });
  // Whoever comes within the next seconds does not ask again.
  await rejects(verify(await sign(old)), { code: "unavailable" });
  equal(server.state.asked, 1);
  server.state.status = 200;
  const later = verifierOf(server.url);
  await later(await sign(old));
  // A key nobody knows makes nobody ask again at once, however many tokens name one.
  server.state.keys = [next.jwk];
  for (let i = 0; i < 5; i++) await rejects(later(await sign(next)), refused(/no applicable key/));
  equal(server.state.asked, 2);
});

Deno.test("keys that change: a new one counts at once, one that is gone no more, unless nobody can tell", async () => {
  const [old, next] = [await makePair("RS256", "old"), await makePair("ES256", "next")];
  await using server = serveKeys([old.jwk]);
  const verify = verifierOf(server.url, null, { freshMs: 0, cooldownMs: 0, retryMs: 0 });
  await verify(await sign(old));
  server.state.keys = [old.jwk, next.jwk];
  await verify(await sign(next));
  await verify(await sign(old));
  server.state.keys = [next.jwk];
  await rejects(verify(await sign(old)), refused(/no applicable key/));
  server.state.status = 503;
  await verify(await sign(next));
  await rejects(verify(await sign(old)), refused(/no applicable key/));
});
