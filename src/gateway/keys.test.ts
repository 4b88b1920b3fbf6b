import assert from "node:assert/strict";
import { createKeyVerifier, generateKey } from "./keys.ts";

const keys = { serviceKey: generateKey("service"), anonKey: generateKey("anon") };

Deno.test("keys are long, tell their kind, and differ", () => {
  assert.match(keys.serviceKey, /^orla_service_[\w-]{43}$/);
  assert.match(keys.anonKey, /^orla_anon_[\w-]{43}$/);
  assert.notEqual(generateKey("anon"), generateKey("anon"));
});

Deno.test("a key is recognised bare and as a Bearer token, the first time and later", () => {
  const verifier = createKeyVerifier(keys);
  for (let time = 0; time < 2; time++) {
    for (const form of ["", "Bearer ", "bearer ", "BEARER  "]) {
      assert.deepEqual(verifier.identify(form + keys.serviceKey), { role: null, service: true });
      assert.deepEqual(verifier.identify(form + keys.anonKey), { role: null, service: false });
    }
  }
});

Deno.test("nothing else is a key", () => {
  const verifier = createKeyVerifier(keys);
  verifier.identify(keys.serviceKey);
  const others = [
    "",
    "Bearer",
    "Bearer ",
    `Basic ${keys.serviceKey}`,
    keys.serviceKey.slice(0, -1),
    keys.serviceKey + "x",
    keys.serviceKey.toUpperCase(),
    generateKey("service"),
    "x".repeat(100_000),
  ];
  for (const other of others) {
    for (let time = 0; time < 2; time++) {
      assert.equal(verifier.identify(other), undefined, other.slice(0, 80));
    }
  }
});
