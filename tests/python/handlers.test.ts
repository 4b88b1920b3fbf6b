import assert from "node:assert/strict";
import { Failure, PythonInstance } from "./python-instance.ts";

const json = ["content-type", "application/json"];

Deno.test("main gets the declared parameters, from SQL and over HTTP", async () => {
  await using instance = await PythonInstance.start({
    parameters: [{ name: "a", type: "integer" }, { name: "b", type: "text" }],
    returns: "text",
    code: `
def main(a, b="default"):
    return f"{a!r} {b!r}"
`,
  });
  assert.equal(await instance.text('[1, "x"]'), `"1 'x'"`);
  assert.equal(await instance.text("[null, null]"), '"None None"');
  const post = async (body: string) =>
    (await instance.http({ method: "POST", headers: json }, body)).body;
  assert.equal(await post('{"b": "y", "a": 2}'), `"2 'y'"`);
  assert.equal(await post('[3, "z"]'), `"3 'z'"`);
  assert.equal(await post("[4]"), '"4 None"');
  assert.equal(await post('{"c": 1}'), `"{'c': 1} None"`);
  const get = await instance.http({ url: "http://localhost/probe?a=5&b=q" });
  assert.equal(get.body, `"5 'q'"`);
  assert.equal(get.headers["content-type"], "application/json");
});

Deno.test("main without a signature gets the payload, or nothing if it wants nothing", async () => {
  await using one = await PythonInstance.start({ code: "def main(data): return {'got': data}" });
  assert.deepEqual(await one.payload({ a: [1, "é", null] }), { got: { a: [1, "é", null] } });
  assert.deepEqual(await one.payload([{ x: 1 }], "arguments"), { got: { x: 1 } });
  assert.deepEqual(await one.payload([], "arguments"), { got: null });
  assert.deepEqual(await one.payload([1, 2]), { got: [1, 2] });
  await using none = await PythonInstance.start({ code: "def main(): return 'ok'" });
  assert.equal(await none.payload({ a: 1 }), "ok");
  assert.equal((await none.http()).body, '"ok"');
  await using two = await PythonInstance.start({ code: "def main(a, b): return [b, a]" });
  assert.deepEqual(await two.payload([1, 2]), [2, 1]);
});

Deno.test("handler(payload, sdk) gets the payload from every caller", async () => {
  await using instance = await PythonInstance.start({
    style: "handler",
    env: { REGION: "eu" },
    code: `
import os
def handler(event, sdk):
    return [event, sdk.env, sdk.project_id, sdk.projectId, os.environ["REGION"]]
`,
  });
  const rest = [{ REGION: "eu" }, "default", "default", "eu"];
  assert.deepEqual(await instance.payload({ a: 1 }), [{ a: 1 }, ...rest]);
  const reply = await instance.http({ method: "POST", headers: json }, '{"b": 2}');
  assert.deepEqual(JSON.parse(reply.body), [{ b: 2 }, ...rest]);
});

Deno.test("handler names its declared parameters in the payload", async () => {
  await using instance = await PythonInstance.start({
    parameters: [{ name: "a", type: "integer" }, { name: "b", type: "text" }],
    code: "def handler(payload): return payload",
  });
  assert.deepEqual(await instance.payload([1, "x"], "arguments"), { a: 1, b: "x" });
});

const requestHandlers: Record<string, { code: string; mode?: string }> = {
  "handler(request)": { code: "def handler(request):" },
  "handler(req, client, service_client, utils)": {
    code: "def handler(req, client, service_client, utils):\n    request = req",
  },
  "async handler(request)": { code: "async def handler(request):" },
  "fetch(anything)": { code: "def fetch(r):\n    request = r" },
  "main(request)": { code: "def main(request):" },
  "HANDLER = 'request'": { code: "def main(it):\n    request = it", mode: "request" },
};

for (const [title, { code, mode }] of Object.entries(requestHandlers)) {
  Deno.test(`${title} gets the request from every caller`, async () => {
    await using instance = await PythonInstance.start({
      ...(mode === undefined ? {} : { mode }),
      code: `${code}
    if request.method == "DELETE": return None
    if request.method == "PUT": return {"plain": True}
    assert request.headers["content-type"] == request["headers"]["content-type"]
    return {
        "status": 201,
        "headers": {"x-a": "b", "Set-Cookie": ["a=1", "b=2"]},
        "body": {"json": request.json(), "text": request["body"], "params": request.params,
                 "role": request.user_role, "method": request.method},
    }
`,
    });
    const url = "http://localhost/functions/v1/probe?n=1&empty=";
    const body = '{"é":1}';
    const reply = await instance.http({ method: "POST", url, headers: json }, body);
    assert.equal(reply.status, 201);
    assert.equal(reply.headers["x-a"], "b");
    assert.equal(reply.headers["content-type"], "application/json");
    assert.deepEqual(JSON.parse(reply.body), {
      json: { é: 1 },
      text: body,
      params: { n: "1", empty: "" },
      role: "tester",
      method: "POST",
    });
    assert.equal((await instance.http({ method: "DELETE" })).status, 204);
    assert.equal((await instance.http({ method: "PUT" })).body, '{"plain":true}');
    assert.deepEqual(await instance.payload([7]), {
      json: [7],
      text: "[7]",
      params: {},
      role: "tester",
      method: "POST",
    });
  });
}

