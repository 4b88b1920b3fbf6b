/** MAX_RESPONSE_SIZE, MAX_LOG_SIZE and what an instance may say to its supervisor. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { startRig, test, textOf, version } from "./rig.ts";

const MB = 1 << 20;

const web = (code: string, more = {}) => version(code, { style: "web", ...more });

test("a response past MAX_RESPONSE_SIZE is an error, however it is made; one of that size is not", async () => {
  await using rig = await startRig();
  const makers: Readonly<Record<string, string>> = {
    text: `new Response("x".repeat(size))`,
    bytes: `new Response(new Uint8Array(size))`,
    announced: `new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)); } }), {
      headers: { "content-length": String(size) } })`,
    json: `Response.json("x".repeat(size - 2))`,
  };
  for (const [how, expression] of Object.entries(makers)) {
    const code = `export default async (request) => {
      const size = Number(await request.text());
      return ${expression};
    }`;
    const fn = web(code, { maxResponseBytes: 200_000 });
    const ask = (size: number) =>
      rig.http(fn, { method: "POST", body: new TextEncoder().encode(String(size)) });
    if (how !== "announced") strictEqual((await textOf(await ask(200_000))).length, 200_000, how);
    const executionId = crypto.randomUUID();
    await rejects(
      rig.http(fn, { method: "POST", body: new TextEncoder().encode("200001"), executionId })
        .then(textOf),
      {
        code: "response_too_large",
        message: "The function's response is larger than MAX_RESPONSE_SIZE (200000B)",
      },
      how,
    );
    const record = await rig.ended((end) => end.executionId === executionId);
    deepStrictEqual([record.status, record.errorCode], ["failed", "response_too_large"]);
  }
});

test("a stream past MAX_RESPONSE_SIZE breaks off there, is recorded, and hurts no other call", async () => {
  await using rig = await startRig();
  const fn = web(
    `let cancelled = 0;
    export default async (request) => {
      if (request.method === "GET") return new Response(String(cancelled));
      if (request.method === "PUT") return new Response("whole".repeat(await request.json()));
      return new Response(new ReadableStream({
        async pull(controller) {
          controller.enqueue(new Uint8Array(1000));
          await new Promise((resolve) => setTimeout(resolve, 0));
        },
        cancel() { cancelled++; },
      }));
    }`,
    { maxResponseBytes: 50_000 },
  );
  const body = new TextEncoder().encode("1000");
  const beside = rig.http(fn, { method: "PUT", body });
  const reply = await rig.http(fn, { method: "POST", executionId: "endless" });
  strictEqual(reply.status, 200);
  let received = 0;
  await rejects(async () => {
    for await (const chunk of reply.body as ReadableStream<Uint8Array>) received += chunk.length;
  }, { code: "response_too_large" });
  ok(received <= 50_000 && received > 0, `${received}`);
  strictEqual((await textOf(await beside)).length, 5000);
  // The same instance, where the stream was cancelled.
  for (;;) if (await textOf(await rig.http(fn)) === "1") break;
  const record = rig.finished.find(({ executionId }) => executionId === "endless");
  deepStrictEqual([record?.status, record?.errorCode, record?.httpStatus], [
    ...["failed", "response_too_large"],
    200,
  ]);
  strictEqual(rig.pids.size, 2);
});

test("a result past MAX_RESPONSE_SIZE or 32MB is an error, and the instance lives on", async () => {
  await using rig = await startRig();
  const code = `let calls = 0;
    export const main = (size) => size === null ? ++calls : "x".repeat(size - 2)`;
  const small = version(code, { maxResponseBytes: 100 });
  strictEqual((await rig.payload(small, 100) as string).length, 98);
  await rejects(rig.payload(small, 101), {
    code: "response_too_large",
    message: "The function's result is larger than MAX_RESPONSE_SIZE (100B)",
  });
  await rejects(rig.payload(small, 300_000), { code: "response_too_large" });
  strictEqual(await rig.payload(small), 1);
  strictEqual(await rig.payload(small), 2);
  const large = version(code, { memoryMb: 256 });
  for (const size of [31 * MB, 32 * MB]) {
    strictEqual((await rig.payload(large, size) as string).length, size - 2);
  }
  await rejects(rig.payload(large, 32 * MB + 1), {
    code: "response_too_large",
    message: "The function's result is larger than 32MB",
  });
});

test("text of every kind comes back whole when it takes many frames", async () => {
  await using rig = await startRig();
  const fn = version(`export const main = ([text, times]) => text.repeat(times)`);
  for (const text of ["x", "é", "€", "😀", "a😀", "ab€😀é"]) {
    const result = await rig.payload(fn, [text, 50_000]);
    strictEqual(result, text.repeat(50_000), text);
  }
  const lone = await rig.payload(fn, ["\ud83d", 30_000]);
  strictEqual(lone, "\ud83d".repeat(30_000));
});

test("MAX_LOG_SIZE: what one call writes beyond is dropped, and told once, with the call", async () => {
  await using rig = await startRig();
  const code = `export const main = async (lines) => {
    for (let i = 0; i < lines; i++) console.log("x".repeat(99));
    await new Promise((resolve) => setTimeout(resolve, 10));
    return lines;
  }`;
  const fn = version(code, { maxLogBytes: 1000 });
  const [many, few] = ["many", "few"];
  deepStrictEqual(
    await Promise.all([
      rig.payload(fn, 50, { executionId: many }),
      rig.payload(fn, 10, { executionId: few }),
    ]),
    [50, 10],
  );
  const linesOf = (id: string) =>
    rig.logs.filter(({ executionId }) => executionId === id).map(({ message }) => message);
  strictEqual(linesOf(few).length, 10);
  deepStrictEqual(linesOf(many).slice(10), [
    "40 log lines were dropped: a call may write 1000B (MAX_LOG_SIZE)",
  ]);
  const records = Object.fromEntries(rig.finished.map((end) => [end.executionId, end]));
  deepStrictEqual([records[many]?.status, records[many]?.errorCode, records[many]?.errorMessage], [
    ...["succeeded", "log_limit_exceeded"],
    "40 log lines were dropped",
  ]);
  strictEqual(records[few]?.errorCode, null);
  const silent = version(code, { maxLogBytes: 0 });
  rig.logs.length = 0;
  strictEqual(await rig.payload(silent, 5), 5);
  deepStrictEqual(rig.logs, []);
});

test("lines after the answer, and prints, count too", async () => {
  await using rig = await startRig();
  const fn = version(
    `const line = new TextEncoder().encode("p".repeat(80) + "\\n");
    export const main = (what) => {
      if (what === "late") setTimeout(() => { for (let i = 0; i < 30; i++) console.log("late " + "x".repeat(94)); }, 5);
      if (what === "print") for (let i = 0; i < 60_000; i++) Deno.stdout.writeSync(line);
      return what;
    }`,
    { maxLogBytes: 1000 },
  );
  strictEqual(await rig.payload(fn, "late"), "late");
  await rig.logged(({ message }) => message.startsWith("late"));
  strictEqual(await rig.payload(fn, "print"), "print");
  while (!rig.logs.some(({ message }) => message.includes("lines or 2MB a second"))) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    await rig.payload(fn, "tick");
  }
  strictEqual(rig.logs.filter(({ message }) => message.startsWith("late")).length, 10);
  const printed = rig.logs.filter(({ message }) => message.startsWith("ppp")).length;
  ok(printed >= 20_000 && printed < 60_000, `${printed}`);
});

test("a flood of log lines leaves a neighbour its answers and its lines", async () => {
  await using rig = await startRig({ poolSize: 2 });
  const flood = version(
    `export const main = async () => {
      console.log("flooding");
      for (const end = Date.now() + 1500; Date.now() < end;) {
        for (let i = 0; i < 1000; i++) console.log("");
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    }`,
    { maxLogBytes: 1 << 30 },
  );
  const neighbour = version(
    `let calls = 0; export const main = () => { console.log("mine"); return ++calls; }`,
    { functionId: "2" },
  );
  await rig.payload(neighbour);
  const flooding = rig.payload(flood);
  await rig.logged(({ message }) => message === "flooding");
  for (let n = 2; n <= 101; n++) strictEqual(await rig.payload(neighbour), n);
  await flooding;
  strictEqual(rig.logs.filter(({ message }) => message === "mine").length, 101);
  ok(rig.logs.length < 60_000, `${rig.logs.length}`);
});

test("a head that no frame takes is the call's failure", async () => {
  await using rig = await startRig();
  const fn = web(`export default (request) => request.method === "GET"
    ? new Response("fine")
    : new Response(null, { headers: { "x-long": "y".repeat(2 ** 20) } })`);
  await rejects(rig.http(fn, { method: "POST" }), (error: { code: string; message: string }) => {
    strictEqual(error.code, "limit_exceeded");
    match(error.message, /^a frame of \d+ bytes is over the limit of 1048576$/);
    return true;
  });
  strictEqual(await textOf(await rig.http(fn)), "fine");
});
