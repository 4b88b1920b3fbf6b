import assert from "node:assert/strict";
import { silentLogger } from "../base/log.ts";
import { OrlaError } from "../base/errors.ts";
import { type HttpGateway, startHttpGateway } from "../gateway/http-gateway.ts";
import { createKeyVerifier, generateKey } from "../gateway/keys.ts";
import { inProcess, type TestFunction } from "../gateway/testing/in-process.ts";
import type { ReadinessCheck } from "./health.ts";
import { apiRoutes } from "./routes.ts";

const serviceKey = generateKey("service");
const anonKey = generateKey("anon");
const headers = { apikey: anonKey };

interface Options {
  readonly checks?: readonly ReadinessCheck[];
  readonly metricsAccess?: "service" | "open";
}

/** What needs a database is tested with one, in `tests/`. */
const triggers = {
  hooks: { run: () => Promise.resolve([]) },
  queues: { publish: () => Promise.resolve(["1"]) },
  storage: [],
};

function gatewayWithApi(functions: readonly TestFunction[], options: Options = {}): HttpGateway {
  const seams = inProcess(functions);
  return startHttpGateway({
    host: "127.0.0.1",
    port: 0,
    ...seams,
    keys: createKeyVerifier({ serviceKey, anonKey }),
    log: silentLogger,
    api: apiRoutes({
      ...triggers,
      ...seams,
      version: "1.2.3",
      checks: [],
      metrics: () => Promise.resolve("orla_up 1\n"),
      metricsAccess: "service",
      ...options,
    }),
  });
}

const double: TestFunction = {
  name: "double",
  payload: ({ input, shape, trigger }) => ({ input: JSON.parse(input), shape, trigger }),
};
const inNamespace: TestFunction = { ...double, namespace: "ns", name: "f" };

async function post(gateway: HttpGateway, path: string, body?: string, key = anonKey) {
  const response = await fetch(gateway.url + path, {
    method: "POST",
    headers: { apikey: key },
    ...(body === undefined ? {} : { body }),
  });
  return { response, body: JSON.parse(await response.text()) };
}

Deno.test("POST /invoke/{id} takes the payload bare and gives the result bare", async () => {
  await using gateway = gatewayWithApi([double, inNamespace]);
  const input = { a: [1, null, "ü"] };
  for (const path of ["/invoke/double", "/invoke/ns%2Ff", "/invoke/ns/f"]) {
    const { response, body } = await post(gateway, path, JSON.stringify(input));
    assert.equal(response.status, 200);
    assert.deepEqual(body, { input, shape: "payload", trigger: "http" });
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.ok(response.headers.get("x-orla-execution-id"));
    assert.match(response.headers.get("server-timing") ?? "", /^total;dur=/);
  }
  assert.equal((await post(gateway, "/invoke/double")).body.input, null);
});

Deno.test("POST /api/v1/functions/{name}/invoke wraps payload and result", async () => {
  await using gateway = gatewayWithApi([double, inNamespace]);
  for (const name of ["double", "ns%2Ff", "ns/f"]) {
    const { response, body } = await post(
      gateway,
      `/api/v1/functions/${name}/invoke`,
      '{"payload": {"x": 1}}',
    );
    assert.equal(response.status, 200);
    assert.equal(body.status, "success");
    assert.deepEqual(body.result, { input: { x: 1 }, shape: "payload", trigger: "api" });
    assert.ok(body.duration_ms >= 0);
  }
  for (const empty of [undefined, "{}", '{"payload": null}']) {
    const { body } = await post(gateway, "/api/v1/functions/double/invoke", empty);
    assert.equal(body.result.input, null);
  }
});

const failing: TestFunction = {
  name: "failing",
  payload() {
    throw new OrlaError("timeout", "Execution timeout (30s)", { detail: "stack" });
  },
};

const refusals: readonly [what: string, path: string, body: string, number, string][] = [
  ["broken JSON", "/invoke/double", '{"a":}', 400, "invalid_request"],
  ["text that is no UTF-8", "/invoke/double", "latin1", 400, "invalid_request"],
  ["an unknown function", "/invoke/nope", "1", 404, "function_not_found"],
  ["an unknown namespace", "/invoke/nope/f", "1", 404, "function_not_found"],
  ["an id of three parts", "/invoke/a%2Fb%2Fc", "1", 404, "function_not_found"],
  ["a failing function", "/invoke/failing", "1", 504, "timeout"],
  ["no object", "/api/v1/functions/double/invoke", "[1]", 400, "invalid_request"],
  ["a bare payload", "/api/v1/functions/double/invoke", '{"x":1}', 400, "invalid_request"],
  ["a failing function", "/api/v1/functions/failing/invoke", "{}", 504, "timeout"],
];
for (const [what, path, text, status, code] of refusals) {
  Deno.test(`POST ${path}: ${what} is ${status} ${code}`, async () => {
    await using gateway = gatewayWithApi([double, failing]);
    const body = text === "latin1" ? new Uint8Array([0x22, 0xe9, 0x22]) : text;
    const response = await fetch(gateway.url + path, { method: "POST", headers, body });
    assert.equal(response.status, status);
    const error = await response.json();
    assert.equal(error.code, code);
    assert.equal(error.detail, undefined);
  });
}

