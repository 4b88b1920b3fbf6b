import assert from "node:assert/strict";
import { Refresh } from "./refresh.ts";

/** Looks that end when told to. */
function controlled() {
  const looks: PromiseWithResolvers<void>[] = [];
  const refresh = new Refresh(() => {
    const look = Promise.withResolvers<void>();
    looks.push(look);
    return look.promise;
  });
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  return { looks, refresh, turn };
}

Deno.test("who asks during a look shares the one after it", async () => {
  const { looks, refresh, turn } = controlled();
  const first = refresh.now();
  const second = refresh.now();
  const third = refresh.now();
  assert.equal(second, third);
  assert.equal(looks.length, 1);
  looks[0]?.resolve();
  await first;
  await turn();
  assert.equal(looks.length, 2);
  const fourth = refresh.now();
  assert.notEqual(fourth, third);
  looks[1]?.resolve();
  await second;
  await turn();
  assert.equal(looks.length, 3);
  looks[2]?.resolve();
  await fourth;
});

Deno.test("a look that fails fails those who asked for it, and not the next", async () => {
  const { looks, refresh, turn } = controlled();
  const first = refresh.now();
  const second = refresh.now();
  looks[0]?.reject(new Error("away"));
  await assert.rejects(first, /away/);
  await turn();
  looks[1]?.resolve();
  await second;
  await refresh.settled();
  assert.equal(looks.length, 2);
});
