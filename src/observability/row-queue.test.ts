import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeRows, joinRows, type RowBytes, splitRows } from "./row-bytes.ts";
import { RowQueue } from "./row-queue.ts";

const linesOf = ({ count, bytes }: RowBytes): string[] => {
  const lines = new TextDecoder().decode(bytes).split("\n");
  assert.equal(lines.pop(), "");
  assert.equal(lines.length, count);
  return lines;
};

function drain(queue: RowQueue): string[] {
  const all: string[] = [];
  for (let rows = queue.take(); rows.count > 0; rows = queue.take()) all.push(...linesOf(rows));
  return all;
}

Deno.test("rows come out in order, in batches", () => {
  const queue = new RowQueue(1_000_000);
  for (let n = 0; n < 4_500; n++) assert.equal(queue.push(`${n}${"x".repeat(100)}\n`), 0);
  assert.equal(queue.rows, 4_500);
  const first = queue.take();
  assert.ok(first.count >= 2_000 && first.count < 2_200, `${first.count}`);
  assert.equal(queue.rows, 4_500 - first.count);
  const all = [...linesOf(first), ...drain(queue)];
  assert.deepEqual(all, Array.from({ length: 4_500 }, (_, n) => `${n}${"x".repeat(100)}`));
  assert.deepEqual([queue.rows, queue.take().count], [0, 0]);
});

Deno.test("whatever is pushed and taken, every row comes out once, whole and in order", () => {
  const row = fc.string({ unit: "binary", maxLength: 60 }).map((text) =>
    text.replaceAll("\n", "").toWellFormed()
  );
  const step = fc.oneof(
    fc.record({ row, times: fc.integer({ min: 1, max: 400 }) }),
    fc.constant(undefined),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const queue = new RowQueue(1 << 30);
    const pushed: string[] = [];
    const taken: string[] = [];
    for (const step of steps) {
      if (step === undefined) taken.push(...linesOf(queue.take()));
      for (let n = 0; n < (step?.times ?? 0); n++) {
        pushed.push(step!.row);
        queue.push(`${step!.row}\n`);
      }
      assert.equal(queue.rows, pushed.length - taken.length);
    }
    taken.push(...drain(queue));
    assert.deepEqual(taken, pushed);
  }));
});

Deno.test("over its bound it loses the oldest, and says how many", () => {
  const queue = new RowQueue(100_000);
  let dropped = 0;
  for (let n = 0; n < 50_000; n++) dropped += queue.push(`${String(n).padStart(5, "0")}\n`);
  assert.equal(dropped + queue.rows, 50_000);
  assert.ok(queue.rows <= 20_000 && queue.rows > 10_000, `${queue.rows}`);
  assert.equal(linesOf(queue.take())[0], String(dropped).padStart(5, "0"));
});

Deno.test("large rows are cut into batches by length, so that a bound costs little", () => {
  const queue = new RowQueue(32 * 1024 * 1024);
  const row = "x".repeat(16 * 1024) + "\n";
  let dropped = 0;
  for (let n = 0; n < 2_100; n++) dropped += queue.push(row);
  assert.ok(dropped > 0 && dropped < 200);
});

Deno.test("rows are joined, and split at any row", () => {
  const rows = encodeRows(["a\n", "ü\n", "\n", "😀\n"]);
  for (let at = 0; at <= 5; at++) {
    const [first, rest] = splitRows(rows, at);
    assert.deepEqual(linesOf(first), ["a", "ü", "", "😀"].slice(0, at));
    assert.deepEqual(linesOf(joinRows(first, rest)), ["a", "ü", "", "😀"]);
  }
});
