import assert from "node:assert/strict";
import fc from "fast-check";
import { mean, median, percentile } from "./stats.ts";

const sample = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 200 });

Deno.test("percentile takes the nearest rank, whatever the order", () => {
  const oneToHundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(percentile(oneToHundred, 50), 50);
  assert.equal(percentile(oneToHundred, 99), 99);
  assert.equal(percentile(oneToHundred, 100), 100);
  assert.equal(percentile([7], 1), 7);
  assert.equal(percentile([10, 9, 2], 50), 9); // by value, not as text
});

Deno.test("a percentile is a member that enough members do not exceed", () => {
  fc.assert(fc.property(sample, fc.integer({ min: 1, max: 100 }), (values, percent) => {
    const result = percentile(values, percent);
    const notAbove = values.filter((value) => value <= result).length;
    const below = values.filter((value) => value < result).length;
    assert.ok(values.includes(result));
    assert.ok(notAbove >= (percent / 100) * values.length);
    assert.ok(below < (percent / 100) * values.length);
  }));
});

Deno.test("median and mean", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(mean([1, 2, 6]), 3);
});

Deno.test("the sample is left as it was", () => {
  const values = [3, 1, 2];
  percentile(values, 50);
  median(values);
  assert.deepEqual(values, [3, 1, 2]);
});

Deno.test("nothing can be said of an empty sample", () => {
  assert.throws(() => percentile([], 50), RangeError);
  assert.throws(() => median([]), RangeError);
  assert.throws(() => mean([]), RangeError);
  assert.throws(() => percentile([1], 0), RangeError);
});
