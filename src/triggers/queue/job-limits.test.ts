import { deepEqual, equal } from "node:assert/strict";
import type { Trigger } from "../trigger.ts";
import { JobLimits } from "./job-limits.ts";

function queue(triggerId: string, options: Record<string, unknown>): Trigger {
  return {
    ...{ kind: "queue", triggerId, namespace: "default", name: `t${triggerId}`, functionId: "1" },
    ...{ spec: { queue: `q${triggerId}` }, enabled: true, owner: "o", secret: null, options },
  };
}

function startsAtOnce(limits: JobLimits, task: string): number {
  let started = 0;
  while (limits.enter(task)) started++;
  return started;
}

Deno.test("CONCURRENCY is shared out without a rest, however many nodes there are", () => {
  for (let nodes = 1; nodes <= 5; nodes++) {
    for (const concurrency of [1, 2, 3, 7, 10]) {
      const shares = Array.from({ length: nodes }, (_, index) => {
        const limits = new JobLimits();
        limits.update([queue("3", { concurrency })], { nodes, index });
        return startsAtOnce(limits, "queue/q3");
      });
      equal(shares.reduce((sum, share) => sum + share, 0), concurrency, `${shares}`);
      equal(Math.max(...shares) - Math.min(...shares) <= 1, true, `${shares}`);
    }
  }
});

Deno.test("what has one job at a time is not all on the same node", () => {
  const limits = new JobLimits();
  limits.update(["1", "2"].map((id) => queue(id, { concurrency: 1 })), { nodes: 2, index: 0 });
  equal(startsAtOnce(limits, "queue/q1") + startsAtOnce(limits, "queue/q2"), 1);
  deepEqual(limits.closed().sort(), ["queue/q1", "queue/q2"]);
});

Deno.test("RATE is shared out anew when a node comes", () => {
  const limits = new JobLimits();
  const triggers = [queue("1", { rate: "20/s", concurrency: 1000 })];
  limits.update(triggers, { nodes: 1, index: 0 });
  limits.update(triggers, { nodes: 2, index: 0 });
  equal(startsAtOnce(limits, "queue/q1"), 10);
});
