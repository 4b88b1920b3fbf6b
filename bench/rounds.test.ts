import assert from "node:assert/strict";
import { medians, takeTurns } from "./rounds.ts";

Deno.test("contenders alternate, and every other round goes backwards", async () => {
  const seen: string[] = [];
  const results = await takeTurns(3, ["a", "b"], (contender, round) => {
    seen.push(`${contender}${round}`);
    return Promise.resolve(seen.length);
  });
  assert.deepEqual(seen, ["a0", "b0", "b1", "a1", "a2", "b2"]);
  assert.deepEqual(results.get("a"), [1, 4, 5]);
  assert.deepEqual(results.get("b"), [2, 3, 6]);
});

Deno.test("medians are taken field by field", () => {
  assert.deepEqual(
    medians([{ p50: 1, rate: 9 }, { p50: 3, rate: 7 }, { p50: 2, rate: 8 }]),
    { p50: 2, rate: 8 },
  );
  assert.throws(() => medians([]), RangeError);
});
