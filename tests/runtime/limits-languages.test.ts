/** The same limits on every runtime: each breach has its code, and a neighbour never hears of it. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { OrlaError } from "../../src/base/errors.ts";
import type { FunctionOptions, FunctionVersion } from "../../src/functions/function.ts";
import { probeSandbox } from "../../src/runtime/confinement/probe-sandbox.ts";
import { parametersOf, wasmVersion } from "../wasm/wasm-rig.ts";
import { type Rig, startRig, test, version } from "./rig.ts";

const { level } =
  (await probeSandbox({ denoPath: Deno.execPath(), log: { warn: () => {} } })).python;

type Options = Partial<FunctionOptions>;

interface Runtime {
  readonly name: string;
  readonly fn: (options?: Options) => Promise<FunctionVersion>;
  readonly ask: (rig: Rig, fn: FunctionVersion, what: string) => Promise<unknown>;
}

const javascript = `
  const kept = [];
  const acts = {
    fine: () => 1,
    loop: () => { for (;;); },
    heap: () => { for (;;) kept.push(new Array(1000).fill(Math.random())); },
    buffers: () => { for (;;) kept.push(new Uint8Array(1 << 20).fill(1)); },
    buffer: () => new Uint8Array(2 ** 31).length,
    shared: () => { for (;;) kept.push(new Uint8Array(new SharedArrayBuffer(1 << 22)).fill(1)); },
    resized: () => new ArrayBuffer(1, { maxByteLength: 2 ** 32 }).resize(2 ** 31),
    memory: () => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
      for (;;) { memory.grow(160); new Uint8Array(memory.buffer).fill(1); }
    },
    string: () => { let text = "x".repeat(1 << 20); for (;;) { text += text; kept.push(JSON.stringify(text)); } },
    tooLongString: () => "x".repeat(2 ** 30).length,
    recursion: () => { const f = (n) => { kept.push(new Array(100).fill(n)); return f(n + 1) + 1; }; for (;;) try { f(0); } catch {} },
    large: () => "x".repeat(200_000),
    lines: () => { for (let i = 0; i < 100; i++) console.log("x".repeat(99)); return 1; },
  };
  export const main = (what) => acts[what]();`;

const python = `
import sys, threading
kept = []
def heap():
    while True:
        kept.append([float(len(kept))] * 1000)
def buffers():
    while True:
        kept.append(b"x" * (1 << 20))
def string():
    text = "x" * (1 << 20)
    while True:
        text += text
        kept.append(text)
def recursion():
    sys.setrecursionlimit(10 ** 9)
    def deeper(n):
        kept.append([n] * 1000)
        return deeper(n + 1)
    deeper(0)
def loop():
    while True:
        pass
def lines():
    for _ in range(100):
        print("x" * 99)
    return 1
def files():
    for number in range(1000):
        kept.append(open("file%d" % (number % 10), "w"))
def file():
    with open("large", "wb") as out:
        out.seek(1 << 40)
        out.write(b"x")
def threads():
    for _ in range(1000):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
acts = dict(fine=lambda: 1, buffer=lambda: len(bytearray(1 << 31)), large=lambda: "x" * 200000)
def main(what):
    return (acts.get(what) or globals()[what])()
`;

const wasm = `(module
  (memory 1)
  (func (export "main") (param $what i32) (result i32)
    (if (i32.eq (local.get $what) (i32.const 1)) (then (loop $forever (br $forever))))
    (if (i32.eq (local.get $what) (i32.const 2)) (then
      (loop $more
        (if (i32.eq (memory.grow (i32.const 160)) (i32.const -1)) (then (unreachable)))
        (memory.fill
          (i32.mul (i32.sub (memory.size) (i32.const 160)) (i32.const 65536))
          (i32.const 1)
          (i32.const 10485760))
        (br $more))))
    (i32.const 1)))`;

const payload: Runtime["ask"] = (rig, fn, what) => rig.payload(fn, what);

const runtimes: readonly Runtime[] = [
  {
    name: "javascript",
    fn: (options) => Promise.resolve(version(javascript, options)),
    ask: payload,
  },
  {
    name: "python",
    fn: (options) =>
      Promise.resolve({
        ...version(python, options),
        language: "python",
        versionId: crypto.randomUUID(),
      }),
    ask: payload,
  },
  {
    name: "wasm",
    fn: (options) =>
      wasmVersion(wasm, {
        ...options,
        parameters: parametersOf("what integer"),
        returns: "integer",
      }),
    ask: (rig, fn, what) =>
      rig.payload(fn, [["fine", "loop", "memory"].indexOf(what)], { shape: "arguments" }),
  },
];

const neighbour = version(`let calls = 0; export const main = () => ++calls`, { functionId: "2" });

interface Breach {
  readonly what: string;
  readonly code: string;
  readonly options?: Options;
  readonly message: RegExp;
  /** Where the idea applies. */
  readonly in: readonly string[];
}

const memory = { code: "memory_limit_exceeded", message: /^Memory limit exceeded \(64MB\)$/ };
const limit = { code: "limit_exceeded" };

