/** Versions change, instances come and go, and no caller notices. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { callJson } from "./http-calls.ts";
import { type Answer, failures, startLoad } from "./load.ts";
import { assignedInstances } from "./metric.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess({
    env: { ORLA_IDLE_TIMEOUT: "200ms", ORLA_MAX_INSTANCES: "6", ORLA_BLANK_PROCESSES: "3" },
  });
  session = await openSession(orla.sqlUrl);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

/** One state of the function: what it says, and the time in which it came about. */
interface Generation {
  readonly says: string;
  readonly askedAt: number;
  readonly doneAt: number;
}

/** Requests answered with what was not current at any moment of theirs. */
function wrongTimes(answers: readonly Answer[], generations: readonly Generation[]): string[] {
  return answers.filter(({ sentAt, endedAt, body }) =>
    !generations.some(({ says, askedAt }, n) => {
      const replacedAt = generations[n + 1]?.doneAt ?? Infinity;
      return says === body && askedAt <= endedAt && sentAt <= replacedAt;
    })
  ).map(({ sentAt, endedAt, body }) => `${body} from ${sentAt} to ${endedAt}`);
}

Deno.test("a hundred new versions and twenty rollbacks under load: no request fails or is stale", async () => {
  // Part of the calls are in the middle of an await when their version is replaced.
  const code = (says: string) => `
    let calls = 0;
    export default async () => {
      if (calls++ % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      return new Response("${says}");
    }`;
  await session.rows(
    `CREATE EDGE FUNCTION changing LANGUAGE javascript AS $$${code("version 1")}$$`,
  );
  const generations: Generation[] = [{ says: "version 1", askedAt: 0, doneAt: 0 }];
  const change = async (statement: string, says: string) => {
    const askedAt = performance.now();
    await session.rows(statement);
    generations.push({ says, askedAt, doneAt: performance.now() });
  };
  const load = startLoad(orla, "changing", { workers: 6 });
  for (let n = 2; n <= 101; n++) {
    // Sometimes at once, sometimes with the new version well in use.
    if (n % 4 === 0) await load.more(20);
    const says = `version ${n}`;
    await change(`ALTER EDGE FUNCTION changing SET CODE = $$${code(says)}$$`, says);
  }
  for (let n = 1; n <= 20; n++) {
    await load.more(10);
    const back = (n * 37) % 101 + 1;
    await change(`ROLLBACK EDGE FUNCTION changing TO VERSION ${back}`, `version ${back}`);
  }
  await load.more(20);
  await load.stop();
  assert.deepEqual(failures(load.answers), []);
  assert.deepEqual(wrongTimes(load.answers, generations), []);
  const seen = new Set(load.answers.map(({ body }) => body));
  assert.ok(seen.size > 30, `only ${seen.size} versions were in use`);
  assert.equal(
    await session.value(
      "SELECT max(version) FROM system.edge_function_versions WHERE function_id = 'changing'",
    ),
    121,
  );
  await session.rows("DROP EDGE FUNCTION changing");
});

Deno.test("options change under load, too: memory, concurrency, handler, off and on", async () => {
  await session.rows(`CREATE EDGE FUNCTION tuned LANGUAGE javascript AS $$
    export default () => new Response("fine") $$`);
  const load = startLoad(orla, "tuned", { workers: 4 });
  const changes = ["MEMORY = 64MB", "CONCURRENCY = 2", "TIMEOUT = 5s", "MAX_INSTANCES = 2"];
  for (let n = 0; n < 12; n++) {
    await session.rows(`ALTER EDGE FUNCTION tuned SET ${changes[n % changes.length]}`);
    await load.more(20);
  }
  assert.deepEqual(failures(load.answers), []);
  await session.rows("ALTER EDGE FUNCTION tuned SET ENABLED = false");
  await load.more(8);
  await session.rows("ALTER EDGE FUNCTION tuned SET ENABLED = true");
  const enabledAt = performance.now();
  await load.more(40);
  await load.stop();
  const off = load.answers.filter(({ status }) => status !== 200);
  assert.deepEqual([...new Set(off.map(({ status }) => status))], [403]);
  assert.match(off[0]?.body ?? "", /"code":"function_disabled"/);
  assert.ok(off.every(({ sentAt }) => sentAt < enabledAt));
  await session.rows("DROP EDGE FUNCTION tuned");
});

Deno.test("instances end and start in the midst of calls: no call fails", async () => {
  await session.rows(
    `CREATE EDGE FUNCTION waves LANGUAGE javascript CONCURRENCY 1 MAX_INSTANCES 4 AS $$
    export const main = async (ms) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return Deno.pid;
    } $$`,
  );
  const pids = new Set<unknown>();
  for (let wave = 0; wave < 6; wave++) {
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, n) => callJson(orla, "waves", n % 40)),
    );
    for (const pid of answers) pids.add(pid);
    // One caller stays while the instances it does not need are taken away.
    let alone = 0;
    await eventually(
      async () => {
        pids.add(await callJson(orla, "waves", 0));
        alone++;
        return await assignedInstances(orla) === 1;
      },
      10_000,
      "one instance is left",
    );
    assert.ok(alone > 0);
  }
  assert.ok(pids.size > 4, `${pids.size} instances in six waves`);
  await session.rows("DROP EDGE FUNCTION waves");
});

Deno.test("more functions than instances allowed: each is served in its turn", async () => {
  const names = Array.from({ length: 15 }, (_, n) => `crowd_${n}`);
  await session.rows(
    names.map((name) =>
      `CREATE EDGE FUNCTION ${name} LANGUAGE javascript AS $$ export const main = () => "${name}" $$`
    ).join(";"),
  );
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(names.map((name) => callJson(orla, name)));
    assert.deepEqual(answers, names);
  }
});
