/** Each handler style, called from each side. */
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { OrlaError } from "../../src/base/errors.ts";
import type { Parameter } from "../../src/functions/function.ts";
import { startRig, test, textOf, version } from "./rig.ts";

const json = ["content-type", "application/json"];
const body = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

test("web: every way of offering a handler answers HTTP and payloads", async () => {
  const answer = `new Response(JSON.stringify({ method: request.method, url: request.url }), {
    headers: { "content-type": "application/json", "x-style": "web" }, status: 201 })`;
  const codes = [
    `export default { fetch(request, env, ctx) { if (typeof ctx.waitUntil !== "function" || !env) throw 0; return ${answer}; } }`,
    `export default (request) => ${answer}`,
    `export default { prefix: 1, async fetch(request) { if (this.prefix !== 1) throw 0; return ${answer}; } }`,
    `Deno.serve((request) => ${answer})`,
    `Deno.serve({ port: 8080 }, async (request, info) => { if (!info.remoteAddr) throw 0; return ${answer}; })`,
    `serve(async (request) => ${answer})`,
    `addEventListener("fetch", (event) => { const { request } = event; event.respondWith(${answer}); })`,
    `addEventListener("fetch", (event) => event.respondWith((async () => { const { request } = event; return ${answer}; })()))`,
  ];
  await using rig = await startRig();
  for (const code of codes) {
    const fn = version(code, { style: "web" });
    const reply = await rig.http(fn, { method: "PUT", headers: json, body: body({ a: 1 }) });
    strictEqual(reply.status, 201, code);
    const headers = reply.headers;
    strictEqual(headers[headers.indexOf("x-style") + 1], "web");
    deepStrictEqual(JSON.parse(await textOf(reply)), {
      method: "PUT",
      url: "http://localhost:8000/hello?a=1",
    });
    deepStrictEqual(await rig.payload(fn, { b: 2 }), {
      method: "POST",
      url: "http://localhost/hello",
    });
  }
});

test("web: the request is whole, and payloads arrive as its JSON body", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default async (request) => Response.json({
      headers: Object.fromEntries(request.headers), body: await request.text(), method: request.method,
    })`,
    { style: "web" },
  );
  const headers = ["x-multi", "1", "X-Multi", "2", "content-type", "text/plain"];
  const reply = await rig.http(fn, { method: "DELETE", headers, body: body("ü") });
  deepStrictEqual(JSON.parse(await textOf(reply)), {
    headers: { "x-multi": "1, 2", "content-type": "text/plain" },
    body: '"ü"',
    method: "DELETE",
  });
  const asPayload = await rig.payload(fn, { a: "✓" }) as { body: string };
  deepStrictEqual(JSON.parse(asPayload.body), { a: "✓" });
});

test("web: what answers to a payload caller means", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default async (request) => {
      switch ((await request.json()).kind) {
        case "json": return Response.json([1, { a: null }]);
        case "text": return new Response("plain");
        case "empty": return new Response(null, { status: 204 });
        case "bytes": return new Response(new Uint8Array([1, 255]), { headers: { "content-type": "application/octet-stream" } });
        case "error": return Response.json({ error: "no such order" }, { status: 404 });
        case "none": return "not a response";
      }
    }`,
    { style: "web" },
  );
  deepStrictEqual(await rig.payload(fn, { kind: "json" }), [1, { a: null }]);
  strictEqual(await rig.payload(fn, { kind: "text" }), "plain");
  strictEqual(await rig.payload(fn, { kind: "empty" }), null);
  strictEqual(await rig.payload(fn, { kind: "bytes" }), "\\x01ff");
  await rejects(rig.payload(fn, { kind: "error" }), {
    code: "function_error",
    message: /404: no such order/,
  });
  await rejects(rig.payload(fn, { kind: "none" }), { message: /must return a Response/ });
  await rejects(rig.http(fn, { method: "POST", body: body({ kind: "none" }) }), {
    code: "function_error",
    status: 500,
  });
});

test("fetch: a Request with the fields of handler's, answering either way", async () => {
  await using rig = await startRig();
  const fn = version(
    `export async function fetch(request) {
      if (!(request instanceof Request)) throw new Error("no Request");
      if (request.params.a === "object") return { status: 202, headers: { "x-a": "b" }, body: { role: request.user_role } };
      return new Response(request.params.a + request.user_role);
    }`,
    { style: "fetch" },
  );
  strictEqual(await textOf(await rig.http(fn)), "1anon");
  const object = await rig.http(fn, { url: "http://localhost/hello?a=object" });
  strictEqual(object.status, 202);
  deepStrictEqual(JSON.parse(await textOf(object)), { role: "anon" });
});

