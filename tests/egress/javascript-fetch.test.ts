/** `fetch` in real instances. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { httpCall, test, textOf, version } from "../runtime/rig.ts";
import { startFunctionRig } from "./function-rig.ts";
import { certificate, serveOn } from "./rig.ts";

async function describe(request: Request): Promise<Response> {
  const header = (name: string) => request.headers.get(name);
  return Response.json({
    method: request.method,
    url: request.url.replace(/:\d+/, ""),
    custom: header("x-custom"),
    type: header("content-type")?.replace(/boundary=.*/, "boundary") ?? null,
    length: header("content-length"),
    authorization: header("authorization"),
    proxy: header("proxy-authorization"),
    body: (await request.text()).replace(/-{4,}\w+/g, "--boundary"),
  }, { status: 201, headers: { "x-answer": "yes" } });
}

test("fetch: request and response are what they are without a proxy", async () => {
  await using server = serveOn("127.0.0.2", describe);
  await using rig = await startFunctionRig();
  rig.dns.answer("shop.test", ["127.0.0.2"]);
  const base = `http://shop.test:${server.port}`;
  const result = await rig.payload(
    version(`export const main = async (base) => {
      const first = await fetch(base + "/a?b=c#d", { headers: { "x-custom": "1" } });
      const about = [first.status, first.statusText, first.ok, first.url, first.redirected,
        first.type, first.headers.get("x-answer"), first.clone().url];
      const json = { method: "POST", body: JSON.stringify({ a: 1 }),
        headers: { "content-type": "application/json" } };
      const posted = await (await fetch(new URL(base), json)).json();
      const request = new Request(base + "/r", { method: "PUT", body: "text" });
      const put = await (await fetch(request)).json();
      const form = new FormData();
      form.set("field", "value");
      const sent = await (await fetch(base, { method: "POST", body: form })).json();
      const stream = new Blob(["streamed"]).stream();
      const streamed = await (await fetch(base, { method: "POST", body: stream })).json();
      const known = await (await fetch(base.replace("//", "//user:pa%20ss@"))).json();
      return { about, get: await first.json(), posted, put, sent, streamed, known,
        used: request.bodyUsed, name: fetch.name, length: fetch.length };
    }`),
    base,
  );
  const request = {
    method: "GET",
    url: "http://shop.test/",
    custom: null,
    type: null,
    length: null,
    authorization: null,
    proxy: null,
    body: "",
  };
  const text = { type: "text/plain;charset=UTF-8", length: "4", body: "text" };
  deepEqual(result, {
    about: [201, "Created", true, `${base}/a?b=c`, false, "basic", "yes", `${base}/a?b=c`],
    get: { ...request, url: "http://shop.test/a?b=c", custom: "1" },
    posted: { ...request, method: "POST", type: "application/json", length: "7", body: '{"a":1}' },
    put: { ...request, method: "PUT", url: "http://shop.test/r", ...text },
    sent: {
      ...{ ...request, method: "POST", type: "multipart/form-data; boundary", length: "127" },
      body:
        '--boundary\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n--boundary--',
    },
    streamed: { ...request, method: "POST", body: "streamed" },
    known: { ...request, authorization: `Basic ${btoa("user:pa ss")}` },
    ...{ used: true, name: "fetch", length: 1 },
  });
});

test("fetch: https, with certificates checked", async () => {
  await using server = serveOn("127.0.0.2", () => new Response("secret"), certificate);
  await using rig = await startFunctionRig();
  rig.dns.answer("shop.test", ["127.0.0.2"]);
  rig.dns.answer("other.test", ["127.0.0.2"]);
  const fetching = version(`export const main = async (url) => {
    try { return await (await fetch(url)).text(); }
    catch (error) { return error.name + ": " + error.message; }
  }`);
  equal(await rig.payload(fetching, `https://shop.test:${server.port}/`), "secret");
  match(
    String(await rig.payload(fetching, `https://other.test:${server.port}/x`)),
    /^TypeError: error sending request for url \(https:\/\/other\.test:\d+\/x\): TLS with other\.test failed: .*not valid for name/,
  );
});

