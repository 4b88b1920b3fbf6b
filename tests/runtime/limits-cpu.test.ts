/** CPU_LIMIT and CPU_TIME, and what calls are charged: real processes, compared with the kernel's own count. */
import { deepStrictEqual, notStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { OrlaError } from "../../src/base/errors.ts";
import { createLimiter } from "../../src/runtime/create-limiter.ts";
import { startRig, test, version } from "./rig.ts";

const parameters = [{ name: "what", type: "text" }, { name: "ms", type: "integer" }];

/** `burn` counts wall time: pauses are part of it. */
const code = `
  const burn = (ms) => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };
  export const main = async (what, ms) => {
    switch (what) {
      case "pid": return Deno.pid;
      case "burn": console.log("burning"); await new Promise((resolve) => setTimeout(resolve, 0)); burn(ms); return "burnt";
      case "loop": console.log("looping"); await new Promise((resolve) => setTimeout(resolve, 0)); for (;;);
      case "slices":
        console.log("slicing");
        for (;;) { burn(2); await new Promise((resolve) => setTimeout(resolve, 0)); }
      case "sleep":
        console.log("sleeping");
        await new Promise((resolve) => setTimeout(resolve, ms));
        return "slept";
    }
  }`;

const neighbour = version(`let calls = 0; export const main = () => ++calls`, { functionId: "2" });

/** Calls the neighbour until `work` is done; it must answer each time, in one and the same instance. */
async function besideNeighbour(
  rig: { payload(fn: typeof neighbour): Promise<unknown> },
  work: () => Promise<void>,
): Promise<void> {
  const first = await rig.payload(neighbour) as number;
  let done = false;
  let calls = 0;
  const calling = (async () => {
    while (!done || calls < 10) strictEqual(await rig.payload(neighbour), first + ++calls);
  })();
  try {
    await work();
  } finally {
    done = true;
    await calling;
  }
}

test("CPU_LIMIT holds an endless loop to its percentage, and TIMEOUT still ends it", async () => {
  using limiter = createLimiter();
  await using rig = await startRig({ poolSize: 3 });
  const fn = version(code, { parameters, cpuLimitPercent: 30, timeoutMs: 3000 });
  const pid = await rig.payload(fn, ["pid"]) as number;
  await besideNeighbour(rig, async () => {
    const looping = rig.payload(fn, ["loop"]).then(() => "answered", ({ code }) => code);
    await rig.logged(({ message }) => message === "looping");
    const before = limiter.cpuMsOf(pid) ?? NaN;
    const from = performance.now();
    await rig.payload(version(code, { parameters, functionId: "3" }), ["sleep", 2000]);
    const share = ((limiter.cpuMsOf(pid) ?? NaN) - before) / (performance.now() - from);
    ok(share > 0.1 && share < 0.45, `${share}`);
    strictEqual(await looping, "timeout");
  });
  notStrictEqual(await rig.payload(fn, ["pid"]), pid);
});

test("CPU_LIMIT: work under it is finished, and nobody takes the pauses for a hang", async () => {
  await using rig = await startRig({ poolSize: 2 });
  const fn = version(code, { parameters, cpuLimitPercent: 20, timeoutMs: 30_000 });
  const pid = await rig.payload(fn, ["pid"]);
  const results = await Promise.all([
    rig.payload(fn, ["burn", 1500]),
    rig.payload(fn, ["sleep", 10]),
    ...[1, 2, 3].map(() => rig.payload(fn, ["pid"])),
  ]);
  deepStrictEqual(results.slice(0, 2), ["burnt", "slept"]);
  strictEqual(await rig.payload(fn, ["pid"]), pid);
  strictEqual(rig.finished.every(({ status }) => status === "succeeded"), true);
});

test("a call that merely waits under a small CPU_LIMIT times out, and its instance goes on", async () => {
  await using rig = await startRig();
  const fn = version(code, { parameters, cpuLimitPercent: 20, timeoutMs: 2000 });
  const pid = await rig.payload(fn, ["pid"]);
  await rejects(rig.payload(fn, ["sleep", 2500]), { code: "timeout" });
  strictEqual(await rig.payload(fn, ["pid"]), pid);
});

test("an instance made to pause can be stopped, and the runtime drains", async () => {
  await using rig = await startRig({ drainTimeoutMs: 200 });
  const fn = version(code, { parameters, cpuLimitPercent: 1 });
  const looping = rig.payload(fn, ["loop"]).catch(({ code }) => code);
  await rig.logged(({ message }) => message === "looping");
  await rig.runtime[Symbol.asyncDispose]();
  strictEqual(await looping, "unavailable");
  strictEqual(rig.pids.size, 0);
});

test("CPU_TIME ends a loop alone in its instance; the next call has a new one", async () => {
  await using rig = await startRig({ poolSize: 2 });
  const fn = version(code, { parameters, cpuTimeMs: 100 });
  const pid = await rig.payload(fn, ["pid"]) as number;
  await besideNeighbour(rig, async () => {
    for (const what of ["loop", "slices"]) {
      await rejects(rig.payload(fn, [what]), (error: OrlaError) => {
        deepStrictEqual([error.code, error.status, error.message], [
          ...["cpu_limit_exceeded", 500],
          "CPU time exceeded (0.1s)",
        ]);
        return true;
      });
    }
  });
  while (rig.pids.has(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  strictEqual(await rig.payload(fn, ["sleep", 1]), "slept");
  const record = rig.finished.find(({ errorCode }) => errorCode === "cpu_limit_exceeded");
  strictEqual(record?.status, "failed");
  ok(record.cpuMs !== null && record.cpuMs > 100, `${record.cpuMs}`);
});

test("CPU_TIME is no wall-clock time: a call that waits may wait", async () => {
  await using rig = await startRig();
  const fn = version(code, { parameters, cpuTimeMs: 60 });
  strictEqual(await rig.payload(fn, ["sleep", 700]), "slept");
});

test("CPU_TIME: calls beside the greedy one end before the instance does", async () => {
  await using rig = await startRig({ poolSize: 2 });
  const fn = version(code, { parameters, cpuTimeMs: 200 });
  const pid = await rig.payload(fn, ["pid"]) as number;
  const greedy = rig.payload(fn, ["slices"]).catch(({ code }) => code);
  await rig.logged(({ message }) => message === "slicing");
  // Shorter than the second that a condemned call may linger, and cheap.
  const late: Promise<unknown>[] = [];
  for (let i = 0; i < 12; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    late.push(rig.payload(fn, ["sleep", 100]));
  }
  strictEqual(await greedy, "cpu_limit_exceeded");
  deepStrictEqual(new Set(await Promise.all(late)), new Set(["slept"]));
  while (rig.pids.has(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  notStrictEqual(await rig.payload(fn, ["pid"]), pid);
});

test("CPU_TIME: calls that never began behind a loop run elsewhere", async () => {
  await using rig = await startRig({ poolSize: 2 });
  using limiter = createLimiter();
  const fn = version(code, { parameters, cpuTimeMs: 300 });
  const pid = await rig.payload(fn, ["pid"]) as number;
  const loop = rig.payload(fn, ["loop"]).catch(({ code }) => code);
  await rig.logged(({ message }) => message === "looping");
  const used = () => limiter.cpuMsOf(pid) ?? NaN;
  // Then it is in its loop, and reads nothing more.
  for (const before = used(); used() < before + 30;) await new Promise((go) => setTimeout(go, 5));
  const behind = [1, 2, 3].map(() => rig.payload(fn, ["sleep", 1]));
  deepStrictEqual(await Promise.all(behind), ["slept", "slept", "slept"]);
  strictEqual(await loop, "cpu_limit_exceeded");
});

test("each record says what its call used of the processor", async () => {
  using limiter = createLimiter();
  await using rig = await startRig();
  const fn = version(code, { parameters });
  const pid = await rig.payload(fn, ["pid"]) as number;
  const used = () => limiter.cpuMsOf(pid) ?? NaN;
  const chargedTo = (id: string) =>
    rig.finished.find(({ executionId }) => executionId === id)?.cpuMs ?? NaN;
  for (const what of ["burn", "sleep"]) {
    const before = used();
    await rig.payload(fn, [what, 200], { executionId: what });
    const all = used() - before;
    // What the process does between two calls is little.
    ok(
      chargedTo(what) <= all + 0.01 && chargedTo(what) > all - 5,
      `${what}: ${chargedTo(what)} of ${all}`,
    );
  }
  const before = used();
  const both = ["both", "too"];
  await Promise.all(both.map((executionId) => rig.payload(fn, ["burn", 100], { executionId })));
  const all = used() - before;
  const charged = chargedTo("both") + chargedTo("too");
  ok(charged <= all + 1 && charged > all - 5, `${charged} of ${all}`);
});
