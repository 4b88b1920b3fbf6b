/** One suite for every implementation of the key-value store. */
import assert from "node:assert/strict";
import { startTestServer } from "../../catalog/test-database.ts";
import type { KeyValueStore } from "./key-value-store.ts";
import { PostgresStore } from "./postgres-store.ts";
import { RedisStore } from "./redis-store.ts";
import { redisProgram, startTestRedis } from "./test-redis.ts";

type Step = (name: string, work: () => Promise<void>) => Promise<unknown>;

async function conform(store: KeyValueStore, step: Step): Promise<void> {
  await step("keeps what is set, by namespace", async () => {
    assert.equal(await store.get("n", "a"), null);
    await store.set("n", "a", '"1"', null);
    await store.set("other", "a", '"2"', null);
    await store.set("n", "a", '{"x":[1,null]}', null);
    assert.equal(await store.get("n", "a"), '{"x":[1,null]}');
    assert.equal(await store.get("other", "a"), '"2"');
  });

  await step("namespaces and keys with colons do not meet", async () => {
    await store.set("p", "q:r", "1", null);
    await store.set("p:q", "r", "2", null);
    assert.equal(await store.get("p", "q:r"), "1");
    assert.equal(await store.get("p:q", "r"), "2");
    assert.deepEqual(await store.list("p", "", "", 10), ["q:r"]);
  });

  await step("takes any text as key, and large values", async () => {
    const large = JSON.stringify("é".repeat(500_000));
    for (const key of ["é😀", " ", "a/b}c{", "'; DROP TABLE edge.kv; --", "k".repeat(512)]) {
      await store.set("keys", key, large, null);
      assert.equal(await store.get("keys", key), large);
      assert.equal(await store.delete("keys", key), true);
      assert.equal(await store.get("keys", key), null);
      assert.equal(await store.delete("keys", key), false);
    }
  });

  await step("what has expired is not there", async () => {
    await store.set("ttl", "soon", "1", 40);
    await store.set("ttl", "later", "1", 60_000);
    assert.equal(await store.get("ttl", "soon"), "1");
    await expired(store, "ttl", "soon");
    assert.equal(await store.delete("ttl", "soon"), false);
    assert.deepEqual(await store.list("ttl", "", "", 10), ["later"]);
    // Set again without, it stays.
    await store.set("ttl", "kept", "1", 30);
    await store.set("ttl", "kept", "2", null);
    await store.set("ttl", "clock", "1", 60);
    await expired(store, "ttl", "clock");
    assert.equal(await store.get("ttl", "kept"), "2");
  });

  await step("increments integers, and nothing else", async () => {
    assert.equal(await store.increment("i", "n", 5, null), 5);
    assert.equal(await store.increment("i", "n", -7, null), -2);
    assert.equal(await store.increment("i", "n", 2, null), 0);
    assert.equal(await store.get("i", "n"), "0");
    const max = Number.MAX_SAFE_INTEGER;
    assert.equal(await store.increment("i", "big", max - 1, null), max - 1);
    assert.equal(await store.increment("i", "big", 1, null), max);
    assert.equal(await store.increment("i", "big", 1, null), null);
    assert.equal(await store.get("i", "big"), String(max));
    for (const value of ['"1"', "1.5", "1e3", "null", "true", "[1]", "99999999999999999999"]) {
      await store.set("i", "x", value, null);
      assert.equal(await store.increment("i", "x", 1, null), null, value);
      assert.equal(await store.get("i", "x"), value);
    }
  });

  await step("increments begin anew after their time, and keep it meanwhile", async () => {
    assert.equal(await store.increment("i", "window", 1, 80), 1);
    assert.equal(await store.increment("i", "window", 1, 60_000), 2);
    await expired(store, "i", "window");
    assert.equal(await store.increment("i", "window", 1, 60_000), 1);
  });

  await step("a thousand increments at once are a thousand", async () => {
    await Promise.all(Array.from({ length: 1000 }, () => store.increment("i", "many", 1, null)));
    assert.equal(await store.get("i", "many"), "1000");
  });

  await step("compares and sets", async () => {
    const set = (expected: string | null, value: string, ttl: number | null = null) =>
      store.compareAndSet("c", "k", expected, value, ttl);
    assert.equal(await set('"a"', '"b"'), false);
    assert.equal(await set(null, '"a"'), true);
    assert.equal(await set(null, '"b"'), false);
    assert.equal(await set('"x"', '"b"'), false);
    assert.equal(await set('"a"', '"b"'), true);
    assert.equal(await set('"b"', '"c"', 40), true);
    await expired(store, "c", "k");
    assert.equal(await set('"c"', '"d"'), false);
    assert.equal(await set(null, '"d"'), true);
    assert.deepEqual(await store.list("c", "", "", 10), ["k"]);
  });

  await step("of many that compare at once one wins", async () => {
    const tries = Array.from(
      { length: 50 },
      (_, n) => store.compareAndSet("c", "one", null, `${n}`, null),
    );
    assert.equal((await Promise.all(tries)).filter(Boolean).length, 1);
  });

  await step("lists by bytes, by prefix, page by page", async () => {
    const keys = ["a", "a/1", "a/2", "a/é", "a/\u{ffff}", "a/😀", "a/\u{10ffff}", "b", "B"];
    for (const key of keys) await store.set("l", key, "1", null);
    const all = ["B", "a", "a/1", "a/2", "a/é", "a/\u{ffff}", "a/😀", "a/\u{10ffff}", "b"];
    assert.deepEqual(await store.list("l", "", "", 100), all);
    assert.deepEqual(await store.list("l", "a/", "", 100), all.slice(2, 8));
    assert.deepEqual(await store.list("l", "a/", "", 2), ["a/1", "a/2"]);
    assert.deepEqual(await store.list("l", "a/", "a/2", 2), ["a/é", "a/\u{ffff}"]);
    assert.deepEqual(await store.list("l", "a/", "B", 1), ["a/1"]);
    assert.deepEqual(await store.list("l", "a/", "b", 1), []);
    assert.deepEqual(await store.list("l", "none", "", 1), []);
    await store.delete("l", "a/1");
    assert.deepEqual(await store.list("l", "a/", "", 1), ["a/2"]);
  });
}