Deno.test("broken JSON is answered with its position and the call's ids", async () => {
  await using gateway = gatewayWithApi([double]);
  const { response, body } = await post(gateway, "/invoke/double", '{\n "a": }');
  assert.equal(body.position, 8);
  assert.match(body.error, /line 2, column 7/);
  assert.ok(response.headers.get("x-orla-execution-id"));
});

Deno.test("calling with a payload needs a key unless the function needs none", async () => {
  const free: TestFunction = { ...double, name: "free", options: { auth: "none" } };
  await using gateway = gatewayWithApi([double, free]);
  assert.equal((await post(gateway, "/invoke/double", "1", "wrong")).response.status, 401);
  assert.equal((await post(gateway, "/invoke/free", "1", "wrong")).response.status, 200);
});

Deno.test("/healthz is well, /readyz tells what is not", async () => {
  let problem: string | null = null;
  await using gateway = gatewayWithApi([], {
    checks: [
      { name: "database", problem: () => problem },
      { name: "pool", problem: () => Promise.resolve(null) },
      {
        name: "broken",
        problem() {
          if (problem !== null) throw new Error("postgres://root:hunter2@db");
          return null;
        },
      },
    ],
  });
  const get = async (path: string) => {
    const response = await fetch(gateway.url + path);
    return { status: response.status, body: await response.json(), headers: response.headers };
  };
  assert.equal((await get("/healthz")).status, 200);
  assert.deepEqual((await get("/readyz")).body, { status: "ready" });
  problem = "cannot be reached";
  assert.equal((await get("/healthz")).status, 200);
  const { status, body, headers: answered } = await get("/readyz");
  assert.equal(status, 503);
  assert.equal(answered.get("retry-after"), "1");
  assert.deepEqual(body.reasons, { database: "cannot be reached", broken: "the check failed" });
  assert.equal(body.code, "unavailable");
});

Deno.test("/metrics needs the service key unless it is open", async () => {
  const read = async (options: Options, key: string) => {
    await using gateway = gatewayWithApi([], options);
    const response = await fetch(`${gateway.url}/metrics`, { headers: { apikey: key } });
    return [response.status, await response.text()];
  };
  assert.equal((await read({}, "wrong"))[0], 401);
  assert.equal((await read({}, anonKey))[0], 403);
  assert.deepEqual(await read({}, serviceKey), [200, "orla_up 1\n"]);
  assert.deepEqual(await read({ metricsAccess: "open" }, ""), [200, "orla_up 1\n"]);
});

Deno.test("the OpenAPI document describes what exists, and everything described exists", async () => {
  const any: TestFunction = { ...double, name: "any", http: () => ({}) };
  await using gateway = gatewayWithApi([any, { ...any, namespace: "any" }]);
  const response = await fetch(`${gateway.url}/api/v1/openapi.json`);
  const document = await response.json();
  assert.match(document.openapi, /^3\.1\./);
  assert.equal(document.info.version, "1.2.3");

  const ids = new Set<string>();
  let described = 0;
  for (
    const [path, item] of Object.entries<Record<string, { operationId: string }>>(document.paths)
  ) {
    for (const [method, operation] of Object.entries(item)) {
      if (method === "parameters") continue;
      described++;
      assert.ok(!ids.has(operation.operationId), operation.operationId);
      ids.add(operation.operationId);
      const url = gateway.url + path.replaceAll(/\{\w+\}/g, "any");
      const answer = await fetch(url, {
        method: method.toUpperCase(),
        headers: { apikey: serviceKey },
      });
      await answer.body?.cancel();
      const expected = Object.keys(Reflect.get(operation, "responses") ?? {});
      assert.ok(
        expected.includes(String(answer.status)) || expected.includes("default"),
        `${method} ${path} answers ${answer.status}`,
      );
      assert.ok(answer.ok, `${method} ${path} answers ${answer.status}`);
    }
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = (item["parameters"] as unknown as { name: string }[] | undefined) ?? [];
    assert.deepEqual(declared.map(({ name }) => name), parameters);
  }
  const table = apiRoutes({
    ...triggers,
    ...inProcess([]),
    version: "",
    checks: [],
    metrics: () => Promise.resolve(""),
    metricsAccess: "open",
  });
  for (const { path, method } of table.routes) {
    assert.ok(document.paths[path]?.[method.toLowerCase()], `${method} ${path} is not described`);
  }
  assert.equal(described, table.routes.length + 14);
});