const breaches: readonly Breach[] = [
  ...["heap", "buffers", "buffer", "string", "recursion"].map((what) => ({
    ...{ what, ...memory, in: ["javascript", "python"] },
  })),
  ...["shared", "resized", "tooLongString"].map((what) => ({
    ...{ what, ...memory, in: ["javascript"] },
  })),
  { what: "memory", ...memory, in: ["javascript", "wasm"] },
  {
    ...{ what: "loop", code: "timeout", options: { timeoutMs: 1000 } },
    ...{ message: /^Execution timeout \(1s\)$/, in: ["javascript", "python", "wasm"] },
  },
  {
    ...{ what: "loop", code: "cpu_limit_exceeded", options: { cpuTimeMs: 100 } },
    ...{ message: /^CPU time exceeded \(0\.1s\)$/, in: ["javascript", "python", "wasm"] },
  },
  {
    what: "large",
    code: "response_too_large",
    options: { maxResponseBytes: 100_000 },
    message: /^The function's result is larger than MAX_RESPONSE_SIZE \(100000B\)$/,
    in: ["javascript", "python"],
  },
  {
    what: "files",
    ...limit,
    message: /\(at most 256 files and sockets can be open\)$/,
    in: ["python"],
  },
  {
    what: "file",
    ...limit,
    message: /\(a file is larger than the function may make\)$/,
    in: ["python"],
  },
  { what: "threads", ...limit, message: /\(the function has too many threads\)$/, in: ["python"] },
];

for (const runtime of runtimes) {
  const runs = runtime.name !== "python" || level >= 1;
  const run = (name: string, what: () => Promise<void>) =>
    runs
      ? test(`${runtime.name}: ${name}`, what)
      : Deno.test.ignore(`${runtime.name}: ${name}`, what);
  const start = () =>
    startRig({ poolSize: 2, ...runtime.name === "python" ? { python: { poolSize: 2 } } : {} });

  for (const { what, code, options = {}, message, in: where } of breaches) {
    if (!where.includes(runtime.name)) continue;
    run(`${what} is ${code}, and hurts nobody else`, async () => {
      await using rig = await start();
      const fn = await runtime.fn({ memoryMb: 64, ...options });
      strictEqual(await runtime.ask(rig, fn, "fine"), 1);
      const first = await rig.payload(neighbour) as number;
      let over = false;
      let calls = 0;
      const calling = (async () => {
        while (!over || calls < 10) strictEqual(await rig.payload(neighbour), first + ++calls);
      })();
      try {
        await rejects(runtime.ask(rig, fn, what), (error: OrlaError) => {
          deepStrictEqual([error.code, message.test(error.message)], [code, true], error.message);
          return true;
        });
      } finally {
        over = true;
        await calling;
      }
      strictEqual(await runtime.ask(rig, fn, "fine"), 1);
      const codes = rig.finished.map(({ errorCode }) => errorCode).filter((each) => each !== null);
      deepStrictEqual(codes, [code]);
    });
  }

  if (runtime.name !== "wasm") {
    run("MAX_LOG_SIZE keeps the first lines and tells of the rest", async () => {
      await using rig = await start();
      const fn = await runtime.fn({ maxLogBytes: 1000 });
      strictEqual(await runtime.ask(rig, fn, "lines"), 1);
      const told = await rig.logged(({ level }) => level === "warn");
      const kept = rig.logs.length - 1;
      ok(kept >= 9 && kept <= 10, `${kept}`);
      strictEqual(
        told.message,
        `${100 - kept} log lines were dropped: a call may write 1000B (MAX_LOG_SIZE)`,
      );
      strictEqual(rig.finished[0]?.errorCode, "log_limit_exceeded");
    });
  }

  run("CPU_LIMIT slows a call down, which ends all the same", async () => {
    await using rig = await start();
    const fn = await runtime.fn({ cpuLimitPercent: 10, timeoutMs: 1500 });
    strictEqual(await runtime.ask(rig, fn, "fine"), 1);
    await rejects(runtime.ask(rig, fn, "loop"), { code: "timeout" });
    const used = rig.finished.find(({ status }) => status === "timeout")?.cpuMs ?? NaN;
    // A tenth of 1.5 s, and the moment in which it may show that it is alive.
    ok(used > 50 && used < 600, `${used}`);
  });
}

test("javascript: too many sockets are limit_exceeded, and hurt nobody else", async () => {
  await using rig = await startRig({ poolSize: 2 });
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of server) accepted.push(connection);
  })();
  const { port } = server.addr;
  const fn = version(
    `const all = [];
    export const main = async (port) => {
      while (all.length < port) all.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    }`,
    { allowNet: [`127.0.0.1:${port}`] },
  );
  strictEqual(await rig.payload(neighbour), 1);
  await rejects(rig.payload(fn, port), {
    code: "limit_exceeded",
    message: /^Too many open files .* \(at most 256 files and sockets can be open\)$/,
  });
  strictEqual(await rig.payload(neighbour), 2);
  await rig.runtime[Symbol.asyncDispose]();
  server.close();
  await accepting;
  for (const connection of accepted) connection.close();
});