test("handler: a request object over HTTP, the payload otherwise", async () => {
  await using rig = await startRig();
  const code = `export async function handler(req, client, serviceClient, utils) {
    if (req === "boom") return client.query("SELECT 1");
    if (req?.method === undefined) return { data: req, id: utils.getExecutionContext().execution_id.length };
    return { status: 203, headers: { "Content-Type": "application/json" }, body: JSON.stringify(req) };
  }`;
  const fn = version(code, { style: "handler" });
  const reply = await rig.http(fn, {
    method: "POST",
    headers: ["Content-Type", "application/json"],
    body: body({ name: "Ada" }),
  });
  strictEqual(reply.status, 203);
  deepStrictEqual(JSON.parse(await textOf(reply)), {
    method: "POST",
    url: "http://localhost:8000/hello?a=1",
    headers: { "content-type": "application/json" },
    body: '{"name":"Ada"}',
    params: { a: "1" },
    user_id: null,
    user_email: null,
    user_role: "anon",
    session_id: null,
  });
  deepStrictEqual(await rig.payload(fn, { x: 1 }), { data: { x: 1 }, id: 36 });
  await rejects(rig.payload(fn, "boom"), { message: /This node has no db\.query/ });

  const asRequest = version(code, { style: "handler", handler: "request" });
  const seen = await rig.payload(asRequest, { x: 1 }) as { method: string; body: string };
  deepStrictEqual([seen.method, JSON.parse(seen.body)], ["POST", { x: 1 }]);

  const asPayload = version(code, { style: "handler", handler: "payload" });
  const answer = await rig.http(asPayload, { method: "POST", headers: json, body: body([1]) });
  strictEqual(answer.status, 200);
  deepStrictEqual(JSON.parse(await textOf(answer)).data, [1]);
});

test("handler: results over HTTP", async () => {
  await using rig = await startRig();
  const results: ReadonlyArray<readonly [code: string, status: number, text: string]> = [
    [`({ status: 200, body: "text" })`, 200, "text"],
    [`({ statusCode: 418, body: { a: 1 } })`, 418, '{"a":1}'],
    [`({ status: 204 })`, 204, ""],
    [`({ status: 200, body: new Uint8Array([104, 105]) })`, 200, "hi"],
    [`({ status: 200, body: new Blob(["blob"]).stream() })`, 200, "blob"],
    [`new Response("response", { status: 299 })`, 299, "response"],
    [`({ just: "json" })`, 200, '{"just":"json"}'],
    [`[1, 2]`, 200, "[1,2]"],
    [`null`, 200, "null"],
    [`undefined`, 204, ""],
    [`10n ** 20n`, 200, "100000000000000000000"],
  ];
  const cases = results.map(([code], index) => `case ${index}: return ${code};`).join("\n");
  const fn = version(
    `export const handler = async (req) => { switch (Number(req.params.n)) { ${cases} } }`,
    { style: "handler" },
  );
  for (const [index, [code, status, text]] of results.entries()) {
    const reply = await rig.http(fn, { url: `http://localhost/?n=${index}` });
    deepStrictEqual([reply.status, await textOf(reply)], [status, text], code);
  }
});

test("commonjs: payload and sdk, with require of Node's modules", async () => {
  await using rig = await startRig();
  const codes = [
    `exports.handler = async (payload, sdk) => [payload, sdk.env, sdk.projectId, require("node:path").basename("/a/b")];`,
    `module.exports = async (payload, sdk) => [payload, sdk.env, sdk.projectId, require("path").basename("/a/b")];`,
    `module.exports = { handler: (payload, sdk) => [payload, sdk.env, sdk.projectId, "b"] };`,
  ];
  for (const code of codes) {
    const fn = version(code, { style: "commonjs" });
    deepStrictEqual(await rig.payload(fn, { a: 1 }), [{ a: 1 }, {}, "default", "b"], code);
    const reply = await rig.http(fn, { method: "POST", headers: json, body: body({ a: 1 }) });
    deepStrictEqual(JSON.parse(await textOf(reply)), [{ a: 1 }, {}, "default", "b"]);
  }
  await rejects(
    rig.payload(version(`require("left-pad"); exports.handler = () => 1`, { style: "commonjs" })),
    {
      code: "function_error",
      message: /Cannot require "left-pad"/,
    },
  );
  await rejects(
    rig.payload(version(`exports.handler = (_, sdk) => sdk.db.query("x")`, { style: "commonjs" })),
    { message: /This node has no db\.query/ },
  );
});

