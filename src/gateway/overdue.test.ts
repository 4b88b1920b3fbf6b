import assert from "node:assert/strict";
import { Overdue } from "./overdue.ts";

Deno.test("tells of each overdue item once, oldest first, and not of deleted ones", async () => {
  const told: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  using overdue = new Overdue<string>(5, (item) => {
    told.push(item);
    if (item === "c") resolve();
  });
  const now = performance.now();
  overdue.add("a", now);
  const deleted = overdue.add("b", now);
  overdue.add("c", now + 10);
  overdue.remove(deleted);
  await promise;
  assert.deepEqual(told, ["a", "c"]);
  assert.ok(performance.now() - now >= 15);
});

Deno.test("works again after having been idle", async () => {
  let told = Promise.withResolvers<string>();
  using overdue = new Overdue<string>(1, (item) => told.resolve(item));
  overdue.add("a");
  assert.equal(await told.promise, "a");
  told = Promise.withResolvers();
  overdue.add("b");
  assert.equal(await told.promise, "b");
});
