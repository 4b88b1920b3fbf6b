/** How many instances are kept when nobody calls, and when they are replaced or given up. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { movableClock } from "./movable-clock.ts";
import { type Rig, startRig, test, version } from "./rig.ts";

const pid = `export const main = async (ms) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return Deno.pid;
}`;

const counts = ({ runtime }: Rig) => {
  const { starting, idle, busy, spare, draining } = runtime.stats().instances;
  return { starting, idle, busy, spare, draining };
};

const none = { starting: 0, idle: 0, busy: 0, spare: 0, draining: 0 };

async function settled(rig: Rig, expected: Partial<typeof none>): Promise<void> {
  const wanted = JSON.stringify({ ...none, ...expected });
  const deadline = performance.now() + 20_000;
  while (JSON.stringify(counts(rig)) !== wanted) {
    ok(performance.now() < deadline, `${JSON.stringify(counts(rig))} instead of ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("AUTO_SCALING off: MIN_INSTANCES serve, whatever the load; at least one", async () => {
  await using rig = await startRig({ poolSize: 2, idleTimeoutMs: 100 });
  const fixed = version(pid, { autoScaling: false, minInstances: 2, concurrency: 1 });
  rig.runtime.keepWarm(fixed);
  await settled(rig, { idle: 2 });
  const pids = await Promise.all(Array.from({ length: 12 }, () => rig.payload(fixed, 10)));
  strictEqual(new Set(pids).size, 2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await settled(rig, { idle: 2 });
  const one = version(pid, { autoScaling: false });
  rig.runtime.keepWarm(one);
  await settled(rig, { idle: 3 });
});

test("COLD_START_OPTIMIZATION keeps prepared instances beside those that serve", async () => {
  await using rig = await startRig({ poolSize: 1, idleTimeoutMs: 200 });
  const fn = version(pid, { coldStartOptimization: true, warmCacheSize: 2, concurrency: 1 });
  rig.runtime.keepWarm(fn);
  await settled(rig, { spare: 2 });
  const held = [rig.payload(fn, 400), rig.payload(fn, 400)];
  await settled(rig, { busy: 2, spare: 2 });
  await Promise.all(held);
  deepStrictEqual(rig.finished.map(({ coldStartTimeMs }) => coldStartTimeMs), [null, null]);
  // Once idle for long, what is not needed ends; the cache stays.
  await settled(rig, { spare: 2 });
  rig.runtime.retire(fn.functionId);
  await settled(rig, {});
});

test("the cache fills what MAX_INSTANCES leaves", async () => {
  await using rig = await startRig();
  const fn = version(pid, {
    ...{ coldStartOptimization: true, warmCacheSize: 100 },
    ...{ minInstances: 1, maxInstances: 3 },
  });
  rig.runtime.keepWarm(fn);
  await settled(rig, { idle: 1, spare: 2 });
});

test("what the options want is there again when it died", async () => {
  await using rig = await startRig();
  const fn = version(pid, { minInstances: 1 });
  rig.runtime.keepWarm(fn);
  const first = await rig.payload(fn, 0);
  Deno.kill(Number(first), "SIGKILL");
  await settled(rig, {});
  await settled(rig, { idle: 1 });
  ok(await rig.payload(fn, 0) !== first);
});

test("warm resolves when instances are ready, and tells why they are not", async () => {
  await using rig = await startRig();
  const fn = version(pid);
  await Promise.all([rig.runtime.warm(fn), rig.runtime.warm(fn)]);
  await settled(rig, { idle: 1 });
  await rig.payload(fn, 0);
  strictEqual(rig.finished[0]?.coldStartTimeMs, null);
  await rig.runtime.warm(version(pid, { minInstances: 2 }));
  await settled(rig, { idle: 3 });
  const broken = version(`throw new Error("no luck"); export const main = () => 1`);
  await rejects(rig.runtime.warm(broken), { code: "function_error", message: /no luck/ });
});

test("an instance of some age is replaced before it ends, and no call notices", async () => {
  const clock = movableClock();
  await using rig = await startRig({ clock, maxAgeMs: 1_000_000, poolSize: 2 });
  const fn = version(pid, { minInstances: 2, timeoutMs: 10_000_000 });
  rig.runtime.keepWarm(fn);
  await settled(rig, { idle: 2 });
  const call = (ms: number) => rig.payload(fn, ms, { arrivedAt: clock.now() });
  const before = new Set(await Promise.all([call(30), call(30)]));
  strictEqual(before.size, 2);
  let calling = true;
  const seen = new Set<unknown>();
  const caller = async () => {
    while (calling) seen.add(await call(5));
  };
  const callers = [caller(), caller()];
  clock.forward(1_100_001);
  const deadline = performance.now() + 20_000;
  while ([...rig.pids].some((id) => before.has(id)) && performance.now() < deadline) {
    clock.forward(1000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  calling = false;
  await Promise.all(callers);
  deepStrictEqual([...rig.pids].filter((id) => before.has(id)), []);
  deepStrictEqual(rig.finished.filter(({ status }) => status !== "succeeded"), []);
  deepStrictEqual(rig.finished.filter(({ coldStartTimeMs }) => coldStartTimeMs !== null), []);
  ok(seen.size >= 2);
  await settled(rig, { idle: 2 });
});

test("an instance that keeps most of its memory is replaced", async () => {
  const clock = movableClock();
  await using rig = await startRig({ clock, poolSize: 2 });
  const fn = version(
    `const kept = [];
    export const main = (mb) => {
      for (let i = 0; i < mb; i++) kept.push(new Uint8Array(1 << 20).fill(1));
      return Deno.pid;
    }`,
    { minInstances: 1, memoryMb: 64, timeoutMs: 1_000_000 },
  );
  rig.runtime.keepWarm(fn);
  const call = (mb: number) => rig.payload(fn, mb, { arrivedAt: clock.now() });
  const large = await call(55);
  for (let second = 0; second < 15; second++) {
    clock.forward(1000);
    await call(0);
  }
  await settled(rig, { idle: 1 });
  ok(!rig.pids.has(Number(large)));
  deepStrictEqual(rig.finished.filter(({ status }) => status !== "succeeded"), []);
});

test("beyond the memory budget idle instances end, the longest idle first", async () => {
  const clock = movableClock();
  const MB = 1 << 20;
  await using rig = await startRig({ clock, poolSize: 0, memoryBudgetBytes: 120 * MB });
  const hoard = `
    const kept = [];
    export const main = (mb) => {
      for (let i = 0; i < mb; i++) kept.push(new Uint8Array(1 << 20).fill(1));
      return Deno.pid;
    }`;
  const call = async (mb: number) => {
    const fn = version(hoard, { timeoutMs: 1_000_000 });
    return [fn, Number(await rig.payload(fn, mb, { arrivedAt: clock.now() }))] as const;
  };
  const [, first] = await call(20);
  const [fn, second] = await call(20);
  await settled(rig, { idle: 2 });
  clock.forward(2000);
  await call(60);
  clock.forward(2000);
  await settled(rig, { idle: 2 });
  ok(!rig.pids.has(first));
  strictEqual(await rig.payload(fn, 0, { arrivedAt: clock.now() }), second);
  ok(rig.runtime.stats().memoryBytes <= 120 * MB);
});

test("a full budget with nothing idle refuses calls, and says which budget", async () => {
  await using rig = await startRig({
    ...{ poolSize: 0, memoryBudgetBytes: 20 << 20, queueTimeoutMs: 300 },
  });
  const held = rig.payload(version(pid), 1500);
  await settled(rig, { busy: 1 });
  await rejects(rig.payload(version(pid), 0), {
    code: "overloaded",
    message:
      "No room for another instance: those of this node may use 20MB of memory (ORLA_MEMORY_BUDGET), none is idle",
  });
  await held;
  // The first instance gives way now that it is idle.
  await rig.payload(version(pid), 0);
});

test("a crash loop is told: how often, why, and how long it waits", async () => {
  await using rig = await startRig();
  const fn = version(`throw new Error("no luck"); export const main = () => 1`);
  for (let i = 0; i < 4; i++) await rejects(rig.payload(fn, 0), /no luck/);
  const [report] = rig.runtime.report();
  ok((report?.failures ?? 0) >= 2);
  ok((report?.backsOffUntil ?? 0) > Date.now());
  ok(Date.now() - (report?.lastFailure?.at ?? 0) < 5000);
  strictEqual(report?.lastFailure?.error.code, "function_error");
});
