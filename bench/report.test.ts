import assert from "node:assert/strict";
import { formatFigure, type Goal, isMet, printGoals, printTable } from "./report.ts";

const goal: Goal = { what: "cold p99", limit: 5, better: "lower", unit: "ms", measured: 4.999 };

Deno.test("a goal is met below its limit, or from it upwards", () => {
  assert.equal(isMet(goal), true);
  assert.equal(isMet({ ...goal, measured: 5 }), false);
  assert.equal(isMet({ ...goal, better: "higher", measured: 5 }), true);
  assert.equal(isMet({ ...goal, better: "higher", measured: 4.9 }), false);
});

Deno.test("figures keep three digits", () => {
  assert.deepEqual(
    [0.01234, 1.5, 99.96, 34567.8, null].map(formatFigure),
    ["0.0123", "1.5", "100", "34,568", "–"],
  );
});

Deno.test("a table is Markdown with aligned columns", () => {
  const table = {
    title: "warm",
    columns: ["p50 ms"],
    lines: [{ contender: "orla", figures: [0.5] }, { contender: "x", figures: [null] }],
    notes: ["Noisy."],
  };
  assert.equal(
    printTable(table),
    "### warm\n\n|      | p50 ms |\n| ---- | -----: |\n| orla |    0.5 |\n| x    |      – |\n\nNoisy.\n",
  );
});

Deno.test("a missed goal stands out", () => {
  assert.match(
    printGoals([{ ...goal, measured: 7 }]),
    /cold p99 \| +< 5 ms \| +7 ms \| \*\*no\*\*/,
  );
});
