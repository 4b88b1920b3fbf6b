import assert from "node:assert/strict";
import { validate, version } from "uuid";
import { uuidV7 } from "./uuid.ts";

Deno.test("an id is a version 7 UUID with the time in front", () => {
  const id = uuidV7(0x0123_4567_89ab);
  assert.ok(validate(id));
  assert.equal(version(id), 7);
  assert.equal(id.slice(0, 15), "01234567-89ab-7");
});

Deno.test("ids of one millisecond differ, and ids of later milliseconds sort later", () => {
  const now = Date.now();
  const same = new Set(Array.from({ length: 10_000 }, () => uuidV7(now)));
  assert.equal(same.size, 10_000);
  assert.ok(uuidV7(now + 1) > [...same].sort().at(-1)!);
});
