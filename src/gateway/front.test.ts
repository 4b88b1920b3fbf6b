import assert from "node:assert/strict";
import type { Exchange } from "./route.ts";
import { anonKey, serviceKey, testGateway } from "./testing/test-gateway.ts";

Deno.test("routes: who may use them, and their methods", async () => {
  const admin = {
    method: "POST",
    path: "/api/v1/things/{id}",
    access: "service",
    operation: { operationId: "x", summary: "x", tags: [], responses: {} },
    handle: async ({ params, readBody }: Exchange) =>
      new Response(`${params["id"]} ${(await readBody()).byteLength}`),
  } as const;
  await using gateway = testGateway([], { routes: [admin] });
  const url = `${gateway.url}/api/v1/things/7`;
  const call = async (init: RequestInit) => {
    const response = await fetch(url, init);
    return [response.status, await response.text(), response.headers.get("allow")] as const;
  };
  const post = { method: "POST", body: "abc" };
  assert.equal((await call(post))[0], 401);
  assert.equal((await call({ ...post, headers: { apikey: anonKey } }))[0], 403);
  const [status, body] = await call({ ...post, headers: { apikey: serviceKey } });
  assert.deepEqual([status, body], [200, "7 3"]);
  const [wrong, , allow] = await call({ method: "DELETE", headers: { apikey: serviceKey } });
  assert.deepEqual([wrong, allow], [405, "POST"]);
});