test("fetch: redirects are followed as the standard says", async () => {
  const other = serveOn("127.0.0.3", describe);
  await using _other = other;
  await using server = serveOn("127.0.0.2", (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/loop") {
      return new Response(null, { status: 302, headers: { location: "/loop" } });
    }
    if (pathname !== "/to") return describe(request);
    const headers = { location: searchParams.get("url") ?? "" };
    return new Response("moved", { status: Number(searchParams.get("status")), headers });
  });
  await using rig = await startFunctionRig();
  const base = `http://127.0.0.2:${server.port}`;
  const elsewhere = `http://127.0.0.3:${other.port}/there`;
  const to = (status: number, url: string) =>
    `${base}/to?status=${status}&url=${encodeURIComponent(url)}`;
  const fetching = version(`export const main = async ([url, init]) => {
    if (init?.stream) init = { ...init, body: new Blob(["streamed"]).stream() };
    try {
      const response = await fetch(url, init);
      const { status, redirected } = response;
      const text = await response.text();
      return { status, redirected, url: response.url, ...text.startsWith("{") ? JSON.parse(text) : { text },
        at: response.url };
    } catch (error) { return error.name + ": " + error.message; }
  }`);
  const run = async (url: string, init?: object) =>
    await rig.payload(fetching, [url, init]) as Record<string, unknown>;
  const post = { method: "POST", body: "hi", headers: { authorization: "Bearer secret" } };

  const relative = await run(to(302, "/there"));
  equal(relative["at"], `${base}/there`);
  equal(relative["redirected"], true);
  const changed = await run(to(302, "/there"), post);
  deepEqual([changed["method"], changed["body"], changed["type"]], ["GET", "", null]);
  equal(changed["authorization"], "Bearer secret");
  const kept = await run(to(307, "/there"), post);
  deepEqual([kept["method"], kept["body"]], ["POST", "hi"]);
  const left = await run(to(308, elsewhere), post);
  deepEqual([left["method"], left["body"], left["authorization"]], ["POST", "hi", null]);
  equal(left["at"], elsewhere);
  const head = await run(to(303, "/there"), { method: "HEAD" });
  equal(head["status"], 201);
  const manual = await run(to(301, "/there"), { redirect: "manual" });
  deepEqual([manual["status"], manual["text"], manual["redirected"]], [301, "moved", false]);
  match(
    String(await run(to(301, "/there"), { redirect: "error" })),
    /^TypeError: .*it is a redirect/,
  );
  match(String(await run(`${base}/loop`)), /^TypeError: .*too many redirects/);
  match(String(await run(to(302, "file:///etc/passwd"))), /^TypeError: .*no URL of http or https/);
  match(
    String(await run(to(307, "/there"), { method: "POST", stream: true })),
    /^TypeError: .*a streamed body cannot be sent twice/,
  );
  match(
    String(await run(to(302, "http://127.0.0.1:1/"))),
    /^TypeError: fetch to http:\/\/127\.0\.0\.1:1\/ is not allowed: 127\.0\.0\.1 is a loopback address$/,
  );
});

test("fetch: streams both ways, and its signal ends the request at the host", async () => {
  const ended = Promise.withResolvers<void>();
  await using server = serveOn("127.0.0.2", (request) => {
    if (new URL(request.url).pathname === "/echo") return new Response(request.body);
    request.signal.addEventListener("abort", () => ended.resolve());
    return ended.promise.then(() => new Response());
  });
  await using rig = await startFunctionRig();
  const result = await rig.payload(
    version(`export const main = async (base) => {
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      const write = (text) => writer.write(new TextEncoder().encode(text));
      const sending = fetch(base + "/echo", { method: "POST", body: readable });
      await write("one");
      const reader = (await sending).body.pipeThrough(new TextDecoderStream()).getReader();
      const first = (await reader.read()).value;
      await write("two");
      const second = (await reader.read()).value;
      await writer.close();
      const aborted = await fetch(base + "/hang", { signal: AbortSignal.timeout(50) })
        .catch((error) => error.name);
      return [first, second, (await reader.read()).done, aborted];
    }`),
    `http://127.0.0.2:${server.port}`,
  );
  deepEqual(result, ["one", "two", true, "TimeoutError"]);
  await ended.promise;
});

