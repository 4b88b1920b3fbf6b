/** `Response` remembers its text, and is in all else what it was. */
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { startRig, test, textOf, version } from "../runtime/rig.ts";

test("Response looks and behaves as Deno's own", async () => {
  await using rig = await startRig();
  const fn = version(`
    class Special extends Response { get special() { return true; } }
    const failure = (make) => { try { make(); } catch (error) { return error.name; } };
    export const main = async () => {
      const response = new Response("text");
      const special = new Special("text");
      return {
        name: Response.name, length: Response.length, json: [Response.json.name, Response.json.length],
        same: [response.constructor === Response, response instanceof Response,
          Object.getPrototypeOf(response) === Response.prototype, Response.error().type],
        sub: [special instanceof Special, special.special, await special.text()],
        called: failure(() => Response("x")),
        body: [await response.clone().text(), response.bodyUsed, await response.text(), response.bodyUsed],
        types: [new Response("x").headers.get("content-type"), Response.json(1).headers.get("content-type"),
          Response.json(1, { headers: { "Content-Type": "a/b" } }).headers.get("content-type"),
          Response.json(1, { headers: { "x-a": "b" } }).headers.get("x-a")],
        status: [Response.json(1, { status: 201, statusText: "Made" }).status,
          Response.json(1, { statusText: "Made" }).statusText],
        values: [await Response.json({ a: [1, null] }).json(), await Response.json("ü").text()],
        errors: [failure(() => Response.json(undefined)), failure(() => Response.json(1n)),
          failure(() => Response.json(1, { status: 204 })), failure(() => new Response("x", { status: 99 })),
          failure(() => Response.json(() => 1))],
      };
    }`);
  deepStrictEqual(await rig.payload(fn), {
    name: "Response",
    length: 0,
    json: ["json", 1],
    same: [true, true, true, "error"],
    sub: [true, true, "text"],
    called: "TypeError",
    body: ["text", false, "text", true],
    types: ["text/plain;charset=UTF-8", "application/json", "a/b", "b"],
    status: [201, "Made"],
    values: [{ a: [1, null] }, '"ü"'],
    errors: ["TypeError", "TypeError", "TypeError", "RangeError", "TypeError"],
  });
});

test("what is sent is what the response says, whoever read it before", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default async (request) => {
      const response = new Response("text of \\ud83d half a pair", { headers: { "x-a": "1" } });
      switch (request.headers.get("x-what")) {
        case "clone": return response.clone();
        case "read": await response.text(); return response;
        case "wrapped": return new Response(response.body, response);
        case "changed": response.headers.set("x-a", "2"); return response;
        case "json": return Response.json({ text: "ü" }, { status: 202 });
        case "long": return new Response("é".repeat(100_000));
        default: return response;
      }
    }`,
    { style: "web" },
  );
  const ask = (what: string, method = "GET") => rig.http(fn, { method, headers: ["x-what", what] });
  for (const what of ["plain", "clone", "wrapped", "changed"]) {
    const reply = await ask(what);
    const { headers } = reply;
    strictEqual(await textOf(reply), "text of \ufffd half a pair", what);
    strictEqual(headers[headers.indexOf("x-a") + 1], what === "changed" ? "2" : "1");
    strictEqual(headers[headers.indexOf("content-type") + 1], "text/plain;charset=UTF-8");
  }
  await rejects(ask("read"), ({ code, message }: { code: string; message: string }) => {
    strictEqual(code, "function_error");
    match(message, /TypeError: .*(?:locked|disturbed|used|consumed|read)/i);
    return true;
  });
  const json = await ask("json");
  deepStrictEqual([json.status, await textOf(json)], [202, '{"text":"ü"}']);
  strictEqual(await textOf(await ask("long")), "é".repeat(100_000));
  const head = await ask("plain", "HEAD");
  deepStrictEqual([head.status, head.body], [200, null]);
});

test("a call's Request is Deno's own, with the call's signal", async () => {
  await using rig = await startRig();
  const fn = version(
    `const failure = (make) => { try { return String(make()); } catch (error) { return error.name; } };
    export default async (request) => {
      const own = Object.getOwnPropertyNames(request);
      const copy = new Request(request.clone(), { headers: { "x-new": "1" } });
      return Response.json({
        own, is: [request instanceof Request, request.constructor === Request, String(request)],
        method: request.method, url: request.url, headers: [...request.headers],
        signal: [request.signal instanceof AbortSignal, request.signal === request.signal, request.signal.aborted],
        other: [new Request("http://x/").signal.aborted, failure(() => Request.prototype.signal)],
        copy: [copy.method, copy.headers.get("x-new"), copy.signal instanceof AbortSignal],
        body: await request.text(),
      });
    }`,
    { style: "web" },
  );
  const headers = ["x-b", "2", "Host", "localhost:8000", "x-a", "1", "x-b", "3"];
  const seen = async (method: string, body: string | null) =>
    JSON.parse(
      await textOf(
        await rig.http(fn, {
          ...{ method, headers },
          body: body === null ? null : new TextEncoder().encode(body),
        }),
      ),
    );
  const expected = {
    own: [],
    is: [true, true, "[object Request]"],
    url: "http://localhost:8000/hello?a=1",
    headers: [["host", "localhost:8000"], ["x-a", "1"], ["x-b", "2, 3"]],
    signal: [true, true, false],
    other: [false, "TypeError"],
  };
  for (const method of ["GET", "DELETE", "POST"]) {
    deepStrictEqual(await seen(method, null), {
      ...expected,
      method,
      copy: [method, "1", true],
      body: "",
    });
  }
  const { body, headers: sent, method } = await seen("PUT", "ü");
  deepStrictEqual([body, sent, method], ["ü", expected.headers, "PUT"]);
});
