import assert from "node:assert/strict";
import { serverTiming } from "./server-timing.ts";

Deno.test("durations are milliseconds with two decimals, cold only on cold starts", () => {
  assert.equal(serverTiming(1.234, { execMs: 0, coldMs: null }), "total;dur=1.23, exec;dur=0");
  assert.equal(
    serverTiming(123456.789, { execMs: 39.999, coldMs: 4.5 }),
    "total;dur=123456.79, exec;dur=40, cold;dur=4.5",
  );
  assert.equal(serverTiming(-0.001, { execMs: 0.005, coldMs: null }), "total;dur=0, exec;dur=0.01");
});
