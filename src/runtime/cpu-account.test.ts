import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { CpuAccount } from "./cpu-account.ts";

Deno.test("a call alone is charged all, and only what was used while it was open", () => {
  let used = 100;
  const account = new CpuAccount(() => used, 0);
  used += 50; // before anybody came
  account.change(1, 10);
  const from = account.shared;
  used += 7;
  account.change(0, 20);
  equal(account.shared - from, 7);
  used += 1000; // after it left
  account.change(1, 30);
  equal(account.shared - from, 7);
});

Deno.test("what is used together is shared equally", () => {
  let used = 0;
  const account = new CpuAccount(() => used, 0);
  account.change(1, 0);
  const first = account.shared;
  used += 10;
  account.change(2, 10);
  const second = account.shared;
  used += 10;
  account.change(1, 20);
  equal(account.shared - second, 5);
  used += 4;
  account.change(0, 24);
  equal(account.shared - first, 10 + 5 + 4);
});

Deno.test("between two looks the last pace stands in, and the next look sets it right", () => {
  let used = 0;
  let looks = 0;
  const account = new CpuAccount(() => (looks++, used), 0);
  account.change(1, 0);
  used = 1;
  account.change(2, 2); // half a processor
  equal(account.shared, 1);
  const before = looks;
  used = 1.4;
  account.change(1, 2.4); // too soon to look
  equal(looks, before);
  equal(account.shared.toFixed(6), "1.100000"); // 0.4 ms at half a processor for two
  used = 1.2;
  account.change(0, 2.8);
  // 0.2 in 0.8 ms, of which one half was shared by two.
  equal(account.shared.toFixed(6), (1 + 0.1 / 2 + 0.1).toFixed(6));
});

Deno.test("where nobody counts nothing is known", () => {
  const account = new CpuAccount(() => null, 0);
  account.change(1, 0);
  equal(account.known, false);
});

Deno.test("all charges together are what was used while anybody was there", () => {
  const step = fc.record({
    waitMs: fc.double({ min: 0.01, max: 20, noNaN: true }),
    pace: fc.double({ min: 0, max: 4, noNaN: true }),
    come: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    let [now, used, usedInCompany, charged] = [0, 0, 0, 0];
    const account = new CpuAccount(() => used, now);
    const open: number[] = [];
    for (
      const { waitMs, pace, come } of [...steps, ...steps.map((each) => ({ ...each, come: false }))]
    ) {
      now += waitMs;
      used += waitMs * pace;
      if (open.length > 0) usedInCompany += waitMs * pace;
      if (!come && open.length === 0) continue;
      account.look(now);
      account.change(open.length + (come ? 1 : -1), now);
      if (come) open.push(account.shared);
      else charged += account.shared - (open.shift() ?? 0);
    }
    for (const from of open) charged += account.shared - from;
    account.look(now);
    ok(open.length > 0 || Math.abs(charged - usedInCompany) < 1e-6, `${charged} ${usedInCompany}`);
  }));
});
