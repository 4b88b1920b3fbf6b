/** Two nodes with one Valkey or Redis: `kv` is theirs together, and not in Postgres. */
import assert from "node:assert/strict";
import { redisProgram, startTestRedis } from "../../src/hostcalls/kv/test-redis.ts";
import { runOrla, startOrlaProcess } from "../orla.ts";
import { callFunction } from "./http-calls.ts";
import { openSession } from "./sql-session.ts";

const program = redisProgram();

Deno.test({
  name: program === null
    ? "kv with REDIS_URL: neither valkey-server nor redis-server is installed"
    : `kv with REDIS_URL, in ${program}`,
  ignore: program === null,
  fn: async () => {
    await using redis = await startTestRedis();
    const env = { REDIS_URL: redis.url };
    await using one = await startOrlaProcess({ env });
    await using two = await startOrlaProcess({ env });
    const count = async (node: typeof one) => {
      const response = await callFunction(node, "visits", { method: "POST", body: "{}" });
      return [response.status, await response.json()];
    };
    for (const node of [one, two]) {
      await using session = await openSession(node.sqlUrl);
      await session.rows(`CREATE EDGE FUNCTION visits() RETURNS jsonb LANGUAGE javascript
        AS $$ export const main = async () => await kv.increment("visits") $$`);
    }
    assert.deepEqual(await count(one), [200, 1]);
    assert.deepEqual(await count(two), [200, 2]);
    await using session = await openSession(one.sqlUrl);
    await using direct = await openSession(one.databaseUrl);
    assert.equal(await direct.value("SELECT count(*)::int FROM edge.kv"), 0);

    await redis.kill();
    const [status, body] = await count(one) as [number, { error: string }];
    assert.equal(status, 500);
    assert.match(body.error, /HostError: the key-value store is not reachable/);
    // A database's function does not mind.
    assert.equal(await session.value("SELECT 1"), 1);
    const refused = await runOrla(["start", "--data-dir", one.dataDir + "-refused"], { env });
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /cannot connect to the server of REDIS_URL/);
  },
});
