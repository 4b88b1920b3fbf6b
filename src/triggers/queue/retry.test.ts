import { deepEqual, equal } from "node:assert/strict";
import { retryDelay } from "./retry.ts";

Deno.test("the delay doubles up to the longest, and chance takes at most a quarter of it", () => {
  const options = { retryDelayMs: 1000, maxRetryDelayMs: 6000 };
  const delays = (random: number) =>
    [1, 2, 3, 4, 1000].map((attempt) => retryDelay(options, attempt, () => random));
  deepEqual(delays(0), [750, 1500, 3000, 4500, 4500]);
  deepEqual(delays(1), [1000, 2000, 4000, 6000, 6000]);
  equal(retryDelay({ retryDelayMs: 9000, maxRetryDelayMs: 10 }, 1, () => 1), 9000);
});