const declared: Parameter[] = [{ name: "a", type: "bigint" }, { name: "b", type: "text" }];

test("main: declared parameters from SQL, and from JSON bodies of every shape", async () => {
  await using rig = await startRig();
  const fn = version(`export const main = (a, b) => [a, typeof a, b]`, { parameters: declared });
  const args = { shape: "arguments", input: '[9007199254740993,"x"]' } as const;
  const raw = await rig.runtime.invoke(fn, {
    kind: "payload",
    executionId: "e",
    trigger: "sql",
    caller: { role: null, service: true },
    arrivedAt: performance.now(),
    ...args,
  });
  strictEqual(raw.output, '[9007199254740993,"bigint","x"]');
  const post = async (value: unknown) =>
    JSON.parse(
      await textOf(await rig.http(fn, { method: "POST", headers: json, body: body(value) })),
    );
  deepStrictEqual(await post({ a: 1, b: "x" }), [1, "number", "x"]);
  deepStrictEqual(await post({ b: "x" }), [null, "object", "x"]);
  deepStrictEqual(await post([2, "y"]), [2, "number", "y"]);
  deepStrictEqual(await post(3), [3, "number", null]);
  const form = ["content-type", "application/x-www-form-urlencoded"];
  for (const text of ['{"a": 4, "b": "x"}', "a=4&b=x"]) {
    const bytes = new TextEncoder().encode(text);
    const reply = await rig.http(fn, { method: "POST", headers: form, body: bytes });
    deepStrictEqual(JSON.parse(await textOf(reply)), [4, "number", "x"], "what `curl -d` sends");
  }
  const get = await rig.http(fn, { url: "http://localhost/?a=5&b=z" });
  deepStrictEqual(JSON.parse(await textOf(get)), [5, "number", "z"]);
  deepStrictEqual(await rig.payload(fn, { a: 7, b: "p" }), [7, "number", "p"]);
});

test("main: without declared parameters it takes the payload", async () => {
  await using rig = await startRig();
  const fn = version(`export const main = (data) => ({ data })`);
  deepStrictEqual(await rig.payload(fn, { x: [1] }), { data: { x: [1] } });
  deepStrictEqual(await rig.payload(fn, [1, 2]), { data: [1, 2] });
  const two = version(`export const main = (a, b) => a + b`);
  strictEqual(await rig.payload(two, [1, 2]), 3);
});

test("bad input is the caller's fault, and says so", async () => {
  await using rig = await startRig();
  const fn = version(`export const main = (x) => x`);
  const reply = rig.http(fn, {
    method: "POST",
    headers: json,
    body: new TextEncoder().encode("{no"),
  });
  await rejects(reply, { code: "invalid_request", status: 400, message: /not JSON/ });
});

test("an import that fails reports the author's error to every caller", async () => {
  await using rig = await startRig();
  const codes: ReadonlyArray<readonly [code: string, message: RegExp]> = [
    [`throw new TypeError("at import"); export const main = 1`, /^TypeError: at import$/],
    [`export const other = 1`, /defines no function `main`/],
    [`import "npm:left-pad"; export const main = 1`, /npm/],
    [
      `await new Promise((_, reject) => setTimeout(reject, 5, new Error("late"))); export const main = 1`,
      /^late$/,
    ],
  ];
  for (const [code, message] of codes) {
    const fn = version(code);
    const calls = await Promise.allSettled([rig.payload(fn), rig.payload(fn), rig.http(fn)]);
    for (const call of calls) {
      strictEqual(call.status, "rejected", code);
      const { reason } = call as PromiseRejectedResult;
      strictEqual(reason.code, "function_error", code);
      match(reason.message, message);
    }
  }
});

