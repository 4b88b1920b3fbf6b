import assert from "node:assert/strict";
import { validate, version } from "uuid";
import { OrlaError } from "../base/errors.ts";
import type { HttpCall } from "../functions/call.ts";
import { silentLogger } from "../base/log.ts";
import { startHttpGateway } from "./http-gateway.ts";
import { createRouteTable } from "./route-table.ts";
import { inProcess, type TestFunction } from "./testing/in-process.ts";
import {
  anonKey,
  serviceKey,
  testGateway,
  type TestGatewayOptions,
} from "./testing/test-gateway.ts";
import { headersByName } from "./testing/headers-by-name.ts";

const bearer = { authorization: `Bearer ${anonKey}` };
const text = (body: string) => ({ body: new TextEncoder().encode(body) });

/** Answers with what it saw. */
const echo: TestFunction = {
  name: "echo",
  http: async (call: HttpCall) => ({
    headers: ["content-type", "application/json"],
    ...text(JSON.stringify({
      method: call.method,
      url: call.url,
      headers: headersByName(call.headers),
      body: call.body === null ? null : await new Response(call.body as BodyInit).text(),
      kind: call.body === null ? "none" : call.body instanceof Uint8Array ? "whole" : "stream",
      caller: call.caller,
    })),
  }),
};

async function request(
  functions: TestFunction[],
  path: string,
  init: RequestInit = { headers: bearer },
  options: TestGatewayOptions = {},
): Promise<{ response: Response; body: string }> {
  await using gateway = testGateway(functions, options);
  const response = await fetch(gateway.url + path, init);
  return { response, body: await response.text() };
}

Deno.test("a function gets the request and the client its answer, with ids and times", async () => {
  const { response, body } = await request([echo], "/functions/v1/echo/a/b?c=d", {
    method: "POST",
    headers: { ...bearer, "x-custom": "1", "x-request-id": "mine-1" },
    body: "hello",
  });
  const seen = JSON.parse(body);
  assert.equal(response.status, 200);
  assert.equal(seen.method, "POST");
  assert.equal(new URL(seen.url).pathname, "/functions/v1/echo/a/b");
  assert.equal(new URL(seen.url).search, "?c=d");
  assert.equal(seen.body, "hello");
  assert.equal(seen.headers["x-custom"], "1");
  assert.equal(seen.headers["x-request-id"], "mine-1");
  assert.equal(seen.headers.authorization, undefined);
  assert.deepEqual(seen.caller, { role: null, service: false });

  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("x-request-id"), "mine-1");
  const executionId = response.headers.get("x-orla-execution-id");
  assert.ok(validate(executionId) && version(executionId ?? "") === 7);
  assert.match(response.headers.get("server-timing") ?? "", /^total;dur=[\d.]+, exec;dur=0\.1$/);
});

for (
  const [what, length, kind] of [["small", 10, "whole"], ["large", 100_000, "stream"]] as const
) {
  Deno.test(`a ${what} body arrives as ${kind}`, async () => {
    const { body } = await request([echo], "/functions/v1/echo", {
      method: "POST",
      headers: bearer,
      body: "x".repeat(length),
    });
    const seen = JSON.parse(body);
    assert.equal(seen.kind, kind);
    assert.equal(seen.body.length, length);
  });
}

Deno.test("every method but CONNECT, TRACE and TRACK reaches the function", async () => {
  await using gateway = testGateway([echo]);
  for (const method of ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
    const response = await fetch(`${gateway.url}/functions/v1/echo`, { method, headers: bearer });
    assert.equal((await response.json()).method, method);
  }
});

