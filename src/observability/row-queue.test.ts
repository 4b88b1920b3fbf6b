import assert from "node:assert/strict";
import { RowQueue } from "./row-queue.ts";

Deno.test("rows come out in order, in batches", () => {
  const queue = new RowQueue(1_000_000);
  for (let n = 0; n < 4_500; n++) assert.equal(queue.push(String(n)), 0);
  assert.equal(queue.rows, 4_500);
  const batches = [queue.take(), queue.take(), queue.take()];
  assert.deepEqual(batches.flat(), Array.from({ length: 4_500 }, (_, n) => String(n)));
  assert.ok(batches.every((batch) => batch.length > 0));
  assert.deepEqual([queue.rows, queue.take()], [0, []]);
});

Deno.test("over its bound it loses the oldest, and says how many", () => {
  const queue = new RowQueue(10_000);
  let dropped = 0;
  for (let n = 0; n < 5_000; n++) dropped += queue.push(String(n).padStart(4, "0"));
  assert.equal(dropped + queue.rows, 5_000);
  assert.ok(queue.rows <= 2_500 && queue.rows > 0);
  assert.equal(queue.take()[0], String(dropped).padStart(4, "0"));
});

Deno.test("large rows are cut into batches by length, so that a bound costs little", () => {
  const queue = new RowQueue(32 * 1024 * 1024);
  const row = "x".repeat(16 * 1024);
  let dropped = 0;
  for (let n = 0; n < 2_100; n++) dropped += queue.push(row);
  assert.ok(dropped > 0 && dropped < 200);
});