test("fetch: requests carry the trace of their call", async () => {
  await using server = serveOn(
    "127.0.0.2",
    (request) => new Response(request.headers.get("traceparent")),
  );
  await using rig = await startFunctionRig();
  const inside = version(
    `export const main = async (url, own) =>
    (await fetch(url, own ? { headers: { traceparent: own } } : {})).text()`,
    {
      parameters: [{ name: "url", type: "text" }, { name: "own", type: "text" }],
    },
  );
  const url = `http://127.0.0.2:${server.port}/`;
  const executionId = crypto.randomUUID();
  const trace = await rig.payload(inside, [url, null], { executionId, shape: "arguments" });
  match(String(trace), new RegExp(`^00-${executionId.replaceAll("-", "")}-[0-9a-f]{16}-01$`));
  const own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  equal(await rig.payload(inside, [url, own], { shape: "arguments" }), own);
  const web = version(
    `export default { fetch: async () => new Response(await (await fetch(${
      JSON.stringify(url)
    })).text()) }`,
    { style: "web" },
  );
  const answer = await rig.runtime.invoke(web, httpCall({ headers: ["Traceparent", own] }));
  match(
    await textOf(answer),
    /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/,
  );
});

test("fetch: what is refused is said to the caller of fetch and in the function's log", async () => {
  await using rig = await startFunctionRig();
  rig.dns.answer("inside.test", ["10.1.2.3"]);
  const inside = version(`export const main = async (url) => {
    try { return await (await fetch(url)).text(); }
    catch (error) { return error.name + ": " + error.message; }
  }`);
  equal(
    await rig.payload(inside, "http://inside.test/"),
    "TypeError: fetch to http://inside.test/ is not allowed: 10.1.2.3 is a private address",
  );
  const { level } = await rig.logged(({ message }) =>
    message ===
      "A connection to inside.test, port 80, is not allowed: 10.1.2.3 is a private address"
  );
  equal(level, "warn");
  match(
    String(await rig.payload(inside, "http://nowhere.test/")),
    /^TypeError: error sending request for url \(http:\/\/nowhere\.test\/\): the name nowhere\.test has no address$/,
  );
  match(String(await rig.payload(inside, "nonsense")), /^TypeError: Invalid URL/);
  equal(await rig.payload(inside, "data:,hello"), "hello");
  match(String(await rig.payload(inside, "file:///etc/passwd")), /^(NotCapable|TypeError): /);
});

test("fetch: a client of the function's own is no way around", async () => {
  await using rig = await startFunctionRig();
  const attempts = await rig.payload(version(`export const main = async () => {
    const tries = {
      proxy: () => Deno.createHttpClient({ proxy: { url: "http://127.0.0.1:1/" } }),
      tcp: () => Deno.createHttpClient({ proxy: { transport: "tcp", hostname: "127.0.0.1", port: 1 } }),
      unix: () => Deno.createHttpClient({ proxy: { transport: "unix", path: "/run/docker.sock" } }),
      certificates: () => Deno.createHttpClient({ caCerts: [] }),
      plain: async () => (await fetch("http://127.0.0.1:1/", { client: Deno.createHttpClient({}) })).status,
    };
    const said = {};
    for (const [name, attempt] of Object.entries(tries)) {
      try { said[name] = await attempt(); }
      catch (error) { said[name] = error.message; }
    }
    return said;
  }`)) as Record<string, string>;
  for (const name of ["proxy", "tcp", "unix", "certificates"]) {
    match(attempts[name] ?? "", /is not available here/, name);
  }
  match(attempts["plain"] ?? "", /is not allowed: 127\.0\.0\.1 is a loopback address/);
});

test("fetch: many at once, each with its own answer", async () => {
  await using server = serveOn("127.0.0.2", (request) => new Response(new URL(request.url).search));
  await using rig = await startFunctionRig();
  const inside = version(`export const main = async ([base, count]) => {
    const numbers = Array.from({ length: count }, (_, index) => index);
    const answers = await Promise.all(numbers.map(async (number) =>
      (await fetch(base + "?" + number)).text()));
    return answers.every((answer, index) => answer === "?" + index);
  }`);
  equal(await rig.payload(inside, [`http://127.0.0.2:${server.port}/`, 200]), true);
  const [[, traffic] = []] = [...rig.egress.traffic()];
  ok((traffic?.requests ?? 0) >= 200);
});