test("whatever is thrown can be told, however it resists", async () => {
  await using rig = await startRig();
  const thrown: ReadonlyArray<readonly [code: string, message: RegExp]> = [
    [`new Error("plain")`, /^plain$/],
    [`"text"`, /thrown: text/],
    [`null`, /thrown: null/],
    [`undefined`, /thrown: undefined/],
    [`Symbol("s")`, /thrown: Symbol\(s\)/],
    [`{ message: "duck" }`, /^duck$/],
    [`new Error("x".repeat(1e6))`, /^x{16384}… \(1000000 characters\)$/],
    [
      `new (class extends Error { get message() { throw 1; } get stack() { throw 2; } get name() { throw 3; } })()`,
      /./,
    ],
    [`new Proxy({}, { get() { throw new Error("trap"); }, getPrototypeOf() { throw 1; } })`, /./],
    [`Object.create(null)`, /./],
    [`new AggregateError([new Error("inner")], "many")`, /^AggregateError: many$/],
  ];
  const cases = thrown.map(([code], index) => `case ${index}: throw ${code};`).join("\n");
  const fn = version(`export const main = (n) => { switch (n) { ${cases} } return "fine"; }`);
  for (const [index, [code, message]] of thrown.entries()) {
    await rejects(rig.payload(fn, index), { code: "function_error", message }, code);
  }
  strictEqual(await rig.payload(fn, -1), "fine");
});

test("stacks show the author's file and nothing of the platform", async () => {
  await using rig = await startRig();
  const fn = version(
    `function inner() {\n  throw new Error("here");\n}\nexport const main = () => inner();\n`,
  );
  const error: unknown = await rig.payload(fn).catch((error) => error);
  if (!(error instanceof OrlaError)) throw error;
  deepStrictEqual(error.detail?.split("\n"), [
    "Error: here",
    "    at inner (hello.js:2:9)",
    "    at main (hello.js:4:27)",
  ]);
});

test("ENV is all the function sees of an environment, in each of its forms", async () => {
  await using rig = await startRig();
  const env = { API_URL: "https://api.example", __proto__x: "1" };
  const all =
    `{ deno: Deno.env.toObject(), node: { ...process.env }, at: Deno.env.get("API_URL") }`;
  const fn = version(
    `const atImport = process.env.API_URL;
    export const main = () => ({ ...${all}, atImport })`,
    { env },
  );
  deepStrictEqual(await rig.payload(fn), {
    deno: env,
    node: env,
    at: env.API_URL,
    atImport: env.API_URL,
  });
  const web = version(`export default { fetch: (_, env) => Response.json(env) }`, {
    style: "web",
    env,
  });
  deepStrictEqual(await rig.payload(web), env);
});

test("code that replaces the language's own functions still gets its calls", async () => {
  await using rig = await startRig();
  const sabotage = `
    const nothing = () => { throw new Error("sabotage"); };
    for (const prototype of [Array.prototype, Map.prototype, Promise.prototype, Uint8Array.prototype,
      Object.getPrototypeOf(Uint8Array.prototype), String.prototype, TextEncoder.prototype, TextDecoder.prototype,
      Response.prototype, Headers.prototype, ReadableStream.prototype, ReadableStreamDefaultReader.prototype,
      Function.prototype, RegExp.prototype, AbortController.prototype]) {
      for (const name of Object.getOwnPropertyNames(prototype)) {
        // Nobody can replace it: Deno itself reads the channel with it.
        if (name === "constructor" || (prototype === Function.prototype && name === "call")) continue;
        const { value, get } = Object.getOwnPropertyDescriptor(prototype, name);
        if (typeof value === "function") prototype[name] = nothing;
        else if (get && prototype !== Object.getPrototypeOf(Uint8Array.prototype)) Object.defineProperty(prototype, name, { get: nothing });
      }
    }
    JSON.parse = JSON.stringify = Reflect.apply = Object.defineProperty = nothing;
    globalThis.Response = globalThis.Request = globalThis.Promise = globalThis.Uint8Array = globalThis.Error = nothing;`;
  const fn = version(`export const main = (x) => x; ${sabotage}`);
  for (let i = 0; i < 3; i++) deepStrictEqual(await rig.payload(fn, { n: i }), { n: i });
  const vain = version(`export const main = (x) => x; Function.prototype.call = null;`);
  await rejects(rig.payload(vain), {
    code: "function_error",
    message: /read only property 'call'/,
  });
  strictEqual(await rig.payload(version(`export const main = () => "next"`)), "next");
});
