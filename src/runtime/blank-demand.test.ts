import { deepEqual, equal } from "node:assert/strict";
import { BlankDemand } from "./blank-demand.ts";

function took(demand: BlankDemand, times: number, from: number, everyMs: number): void {
  for (let n = 0; n < times; n++) demand.took(from + n * everyMs);
}

Deno.test("without bursts it is the usual number", () => {
  const demand = new BlankDemand(4);
  equal(demand.target(0), 4);
  took(demand, 100, 0, 500);
  equal(demand.target(50_000), 4);
});

Deno.test("a burst is prepared for, less and less as time goes by", () => {
  const demand = new BlankDemand(4);
  took(demand, 20, 1000, 10);
  const minutes = [0, 1, 2, 3, 10];
  deepEqual(minutes.map((minute) => demand.target(1200 + minute * 60_000)), [20, 10, 5, 4, 4]);
  took(demand, 8, 200_000, 1);
  equal(demand.target(200_010), 8);
});

Deno.test("a smaller burst does not replace a larger one of late", () => {
  const demand = new BlankDemand(2);
  took(demand, 16, 0, 1);
  took(demand, 10, 30_000, 1);
  equal(demand.target(30_010), 16);
});

Deno.test("there is a most, and nothing is prepared where nothing is wanted", () => {
  const demand = new BlankDemand(4);
  took(demand, 500, 0, 1);
  equal(demand.target(500), 32);
  const none = new BlankDemand(0);
  took(none, 500, 0, 1);
  equal(none.target(500), 0);
});