/** Awaits that the key's time is over; a store that never lets go fails by the test's own limit. */
async function expired(store: KeyValueStore, namespace: string, key: string): Promise<void> {
  const giveUp = performance.now() + 5_000;
  while (await store.get(namespace, key) !== null) {
    assert.ok(performance.now() < giveUp, `${key} does not expire`);
  }
}

Deno.test("the key-value store in Postgres", async (t) => {
  await using server = await startTestServer();
  await using db = await server.createDatabase();
  const failures: unknown[] = [];
  await using store = new PostgresStore({
    database: db.admin,
    onError: (error) => failures.push(error),
    sweepMs: 3_600_000,
  });
  await conform(store, (name, work) => t.step(name, work));
  await t.step("what has expired is removed in the end", async () => {
    await store.set("sweep", "x", "1", 1);
    await store.set("sweep", "y", "1", null);
    await expired(store, "sweep", "x");
    await store.sweep();
    const { rows } = await db.admin.query("SELECT key FROM edge.kv WHERE namespace = 'sweep'");
    assert.deepEqual(rows, [{ key: "y" }]);
  });
  assert.deepEqual(failures, []);
});

const program = redisProgram();

Deno.test({
  name: program === null
    ? "the key-value store in Redis: neither valkey-server nor redis-server is installed"
    : `the key-value store in ${program}`,
  ignore: program === null,
  fn: async (t) => {
    await using redis = await startTestRedis();
    const failures: unknown[] = [];
    await using store = await RedisStore.open({
      url: redis.url,
      onError: (error) => failures.push(error),
    });
    await conform(store, (name, work) => t.step(name, work));
    assert.deepEqual(failures, []);

    await t.step("fails clearly while the server is away, and comes back with it", async () => {
      await redis.kill();
      await assert.rejects(store.get("n", "a"), { code: "unavailable" });
      await redis.restart();
      const giveUp = performance.now() + 10_000;
      for (;;) {
        const answer = await store.set("n", "a", "1", null).then(() => true, () => false);
        if (answer) break;
        assert.ok(performance.now() < giveUp, "it does not come back");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.equal(await store.get("n", "a"), "1");
    });

    await t.step("a server that is not there is told at once", async () => {
      await redis.kill();
      await assert.rejects(RedisStore.open({ url: redis.url, onError: () => {} }), {
        code: "unavailable",
      });
    });
  },
});
