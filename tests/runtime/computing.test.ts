/** Calls that keep the processor: answered as they are done, spread over the processors, run once each. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { type Rig, startRig, test, version } from "./rig.ts";

/** Says when it begins, and computes for so many milliseconds of wall time. */
const burner = `
  export const main = ({ n, ms }) => {
    console.log("begins", n);
    const end = Date.now() + ms;
    while (Date.now() < end);
    return Deno.pid;
  }`;

interface Burst {
  /** Process ids, in the order of the answers. */
  readonly pids: readonly unknown[];
  /** Milliseconds from the burst to each answer. */
  readonly times: readonly number[];
}

async function burst(rig: Rig, fn: ReturnType<typeof version>, count: number, ms: number) {
  const began = performance.now();
  const pids: unknown[] = [];
  const times: number[] = [];
  const calls = Array.from({ length: count }, async (_, n) => {
    pids.push(await rig.payload(fn, { n, ms }));
    times.push(performance.now() - began);
  });
  await Promise.all(calls);
  return { pids, times } satisfies Burst;
}

async function begunOnceEach(rig: Rig, count: number): Promise<void> {
  const begins = () => rig.logs.filter(({ message }) => message.startsWith("begins "));
  await rig.logged(() => begins().length >= count);
  // A call that ran twice says so within the time another one takes.
  await rig.payload(version(`export const main = () => 1`));
  const names = begins().map(({ message }) => message);
  deepStrictEqual(names.toSorted(), [...new Set(names)].toSorted());
}

test("each computing call is answered when it is done, not when all are", async () => {
  await using rig = await startRig({ cores: 1 });
  const fn = version(burner);
  const { pids, times } = await burst(rig, fn, 6, 100);
  strictEqual(new Set(pids).size, 1);
  for (const [index, time] of times.slice(1).entries()) {
    ok(time - (times[index] ?? 0) > 50, `answers came after ${times} ms`);
  }
  await begunOnceEach(rig, 6);
});

test("computing calls take another processor, and calls already delivered move there", async () => {
  await using rig = await startRig({ poolSize: 2, cores: 2 });
  // Others may use the processors at this moment; then another instance would be of no use.
  for (let tries = 1;; tries++) {
    const { pids } = await burst(rig, version(burner), 10, 200);
    const instances = new Set(pids);
    if (instances.size === 1 && tries < 10) continue;
    strictEqual(instances.size, 2);
    const shares = [...instances].map((pid) => pids.filter((other) => other === pid).length);
    ok(Math.max(...shares) <= 8, `${shares} of 10 calls`);
    break;
  }
});

test("no more instances than processors for calls that compute", async () => {
  await using rig = await startRig({ poolSize: 2, cores: 1 });
  const { pids } = await burst(rig, version(burner), 20, 30);
  strictEqual(new Set(pids).size, 1);
});

test("calls behind one that hangs run elsewhere, each once and none is lost, however long it takes", async () => {
  await using rig = await startRig({ poolSize: 2, cores: 2 });
  const fn = version(burner, { timeoutMs: 30_000 });
  const { pids } = await burst(rig, fn, 10, 900);
  strictEqual(pids.length, 10);
  await begunOnceEach(rig, 10);
});

test("calls that wait stay together, however many there are", async () => {
  await using rig = await startRig({ poolSize: 2, cores: 2 });
  const fn = version(
    `export const main = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return Deno.pid;
    }`,
    { concurrency: 2000 },
  );
  const pids = await Promise.all(Array.from({ length: 1000 }, () => rig.payload(fn)));
  const instances = new Set(pids).size;
  // While they arrive, computing is all they do.
  ok(instances <= 2, `${instances} instances`);
});

test("short calls are not held up for each other", async () => {
  await using rig = await startRig();
  const fn = version(`export const main = (n) => n`);
  await rig.payload(fn, 0);
  const began = performance.now();
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(Array.from({ length: 64 }, (_, n) => rig.payload(fn, n)));
    deepStrictEqual(answers, Array.from({ length: 64 }, (_, n) => n));
  }
  const perCall = (performance.now() - began) / (20 * 64);
  ok(perCall < 1, `${perCall} ms a call`);
  strictEqual(rig.runtime.stats().instances.idle, 1);
});

test("a full node says which limit it is that is reached", async () => {
  await using rig = await startRig({ maxTotalInstances: 1, queueTimeoutMs: 200, cores: 1 });
  const held = rig.payload(version(burner), { n: 0, ms: 900 });
  await rejects(rig.payload(version(burner), { n: 1, ms: 1 }), {
    code: "overloaded",
    message: "No room for another instance: this node may run 1 (ORLA_MAX_INSTANCES), all busy",
  });
  await held;
});
