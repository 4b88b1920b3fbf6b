/** Components: functions of a world, programs, and wasi:http handlers. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { httpCall, startRig, test, textOf } from "../runtime/rig.ts";
import { fixture, parametersOf, wasmVersion } from "./wasm-rig.ts";

test("a world's functions", async () => {
  await using rig = await startRig();
  const code = fixture("component-greeter");
  const call = async (name: string, parameters: string, returns: string, args: unknown[]) => {
    const fn = await wasmVersion(code, { name, parameters: parametersOf(parameters), returns });
    return await rig.payload(fn, args, { shape: "arguments" });
  };
  strictEqual(await call("greet", "name text", "text", ["Žofie"]), "Hello, Žofie");
  strictEqual(await call("add", "a integer, b bigint", "bigint", [2, 40]), 42);
  const older = (who: unknown, years: unknown) =>
    call("older", "who jsonb, years smallint", "jsonb", [who, years]);
  deepStrictEqual(await older({ firstName: "Ada", born: 1815 }, 15), {
    ...{ firstName: "Ada", born: 1800 },
  });
  deepStrictEqual(await older({ firstName: "Ada" }, 1), { firstName: "Ada" });
  strictEqual(await call("check", "text text", "integer", ["four"]), 4);
  await rejects(call("check", "text text", "integer", [""]), /^OrlaError: there is no text$/);
  await rejects(older({ firstName: "Ada" }, -1), /argument 2 must be from 0 to 65535, as u16 is/);
  await rejects(older("no person", 1), /function_error|TypeError/);
});

test("a program of wasi:cli/run", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(fixture("component-command"), {
    ...{ name: "count", env: { GREETING: "hi" } },
  });
  const expected = { program: "count", bytes: 7, greeting: "hi" };
  deepStrictEqual(await rig.payload(fn, { a: 1 }), expected);
  deepStrictEqual(await rig.payload(fn, [1, 2, 3]), expected);
  await rejects(
    rig.payload(fn, "fail"),
    /ExitStatus: the program exited with status 1: reading\ncannot count that/,
  );
  await rig.logged(({ message, level }) => level === "error" && message === "cannot count that");
});

test("wasi:http/incoming-handler: whole requests and answers", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(fixture("component-http"));
  const url = (path: string) => `http://localhost:8000/functions/v1/hello${path}`;
  const reply = await rig.http(fn, { method: "GET", url: url("/a?b=1") });
  strictEqual(reply.status, 201);
  strictEqual(await textOf(reply), "/functions/v1/hello/a?b=1\n");
  const body = "x".repeat(200_000);
  const post = await rig.http(fn, {
    ...{ method: "POST", url: url("/"), body: new TextEncoder().encode(body) },
  });
  strictEqual(await textOf(post), `/functions/v1/hello/\n${body}`);
  await rig.logged(({ message, level }) => level === "error" && message === "asked");
  await rejects(rig.http(fn, { url: url("/trap") }), /RuntimeError: .*unreachable/);
  await rejects(rig.http(fn, { url: url("/silent") }), /without setting its response/);
  const texts = await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const reply = await rig.http(fn, { url: url(`/${index}`) });
    return await textOf(reply);
  }));
  deepStrictEqual(texts, texts.map((_, index) => `/functions/v1/hello/${index}\n`));
  strictEqual(httpCall().method, "GET");
});

test("wasi:http: requests to the outside go through fetch, waiting without holding others up", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(fixture("component-http"));
  const url = "http://localhost:8000/functions/v1/hello/fetch";
  const reply = await rig.http(fn, { url });
  // Loopback is out of reach: the request is made, and refused.
  strictEqual(await textOf(reply), "refused");
});

test("a component that does not go with the function is refused", async () => {
  const greeter = fixture("component-greeter");
  const refusal = async (code: string, input: Parameters<typeof wasmVersion>[1]) => {
    const error = await wasmVersion(code, input).then(() => null, (error: Error) => error);
    ok(error);
    return error;
  };
  match(
    (await refusal(greeter, { name: "other", parameters: parametersOf("a text") })).message,
    /exports no function other or main, and no wasi:http\/incoming-handler/,
  );
  match(
    (await refusal(greeter, { name: "greet", parameters: parametersOf("a text, b text") })).message,
    /has greet\(string\), which does not go with greet\(text, text\)/,
  );
  match(
    (await refusal(`(component (import "acme:secret/store@1.0.0" (instance)))`, {})).message,
    /imports what Orla does not provide: acme:secret\/store@1.0.0/,
  );
  match(
    (await refusal(greeter.slice(0, 400), { name: "greet" })).message,
    /the component of function greet cannot be used: /,
  );
});
