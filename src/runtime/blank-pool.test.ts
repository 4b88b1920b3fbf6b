/** Against starts that a test ends by hand; processes start for real in `tests/runtime`. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import { BlankPool, type Receiver } from "./blank-pool.ts";
import type { Clock } from "./clock.ts";
import type { Instance } from "./instance.ts";

interface Start {
  readonly paused: boolean;
  succeed(): Promise<void>;
  fail(): Promise<void>;
}

class Bench {
  now = 0;
  mayExceed = true;
  readonly starts: Start[] = [];
  readonly errors: OrlaError[] = [];
  readonly stopped: number[] = [];
  readonly pool: BlankPool;
  #timers: { at: number; run: () => void }[] = [];

  constructor(size: number) {
    const clock: Clock = {
      now: () => this.now,
      after: (ms, run) => {
        const timer = { at: this.now + ms, run };
        this.#timers.push(timer);
        return {
          cancel: () => void (this.#timers = this.#timers.filter((each) => each !== timer)),
        };
      },
    };
    this.pool = new BlankPool({
      size,
      clock,
      mayExceed: () => this.mayExceed,
      onError: (error) => this.errors.push(error),
      start: (onSpawn) => this.#start(onSpawn),
    });
  }

  /** Under way. */
  get open(): Start[] {
    return this.starts.filter((start) => !this.#over.has(start));
  }
  readonly #over = new Set<Start>();

  forward(ms: number): void {
    this.now += ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= this.now);
      if (due.length === 0) return;
      this.#timers = this.#timers.filter((timer) => !due.includes(timer));
      for (const { run } of due) run();
    }
  }

  #start(onSpawn: Parameters<ConstructorParameters<typeof BlankPool>[0]["start"]>[0]) {
    const number = this.starts.length;
    const { promise, resolve, reject } = Promise.withResolvers<Instance>();
    let paused = false;
    const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
    const start: Start = {
      get paused() {
        return paused;
      },
      succeed: () => {
        this.#over.add(start);
        const gone = Promise.withResolvers<void>();
        const instance = {
          number,
          state: "blank",
          gone: gone.promise,
          stop: () => (this.stopped.push(number), gone.resolve()),
        };
        // All that the pool looks at.
        resolve(instance as unknown as Instance);
        return settled();
      },
      fail: () => {
        this.#over.add(start);
        reject(new OrlaError("unavailable", `start ${number} failed`));
        return settled();
      },
    };
    this.starts.push(start);
    onSpawn({
      stop: () => void (paused = true),
      resume: () => void (paused = false),
      [Symbol.dispose]: () => {},
    });
    return promise;
  }

  async fill(): Promise<void> {
    for (let start = this.open[0]; start !== undefined; start = this.open[0]) await start.succeed();
  }
}

Deno.test("a pool fills two at a time, and refills the later the fuller it is", async () => {
  const bench = new Bench(4);
  equal(bench.open.length, 2);
  await bench.fill();
  equal(bench.pool.size, 4);
  ok(bench.pool.take());
  bench.forward(99);
  equal(bench.open.length, 0);
  bench.forward(1);
  equal(bench.open.length, 1);
  await bench.fill();
  for (let n = 0; n < 3; n++) ok(bench.pool.take());
  bench.forward(20);
  equal(bench.open.length, 1);
});

Deno.test("starts pause for a call that took an instance, and never stay paused", async () => {
  const bench = new Bench(2);
  await bench.fill();
  ok(bench.pool.take());
  bench.forward(100);
  const [start] = bench.open;
  ok(start);
  ok(bench.pool.take());
  equal(start.paused, true);
  bench.forward(12);
  equal(start.paused, false);
  // Paused in the moment in which it becomes ready.
  bench.pool.request("call", () => {});
  equal(start.paused, false);
  await bench.fill();
  bench.forward(1000);
  await bench.fill();
  ok(bench.pool.take());
  bench.forward(300);
  const [next] = bench.open;
  ok(next);
  ok(bench.pool.take());
  equal(next.paused, true);
  await next.succeed();
  equal(next.paused, false);
});

Deno.test("whoever waits is served first, whoever has time last", async () => {
  const bench = new Bench(1);
  await bench.fill();
  const served: string[] = [];
  const receiver = (name: string): Receiver => (taken) =>
    void served.push(taken instanceof OrlaError ? `${name}: ${taken.message}` : name);
  bench.pool.request("later", receiver("later"));
  equal(bench.open.length, 1);
  bench.pool.request("soon", receiver("soon"));
  bench.pool.request("call", receiver("call"));
  deepEqual(served, ["soon"]);
  await bench.fill();
  bench.forward(1000);
  await bench.fill();
  bench.forward(1000);
  await bench.fill();
  deepEqual(served, ["soon", "call", "later"]);
});

Deno.test("one failed start is nobody's trouble, three in a row are", async () => {
  const bench = new Bench(0);
  const told: string[] = [];
  const tell: Receiver = (taken) =>
    void told.push(taken instanceof OrlaError ? taken.message : "served");
  bench.pool.request("call", tell);
  await bench.open[0]?.fail();
  deepEqual(told, []);
  await bench.open[0]?.succeed();
  deepEqual(told, ["served"]);
  bench.pool.request("call", tell);
  for (let n = 0; n < 3; n++) await bench.open[0]?.fail();
  deepEqual(told, ["served", "start 4 failed"]);
  equal(bench.pool.failing, true);
  equal(bench.errors.length, 4);
  // It tries by itself, to learn when starts work again.
  bench.forward(1000);
  await bench.fill();
  equal(bench.pool.failing, false);
});

Deno.test("after a burst more are kept for a while, when nobody needs the processor, within the memory", async () => {
  const bench = new Bench(2);
  await bench.fill();
  for (let n = 0; n < 10; n++) bench.pool.request("call", () => {});
  await bench.fill();
  for (let n = 0; n < 30; n++) {
    bench.forward(300);
    await bench.fill();
  }
  equal(bench.pool.size, 10);
  bench.forward(60_000);
  bench.pool.upkeep();
  equal(bench.pool.size, 5);
  bench.mayExceed = false;
  bench.pool.upkeep();
  equal(bench.pool.size, 2);
  equal(bench.stopped.length, 8);
});
