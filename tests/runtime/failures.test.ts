/** What happens when a function, an instance or its process fails. Failures are provoked for real. */
import {
  deepStrictEqual,
  match,
  notStrictEqual,
  ok,
  rejects,
  strictEqual,
} from "node:assert/strict";
import { OrlaError } from "../../src/base/errors.ts";
import { startRig, test, version } from "./rig.ts";

const many = `
  let state = 0;
  export const main = async (what, ms) => {
    switch (what) {
      case "pid": return Deno.pid;
      case "loop": console.log("looping"); await 0; for (;;);
      case "block": { console.log("blocking"); const end = Date.now() + ms; while (Date.now() < end); return "unblocked"; }
      case "sleep": await new Promise((resolve) => setTimeout(resolve, ms)); return "slept";
      case "hang": return await new Promise(() => {});
      case "exit": Deno.exit(ms ?? 0);
      case "heap": { const all = []; for (;;) all.push(new Array(1000).fill(Math.random())); }
      case "buffers": { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1)); }
      case "wasm": {
        const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
        for (;;) { memory.grow(160); new Uint8Array(memory.buffer).fill(1); }
      }
      case "count": return ++state;
    }
  }`;
const parameters = [{ name: "what", type: "text" }, { name: "ms", type: "integer" }];

test("an endless loop: 504 at the deadline, then its process is killed and replaced", async () => {
  await using rig = await startRig();
  const fn = version(many, { parameters, timeoutMs: 700 });
  const pid = await rig.payload(fn, ["pid"]) as number;
  const startedAt = performance.now();
  const looping = rig.payload(fn, ["loop"]).then(() => "answered", (error) => error);
  await rig.logged(({ message }) => message === "looping");
  const bystander = rig.payload(fn, ["sleep", 5000], { executionId: "bystander" });
  const error = await looping;
  const tookMs = performance.now() - startedAt;
  ok(error instanceof OrlaError);
  deepStrictEqual([error.code, error.status, error.message], [
    "timeout",
    504,
    "Execution timeout (0.7s)",
  ]);
  ok(tookMs >= 690 && tookMs < 1000, `${tookMs}`);
  await rejects(bystander, { code: "timeout" });
  notStrictEqual(await rig.payload(fn, ["pid"]), pid);
  while (rig.pids.has(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  strictEqual(rig.finished.find(({ status }) => status === "timeout")?.errorCode, "timeout");
});

test("a call that merely waits too long is cancelled, and its instance goes on", async () => {
  await using rig = await startRig();
  const fn = version(many, { parameters, timeoutMs: 300 });
  const pid = await rig.payload(fn, ["pid"]);
  await rejects(rig.payload(fn, ["sleep", 600]), { code: "timeout" });
  strictEqual(await rig.payload(fn, ["pid"]), pid);
});

test("an instance whose call never ends is replaced, once its others are through", async () => {
  await using rig = await startRig();
  const fn = version(many, { parameters, timeoutMs: 300 });
  const pid = await rig.payload(fn, ["pid"]) as number;
  await rejects(rig.payload(fn, ["hang"]), { code: "timeout" });
  while (rig.pids.has(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  notStrictEqual(await rig.payload(fn, ["pid"]), pid);
});

test("calls stuck behind a busy one move to another instance and run once", async () => {
  await using rig = await startRig();
  const fn = version(many, { parameters, timeoutMs: 20_000 });
  await rig.payload(fn, ["pid"]);
  const blocking = rig.payload(fn, ["block", 1500]);
  await rig.logged(({ message }) => message === "blocking");
  const startedAt = performance.now();
  const stuck = await Promise.all([1, 2, 3, 4, 5].map(() => rig.payload(fn, ["count"])));
  ok(performance.now() - startedAt < 1200, "they waited for the busy instance");
  strictEqual(new Set(stuck).size, 5, "each counted once in one instance");
  strictEqual(await blocking, "unblocked");
  // The busy instance has read the withdrawn calls by now, and must not have run them.
  const counts = await Promise.all([1, 2].map(() => rig.payload(fn, ["count"])));
  ok(counts.every((count) => [1, 2, 6, 7].includes(count as number)), `${counts}`);
});

test("a loop begun after the answer costs its instance its life, and the next call no more than a moment", async () => {
  await using rig = await startRig({ poolSize: 2 });
  const fn = version(
    `export const main = (what) => {
      if (what === "later") setTimeout(() => { for (;;); }, 0);
      return Deno.pid;
    }`,
    { maxInstances: 1 },
  );
  const pid = await rig.payload(fn, "later") as number;
  // One may be quicker than the timer.
  while (await rig.payload(fn) === pid) await new Promise((resolve) => setTimeout(resolve, 20));
  while (rig.pids.has(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
});

test("kill -9 under a call: 502 for it, and the next call works", async () => {
  await using rig = await startRig();
  const fn = version(many, { parameters });
  const pid = await rig.payload(fn, ["pid"]) as number;
  const sleeping = rig.payload(fn, ["sleep", 5000]);
  await rig.payload(fn, ["count"]);
  Deno.kill(pid, "SIGKILL");
  await rejects(sleeping, { code: "instance_crashed", status: 502, retryable: true });
  notStrictEqual(await rig.payload(fn, ["pid"]), pid);
});

test("kill -9 before calls began: they run elsewhere and nobody notices", async () => {
  await using rig = await startRig({ poolSize: 2 });
  const fn = version(many, { parameters });
  const pid = await rig.payload(fn, ["pid"]) as number;
  Deno.kill(pid, "SIGSTOP");
  const waiting = [1, 2, 3].map(() => rig.payload(fn, ["count"]));
  await new Promise((resolve) => setTimeout(resolve, 20));
  Deno.kill(pid, "SIGKILL");
  deepStrictEqual(await Promise.all(waiting), [1, 2, 3]);
});

test("a streamed request that was under way is not sent twice", async () => {
  await using rig = await startRig();
  const fn = version(`export default (request) => new Response(request.body)`, { style: "web" });
  await rig.http(fn);
  for (const pid of rig.pids) Deno.kill(pid, "SIGSTOP");
  const body = new ReadableStream<Uint8Array>({ pull: (c) => c.enqueue(new Uint8Array(10)) });
  const reply = rig.http(fn, { method: "POST", body });
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (const pid of rig.pids) Deno.kill(pid, "SIGKILL");
  await rejects(reply, { code: "instance_crashed" });
});

test("process.abort is the function's own doing, not a lack of memory", async () => {
  await using rig = await startRig();
  const fn = version(`export const main = () => process.abort()`);
  await rejects(rig.payload(fn), {
    code: "function_error",
    message: "The function ended its own process (exit code 134)",
  });
});

test("Deno.exit ends the instance and fails the call as the function's own doing", async () => {
  await using rig = await startRig();
  const fn = version(many, { parameters });
  await rejects(rig.payload(fn, ["exit", 3]), {
    code: "function_error",
    message: "The function ended its own process (exit code 3)",
  });
  const viaNode = version(
    `import process from "node:process"; export const main = () => process.exit(4)`,
  );
  await rejects(rig.payload(viaNode), { message: /exit code 4/ });
  strictEqual(await rig.payload(fn, ["count"]), 1);
});

test("memory: heap, buffers and WebAssembly each end at the limit", async () => {
  await using rig = await startRig();
  for (const what of ["heap", "buffers", "wasm"]) {
    const fn = version(many, { parameters, memoryMb: 64 });
    await rejects(rig.payload(fn, [what]), (error: OrlaError) => {
      deepStrictEqual([what, error.code, error.message], [
        what,
        "memory_limit_exceeded",
        "Memory limit exceeded (64MB)",
      ]);
      return true;
    });
    strictEqual(await rig.payload(fn, ["count"]) as number >= 1, true);
  }
});

test("the smallest MEMORY still runs a function, and churn within it is no offence", async () => {
  await using rig = await startRig();
  const small = version(`export const main = (x) => JSON.stringify({ x }).length`, {
    memoryMb: 16,
  });
  for (let i = 0; i < 50; i++) strictEqual(await rig.payload(small, "abc"), 11);
  const churn = version(
    `export const main = () => { let sum = 0; for (let i = 0; i < 3e6; i++) sum += [i, { i }].length; return sum; }`,
    { memoryMb: 32 },
  );
  strictEqual(await rig.payload(churn), 6e6);
});

test("a crash loop backs off, tells why, and ends with the first success", async () => {
  let now = 0;
  const clock = {
    now: () => performance.now() + now,
    after: (ms: number, run: () => void) => {
      const id = setTimeout(run, ms);
      return { cancel: () => clearTimeout(id) };
    },
  };
  await using rig = await startRig({ clock, poolSize: 2 });
  const fn = version(many, { parameters });
  for (let i = 0; i < 2; i++) {
    await rejects(rig.payload(fn, ["exit", 1]), { code: "function_error" });
  }
  const processes = rig.started.length;
  const before = performance.now();
  for (let i = 0; i < 20; i++) {
    await rejects(rig.payload(fn, ["count"]), { message: /exit code 1/ });
  }
  ok(performance.now() - before < 100, "refused without starting anything");
  strictEqual(rig.started.length, processes + 20);
  now += 60_000;
  strictEqual(await rig.payload(fn, ["count"]), 1);
  await rejects(rig.payload(fn, ["exit", 1]), { code: "function_error" });
  strictEqual(await rig.payload(fn, ["count"]), 1);
});

test("an import that fails is not hammered", async () => {
  await using rig = await startRig();
  const fn = version(`console.log("importing"); throw new Error("broken"); export const main = 1`);
  const calls = Array.from({ length: 50 }, () => rig.payload(fn).catch((error) => error.message));
  deepStrictEqual(new Set(await Promise.all(calls)), new Set(["broken"]));
  for (let i = 0; i < 50; i++) await rejects(rig.payload(fn), { message: "broken" });
  const imports = rig.logs.filter(({ message }) => message === "importing").length;
  ok(imports <= 4, `${imports} imports`);
});

test("unhandled rejections are logged under their call, which goes on", async () => {
  await using rig = await startRig();
  const fn = version(`export const main = async () => {
    Promise.reject(new Error("stray"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    return "fine";
  }`);
  strictEqual(await rig.payload(fn, null, { executionId: "mine" }), "fine");
  const entry = await rig.logged(({ level }) => level === "error");
  strictEqual(entry.executionId, "mine");
  match(entry.message, /^Unhandled rejection: Error: stray\n {4}at main \(hello\.js:2:\d+\)$/);
});
