/** Against a process and a clock made of numbers: real ones are in `tests/runtime/limits-cpu.test.ts`. */
import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import type { Clock } from "./clock.ts";
import { CpuGovernor } from "./cpu-governor.ts";

/** A process that uses `demand` processors whenever it is let, on a clock that can be moved. */
class Simulation {
  now = 0;
  used = 0;
  paused = false;
  disposed = false;
  looks = 0;
  demand: number;
  readonly governor: CpuGovernor;
  #next: { at: number; run: () => void } | undefined;

  constructor(share: number, demand: number) {
    this.demand = demand;
    const clock: Clock = {
      now: () => this.now,
      after: (ms, run) => {
        const timer = this.#next = { at: this.now + ms, run };
        return {
          cancel: () => {
            if (this.#next === timer) this.#next = undefined;
          },
        };
      },
    };
    this.governor = new CpuGovernor({
      share,
      clock,
      cpuMs: () => (this.looks++, this.used),
      hold: {
        stop: () => void (this.paused = true),
        resume: () => void (this.paused = false),
        [Symbol.dispose]: () => void (this.disposed = true),
      },
    });
  }

  get idle(): boolean {
    return this.#next === undefined;
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.#next;
      const until = Math.min(end, next?.at ?? end);
      if (!this.paused) this.used += (until - this.now) * this.demand;
      this.now = until;
      if (next === undefined || next.at > end) return;
      this.#next = undefined;
      next.run();
    }
  }
}

Deno.test("a greedy process gets its share, whatever the share and its threads", () => {
  const share = fc.integer({ min: 1, max: 400 }).map((percent) => percent / 100);
  const demand = fc.double({ min: 0.1, max: 8, noNaN: true });
  fc.assert(fc.property(share, demand, (share, demand) => {
    const simulation = new Simulation(share, demand);
    simulation.run(60_000);
    const wanted = Math.min(share, demand) * 60_000;
    // One look's worth too much at the end, one pause too much at most.
    ok(simulation.used <= wanted + 25 * demand + 100 * share, `${simulation.used} of ${wanted}`);
    ok(simulation.used >= wanted * 0.95 - 25 * demand - 25 * share, `${simulation.used}`);
  }));
});

Deno.test("a modest process is never paused, and an idle one hardly looked at", () => {
  const simulation = new Simulation(0.5, 0.4);
  simulation.run(10_000);
  equal(simulation.governor.pausedMs(simulation.now), 0);
  simulation.demand = 0;
  simulation.run(1_000);
  simulation.looks = 0;
  simulation.run(10_000);
  ok(simulation.looks <= 41, `${simulation.looks}`);
});

Deno.test("work after idleness is looked at soon", () => {
  const simulation = new Simulation(0.1, 0);
  simulation.run(5_000);
  simulation.demand = 1;
  simulation.governor.woken();
  simulation.run(20);
  equal(simulation.paused, true);
});

Deno.test("pauses are told, lifted, and paid for afterwards", () => {
  const simulation = new Simulation(0.1, 1);
  simulation.run(50);
  equal(simulation.paused, true);
  const { governor } = simulation;
  ok(governor.pausedMs(simulation.now) > 0);
  governor.lift();
  equal(simulation.paused, false);
  const before = simulation.used;
  simulation.run(250);
  equal(simulation.used - before, 250);
  governor.lower();
  simulation.run(30);
  equal(simulation.paused, true);
  simulation.run(1_700);
  equal(simulation.paused, true);
  simulation.run(10_000);
  ok(simulation.used < 0.1 * simulation.now + 25, `${simulation.used} of ${simulation.now}`);
});

Deno.test("disposed of while the process is paused, it lets go", () => {
  const simulation = new Simulation(0.1, 1);
  simulation.run(50);
  equal(simulation.paused, true);
  simulation.governor[Symbol.dispose]();
  simulation.governor[Symbol.dispose]();
  equal(simulation.paused, false);
  equal(simulation.disposed, true);
  equal(simulation.idle, true);
});