Deno.test("HEAD has the head of the answer and no body", async () => {
  const { response, body } = await request([echo], "/functions/v1/echo", {
    method: "HEAD",
    headers: bearer,
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.ok(Number(response.headers.get("content-length")) > 0);
  assert.equal(body, "");
});

Deno.test("HEAD tells no length that the function did not tell", async () => {
  const silent: TestFunction = { name: "silent", http: () => ({}) };
  const telling: TestFunction = {
    name: "telling",
    http: () => ({ headers: ["content-length", "7"] }),
  };
  await using gateway = testGateway([silent, telling]);
  const length = async (name: string) => {
    const url = `${gateway.url}/functions/v1/${name}`;
    const response = await fetch(url, { method: "HEAD", headers: bearer });
    assert.equal(await response.text(), "");
    return response.headers.get("content-length");
  };
  assert.equal(await length("silent"), null);
  assert.equal(await length("telling"), "7");
});

Deno.test("a name is looked for in the default namespace first, then as namespace/name", async () => {
  const say = (name: string, namespace: string): TestFunction => ({
    name,
    namespace,
    http: () => text(`${namespace}/${name}`),
  });
  await using gateway = testGateway([
    say("a", "default"),
    say("b", "a"),
    say("c", "other"),
    say("grüße", "default"),
  ]);
  const cases: readonly (readonly [string, string])[] = [
    ["/functions/v1/a", "default/a"],
    ["/functions/v1/a/b", "default/a"],
    ["/functions/v1/a%2Fb", "a/b"],
    ["/functions/v1/other/c/rest", "other/c"],
    ["/functions/v1/gr%C3%BC%C3%9Fe", "default/grüße"],
    ["/functions/v1/x/../other/c", "other/c"],
  ];
  for (const [path, expected] of cases) {
    const response = await fetch(gateway.url + path, { headers: bearer });
    assert.equal(await response.text(), expected, path);
  }
});

const open: TestFunction = { ...echo, name: "open", options: { auth: "none" } };
const off: TestFunction = { ...echo, name: "off", options: { enabled: false } };

const refusals: readonly [what: string, path: string, RequestInit, status: number, code: string][] =
  [
    ["no key", "/functions/v1/echo", {}, 401, "unauthorized"],
    ["OPTIONS without a key", "/functions/v1/echo", { method: "OPTIONS" }, 401, "unauthorized"],
    ["a wrong key", "/functions/v1/echo", { headers: { apikey: "x" } }, 401, "unauthorized"],
    ["an unknown function, no key", "/functions/v1/nope", {}, 401, "unauthorized"],
    ["an unknown function", "/functions/v1/nope", { headers: bearer }, 404, "function_not_found"],
    ["no function's name", "/functions/v1/", { headers: bearer }, 404, "function_not_found"],
    ["a disabled function", "/functions/v1/off", { headers: bearer }, 403, "function_disabled"],
    ["an unknown path", "/nope", {}, 404, "not_found"],
    ["a long URL", `/functions/v1/echo?${"x".repeat(17_000)}`, {}, 414, "url_too_long"],
    ["large headers", "/x", { headers: { x: "y".repeat(33_000) } }, 431, "headers_too_large"],
  ];

for (const [what, path, init, status, code] of refusals) {
  Deno.test(`${what} is ${status} ${code}`, async () => {
    const { response, body } = await request([echo, open, off], path, init);
    assert.equal(response.status, status);
    const error = JSON.parse(body);
    assert.equal(error.code, code);
    assert.equal(typeof error.error, "string");
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("www-authenticate"), status === 401 ? "Bearer" : null);
    assert.ok(response.headers.get("x-request-id"));
  });
}

Deno.test("a function open to all needs no key and still learns of a good one", async () => {
  await using gateway = testGateway([open]);
  const call = async (headers: HeadersInit) =>
    (await (await fetch(`${gateway.url}/functions/v1/open`, { headers })).json()).caller;
  assert.deepEqual(await call({}), { role: null, service: false });
  assert.deepEqual(await call({ authorization: "Bearer other" }), { role: null, service: false });
  assert.deepEqual(await call({ apikey: serviceKey }), { role: null, service: true });
});

Deno.test("errors of the function carry its ids, and its stack only for the service key", async () => {
  const failing: TestFunction = {
    name: "failing",
    http() {
      throw new OrlaError("function_error", "boom", { detail: "at f (failing.js:1:1)" });
    },
  };
  for (const [key, detail] of [[anonKey, undefined], [serviceKey, "at f (failing.js:1:1)"]]) {
    const { response, body } = await request([failing], "/functions/v1/failing", {
      headers: { apikey: key! },
    });
    assert.equal(response.status, 500);
    assert.deepEqual(JSON.parse(body), {
      error: "boom",
      code: "function_error",
      ...(detail === undefined ? {} : { detail }),
    });
    assert.ok(response.headers.get("x-orla-execution-id"));
    assert.match(
      response.headers.get("server-timing") ?? "",
      /^total;dur=[\d.]+, exec;dur=[\d.]+$/,
    );
  }
});

Deno.test("mistakes of ours tell strangers nothing", async () => {
  const broken: TestFunction = {
    name: "broken",
    http() {
      throw new TypeError("cannot reach postgres://root:hunter2@db");
    },
  };
  const stranger = await request([broken], "/functions/v1/broken");
  assert.equal(stranger.response.status, 500);
  assert.equal(JSON.parse(stranger.body).code, "internal");
  assert.doesNotMatch(stranger.body, /hunter2/);
  const owner = await request([broken], "/functions/v1/broken", {
    headers: { apikey: serviceKey },
  });
  assert.match(JSON.parse(owner.body).detail, /hunter2/);
});

Deno.test("an overload says when to come again", async () => {
  const full: TestFunction = {
    name: "full",
    http() {
      throw new OrlaError("overloaded", "full", { retryAfterSeconds: 2.2 });
    },
  };
  const { response } = await request([full], "/functions/v1/full");
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "3");
});

Deno.test("more requests at once than allowed are 503", async () => {
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const slow: TestFunction = {
    name: "slow",
    async http() {
      entered.resolve();
      await release.promise;
      return text("done");
    },
  };
  await using gateway = testGateway([slow], { limits: { maxInFlight: 1 } });
  const url = `${gateway.url}/functions/v1/slow`;
  const first = fetch(url, { headers: bearer });
  await entered.promise;
  const second = await fetch(url, { headers: bearer });
  assert.equal(second.status, 503);
  assert.equal((await second.json()).code, "overloaded");
  assert.equal(second.headers.get("retry-after"), "1");
  release.resolve();
  assert.equal(await (await first).text(), "done");
  assert.equal(await (await fetch(url, { headers: bearer })).text(), "done");
});

Deno.test("a port in use is refused with a hint", async () => {
  await using gateway = testGateway([]);
  assert.throws(
    () =>
      startHttpGateway({
        host: "127.0.0.1",
        port: gateway.port,
        ...inProcess([]),
        keys: { identify: () => undefined },
        api: createRouteTable([]),
        log: silentLogger,
      }),
    (error) =>
      error instanceof OrlaError && error.code === "unavailable" && error.hint !== undefined,
  );
});
