import assert from "node:assert/strict";
import { mostAtOnce } from "./held.ts";

Deno.test("the most calls at once are counted by their starts", () => {
  assert.equal(mostAtOnce([], 10), 0);
  assert.equal(mostAtOnce([0, 20, 40], 10), 1);
  assert.equal(mostAtOnce([40, 0, 5, 9, 41, 30], 10), 3);
  assert.equal(mostAtOnce([0, 10, 11], 10), 2);
});