Deno.test("HANDLER = 'payload' gives a request handler the payload", async () => {
  await using instance = await PythonInstance.start({
    mode: "payload",
    code: "def handler(request): return request",
  });
  assert.deepEqual(await instance.payload({ a: 1 }), { a: 1 });
  const reply = await instance.http({ method: "POST", headers: json }, '{"b":1}');
  assert.equal(reply.body, '{"b":1}');
});

Deno.test("any style may return a Response", async () => {
  await using instance = await PythonInstance.start({
    code: `
def main(kind):
    if kind == "text": return Response("hello", status=202, headers={"x-y": "z"})
    if kind == "json": return Response.json({"a": 1}, status=203)
    if kind == "bytes": return Response(b"\\x00\\xff")
    if kind == "dict": return Response({"b": 2})
    if kind == "bad": return Response("nope", status=422)
    if kind == "worse": return Response.json({"error": "not today"}, status=500)
    return Response(status=304)
`,
  });
  const of = async (kind: string) =>
    await instance.http({ method: "POST", headers: json }, JSON.stringify(kind));
  const text = await of("text");
  assert.deepEqual([text.status, text.body, text.headers["x-y"]], [202, "hello", "z"]);
  assert.equal(text.headers["content-type"], "text/plain;charset=UTF-8");
  const made = await of("json");
  assert.deepEqual([made.status, made.body], [203, '{"a":1}']);
  assert.deepEqual([...(await of("bytes")).bytes], [0, 255]);
  assert.equal((await of("dict")).body, '{"b":2}');
  assert.equal((await of("none")).status, 304);
  assert.equal(await instance.payload("text"), "hello");
  assert.equal(await instance.payload("bytes"), "\\x00ff");
  assert.deepEqual(await instance.payload("json"), { a: 1 });
  await assert.rejects(instance.payload("bad"), {
    message: "FailedResponse: the function answered with status 422: nope",
  });
  await assert.rejects(instance.payload("worse"), {
    message: "FailedResponse: the function answered with status 500: not today",
  });
});

Deno.test("what is no response is refused by name", async () => {
  await using instance = await PythonInstance.start({
    code: `
def handler(request):
    return {"status": int(request.params.get("status", 200)),
            "headers": {"x": request.params.get("header", "")},
            "body": request.params.get("body")}
`,
  });
  const message = async (query: string) => {
    const failure: unknown = await instance.http({ url: `http://localhost/?${query}` })
      .catch((error) => error);
    assert(failure instanceof Failure);
    return failure.message;
  };
  assert.equal(await message("status=99"), "ValueError: a status is 200 to 599, not 99");
  assert.match(await message("header=a%0d%0ab"), /^ValueError: a response cannot have the header/);
  assert.match(await message("header=%E2%82%AC"), /^ValueError: a response cannot have the header/);
  assert.match(await message("status=204&body=x"), /status 204 has no body/);
});

Deno.test("HEAD has no body", async () => {
  await using instance = await PythonInstance.start({
    code: `
def handler(request):
    return {"status": 200, "body": "long"} if request.params else {"status": 200, "body": (c for c in "ab")}
`,
  });
  assert.equal((await instance.http({ method: "HEAD" })).body, "");
  assert.equal((await instance.http({ method: "HEAD", url: "http://localhost/?a=1" })).body, "");
});

const callables: Record<string, string> = {
  "a lambda": "main = lambda data: data * 2",
  "an object": "class C:\n    def __call__(self, data): return data * 2\nmain = C()",
  "a bound method": "class C:\n    def run(self, data): return data * 2\nmain = C().run",
  "a partial": "import functools, operator\nmain = functools.partial(operator.mul, 2)",
  "an async object": "class C:\n    async def __call__(self, data): return data * 2\nmain = C()",
  "a wrapped coroutine function":
    "import functools\ndef plain(f):\n    @functools.wraps(f)\n    def call(*a): return f(*a)\n    return call\n" +
    "@plain\nasync def main(data):\n    import asyncio\n    await asyncio.sleep(0.001)\n    return data * 2",
  "a lambda that returns a coroutine":
    "import asyncio\nasync def twice(d):\n    await asyncio.sleep(0)\n    return d * 2\nmain = lambda data: twice(data)",
};

for (const [title, code] of Object.entries(callables)) {
  Deno.test(`${title} can be the handler`, async () => {
    await using instance = await PythonInstance.start({ code });
    assert.equal(await instance.payload(21), 42);
  });
}

Deno.test("input that is no JSON is the caller's mistake", async () => {
  await using instance = await PythonInstance.start({ code: "def main(data): return data" });
  const post = (body: string, type = "application/json") =>
    instance.http({ method: "POST", headers: ["Content-Type", type] }, body);
  for (const bad of ["{", "NaN", "[".repeat(100_000), '{"a":1}x']) {
    const failure = await post(bad).catch((error) => error);
    assert(failure instanceof Failure);
    assert.equal(failure.error.code, "invalid_request");
  }
  assert.equal(
    (await post("a=1&b=x%20y", "application/x-www-form-urlencoded")).body,
    '{"a":"1","b":"x y"}',
  );
  assert.equal((await post("hello", "text/plain; charset=utf-8")).body, '"hello"');
});
