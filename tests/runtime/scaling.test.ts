/** How many instances there are, who gets which call, and how versions change under load. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { movableClock } from "./movable-clock.ts";
import { type Rig, startRig, test, textOf, version } from "./rig.ts";

const sleeper = `
  let open = 0, most = 0;
  export const main = async (ms) => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, ms));
    open--;
    return { pid: Deno.pid, most };
  }`;

type Seen = { readonly pid: number; readonly most: number };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function assigned({ runtime }: Rig): number {
  const { starting, idle, busy, spare } = runtime.stats().instances;
  return starting + idle + busy + spare;
}

test("one instance runs CONCURRENCY calls at once, then others are started, then calls wait", async () => {
  await using rig = await startRig({ poolSize: 2 });
  const fn = version(sleeper, { concurrency: 4, maxInstances: 2 });
  const calls = Array.from({ length: 16 }, () => rig.payload(fn, 60) as Promise<Seen>);
  const seen = await Promise.all(calls);
  strictEqual(new Set(seen.map(({ pid }) => pid)).size, 2);
  strictEqual(Math.max(...seen.map(({ most }) => most)), 4);
  strictEqual(assigned(rig), 2);
});

test("the queue is bounded, and says when to come back", async () => {
  await using rig = await startRig({ queueLimit: 2 });
  const fn = version(sleeper, { concurrency: 1, maxInstances: 1 });
  const results = await Promise.allSettled(
    Array.from({ length: 5 }, () => rig.payload(fn, 100)),
  );
  const refused = results.filter((result) => result.status === "rejected");
  strictEqual(refused.length, 2);
  for (const { reason } of refused) {
    deepStrictEqual([reason.code, reason.status, reason.retryAfterSeconds], ["overloaded", 503, 1]);
  }
  strictEqual(rig.finished.filter(({ errorCode }) => errorCode === "overloaded").length, 2);
});

test("a call does not wait in the queue for ever", async () => {
  await using rig = await startRig({ queueTimeoutMs: 200 });
  const fn = version(sleeper, { concurrency: 1, maxInstances: 1 });
  const first = rig.payload(fn, 1000);
  await rejects(rig.payload(fn, 0), { code: "overloaded" });
  await first;
});

test("TIMEOUT counts from arrival, queueing included", async () => {
  await using rig = await startRig();
  const fn = version(sleeper, { concurrency: 1, maxInstances: 1, timeoutMs: 400 });
  const first = rig.payload(fn, 350);
  await rejects(rig.payload(fn, 300), { code: "timeout" });
  await first;
  await rejects(rig.payload(fn, 0, { arrivedAt: performance.now() - 500 }), { code: "timeout" });
});

test("idle instances end, down to MIN_INSTANCES", async () => {
  const clock = movableClock();
  await using rig = await startRig({ clock, idleTimeoutMs: 60_000, poolSize: 2 });
  const none = version(sleeper, { concurrency: 1 });
  const one = version(sleeper, { concurrency: 1, minInstances: 1 });
  await Promise.all([none, none, one, one].map((fn) => rig.payload(fn, 50)));
  strictEqual(assigned(rig), 4);
  clock.forward(59_000);
  strictEqual(assigned(rig), 4);
  clock.forward(2_000);
  await until(() => assigned(rig) === 1);
  await rig.payload(none, 0, { arrivedAt: clock.now() });
  strictEqual(assigned(rig), 2);
});

test("keepWarm starts MIN_INSTANCES ahead of any call, and retire ends them", async () => {
  await using rig = await startRig();
  const fn = version(sleeper, { minInstances: 2 });
  rig.runtime.keepWarm(fn);
  await until(() => rig.runtime.stats().instances.idle === 2);
  await rig.payload(fn, 0);
  strictEqual(rig.finished[0]?.coldStartTimeMs, null);
  rig.runtime.retire(fn.functionId);
  await until(() => assigned(rig) === 0 && rig.runtime.stats().instances.draining === 0);
});

test("at the node's limit the instance idle longest gives way", async () => {
  await using rig = await startRig({ maxTotalInstances: 2 });
  const [a, b, c] = [version(sleeper), version(sleeper), version(sleeper)] as const;
  const pidA = (await rig.payload(a, 0) as Seen).pid;
  const pidB = (await rig.payload(b, 0) as Seen).pid;
  await rig.payload(c, 0);
  strictEqual((await rig.payload(b, 0) as Seen).pid, pidB);
  strictEqual(rig.pids.has(pidA), false);
  strictEqual(assigned(rig), 2);
});

test("a cold start is told once, and measured", async () => {
  await using rig = await startRig();
  const fn = version(sleeper);
  await rig.payload(fn, 0);
  await rig.payload(fn, 0);
  const [cold, warm] = rig.finished;
  ok((cold?.coldStartTimeMs ?? 0) > 0);
  strictEqual(warm?.coldStartTimeMs, null);
  strictEqual(typeof warm?.memoryUsedMb, "number");
});

test("a hundred versions swapped under load, and not one call fails", async () => {
  await using rig = await startRig({ poolSize: 3 });
  const make = (n: number) =>
    version(
      `export const main = async () => { await new Promise((r) => setTimeout(r, ${
        n % 7
      })); return ${n}; }`,
      { concurrency: 8 },
    );
  let current = make(0);
  let [answered, swapping] = [0, true];
  const caller = async () => {
    while (swapping) {
      const { versionId } = current;
      const fn = current;
      const answer = await rig.payload(fn);
      strictEqual(fn.code.includes(`return ${answer};`), true, `${versionId} answered ${answer}`);
      answered++;
    }
  };
  const callers = Array.from({ length: 12 }, caller);
  for (let n = 1; n <= 100; n++) {
    current = make(n);
    rig.runtime.retire(current.functionId, current.versionId);
    const before = answered;
    await until(() => answered > before + 6);
  }
  swapping = false;
  await Promise.all(callers);
  deepStrictEqual(rig.finished.filter(({ status }) => status !== "succeeded"), []);
  await until(() => assigned(rig) <= 1 && rig.runtime.stats().instances.draining === 0);
});

test("a stream that is open when its version is replaced ends as it would have", async () => {
  await using rig = await startRig();
  const fn = version(
    `export default () => new Response(new ReadableStream({
      async start(controller) {
        for (let i = 0; i < 5; i++) {
          await new Promise((resolve) => setTimeout(resolve, 30));
          controller.enqueue(new TextEncoder().encode(String(i)));
        }
        controller.close();
      },
    }))`,
    { style: "web" },
  );
  const reply = await rig.http(fn);
  rig.runtime.retire(fn.functionId);
  strictEqual(await textOf(reply), "01234");
});

test("logs of concurrent calls are never mixed up", async () => {
  await using rig = await startRig();
  const fn = version(`
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    export const main = async (name) => {
      console.log(name, "start");
      await pause(Math.random() * 10);
      console.warn(name, "await");
      await new Promise((resolve) => setTimeout(() => { console.error(name, "callback"); resolve(); }, Math.random() * 10));
      queueMicrotask(() => console.debug(name, "microtask"));
      await Promise.all([1, 2].map(async (i) => { await pause(1); console.info(name, "parallel", i); }));
    }`);
  const names = Array.from({ length: 40 }, (_, at) => `call-${at}`);
  await Promise.all(names.map((name) => rig.payload(fn, name, { executionId: name })));
  strictEqual(rig.logs.length, 40 * 6);
  for (const { executionId, message } of rig.logs) strictEqual(message.split(" ")[0], executionId);
  deepStrictEqual(
    new Set(rig.logs.map(({ level }) => level)),
    new Set(["info", "warn", "error", "debug"]),
  );
});

test("a hundred thousand lines at once do not hurt; what is dropped is counted", async () => {
  await using rig = await startRig();
  const fn = version(
    `export const main = (n, size) => {
    const text = "x".repeat(size);
    for (let i = 0; i < n; i++) console.log(i, text);
    return "done";
  }`,
    {
      parameters: [{ name: "n", type: "integer" }, { name: "size", type: "integer" }],
      maxLogBytes: 1 << 30,
    },
  );
  const toldDropped = () =>
    rig.logs.filter(({ level }) => level === "warn")
      .map(({ message }) => Number(/^(\d+) log lines were dropped/.exec(message)?.[1]));
  const told = () => toldDropped().reduce((sum, lines) => sum + lines, 0);
  const kept = () => rig.logs.length - toldDropped().length;
  for (const [lines, size] of [[100_000, 10], [3_000, 60_000]] as const) {
    rig.logs.length = 0;
    strictEqual(await rig.payload(fn, [lines, size]), "done");
    // Told with the next line, whoever dropped them: the instance itself or the supervisor.
    let more = 0;
    while (kept() + told() < lines + more) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await rig.payload(fn, [1, 1]);
      more++;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    strictEqual(kept() + told(), lines + more);
    ok(told() > 0);
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  strictEqual(await rig.payload(fn, [1, 1e6]), "done");
  const long = await rig.logged(({ message }) => message.length > 65_000);
  match(long.message.slice(-40), /… \(1000002 characters\)$/);
});

test("disposing lets calls finish, refuses new ones, and kills what does not end", async () => {
  const rig = await startRig({ drainTimeoutMs: 300 });
  const fn = version(sleeper);
  await rig.payload(fn, 0);
  const finishes = rig.payload(fn, 100);
  const never = rig.payload(fn, 60_000).catch((error) => error);
  const disposed = rig[Symbol.asyncDispose]();
  await rejects(rig.payload(fn, 0), { code: "unavailable", status: 503 });
  strictEqual((await finishes as Seen).most, 2);
  const error: unknown = await never;
  match(String(error), /stopp/);
  await disposed;
});

test("disposing while blank processes still start leaves nothing", async () => {
  const rig = await startRig({ poolSize: 0 });
  const fn = version(sleeper);
  const call = rig.payload(fn, 0);
  const second = rig.runtime[Symbol.asyncDispose]();
  await call;
  await second;
  await rig[Symbol.asyncDispose]();
});

test("every call is recorded once at its start and once at its end", async () => {
  await using rig = await startRig();
  const fn = version(sleeper, { timeoutMs: 200 });
  await Promise.allSettled([
    rig.payload(fn, 1),
    rig.payload(fn, 1000),
    rig.payload(version(`throw 1; export const main = 1`)),
  ]);
  await until(() => rig.finished.length === 3);
  deepStrictEqual(
    rig.started.map(({ executionId }) => executionId).toSorted(),
    rig.finished.map(({ executionId }) => executionId).toSorted(),
  );
  deepStrictEqual(
    rig.finished.map(({ status, errorCode }) => `${status} ${errorCode}`).toSorted(),
    ["failed function_error", "succeeded null", "timeout timeout"],
  );
});
