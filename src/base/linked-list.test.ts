import assert from "node:assert/strict";
import fc from "fast-check";
import { type Link, LinkedList } from "./linked-list.ts";

Deno.test("a list behaves as an array from which values are taken anywhere", () => {
  fc.assert(fc.property(fc.array(fc.nat(20)), (steps) => {
    const list = new LinkedList<number>();
    let model: Link<number>[] = [];
    steps.forEach((step, i) => {
      const victim = model[step];
      if (victim === undefined) {
        model.push(list.add(i));
      } else {
        assert.equal(list.remove(victim), true);
        assert.equal(list.remove(victim), false);
        model = model.filter((link) => link !== victim);
      }
      assert.deepEqual([...list], model.map(({ value }) => value));
      assert.equal(list.size, model.length);
      assert.equal(list.first, model[0]);
    });
    list.clear();
    assert.deepEqual([...list], []);
  }));
});

Deno.test("a removed link holds on to no other", () => {
  const list = new LinkedList<number>();
  const links = [1, 2, 3].map((value) => list.add(value));
  list.remove(links[1]!);
  assert.equal(links[1]?.next, undefined);
  assert.equal(links[1]?.previous, undefined);
});

Deno.test("the current value may be removed while the list is walked", () => {
  const list = new LinkedList<number>();
  const links = [0, 1, 2].map((value) => list.add(value));
  const seen: number[] = [];
  for (const value of list) {
    seen.push(value);
    list.remove(links[value]!);
  }
  assert.deepEqual(seen, [0, 1, 2]);
});
