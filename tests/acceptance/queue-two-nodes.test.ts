/** Two nodes share a queue and a clock; one of them is killed with -9 in the middle. */
import assert from "node:assert/strict";
import { startOrlaProcess } from "../orla.ts";
import { startTestPostgres } from "../postgres.ts";
import { eventually } from "../processes.ts";
import { openSession } from "./sql-session.ts";

/** Nodes count each other again this often; see job-queue.ts. */
const HOUSEKEEPING_MS = 10_000;

const MESSAGES = 40;

Deno.test("one job at a time, in the order of its key, and every tick once, also when a node dies", async () => {
  await using postgres = await startTestPostgres();
  const env = { DATABASE_URL: postgres.url };
  await using one = await startOrlaProcess({ env });
  await using two = await startOrlaProcess({ env });
  await using session = await openSession(two.sqlUrl);
  const note = (name: string, what: string, waitMs: number) =>
    `CREATE EDGE FUNCTION ${name} LANGUAGE javascript AS $$
      export async function main(payload) {
        const db = await connectToDatabase();
        const { rows: [{ id }] } = await db.query(
          "INSERT INTO noted (who, what) VALUES ('${name}', $1) RETURNING id", [String(${what})]);
        await new Promise((resolve) => setTimeout(resolve, ${waitMs}));
        await db.query("UPDATE noted SET ended_at = clock_timestamp() WHERE id = $1", [id]);
      }
    $$`;
  await session.rows(`
    CREATE TABLE noted (id bigint GENERATED ALWAYS AS IDENTITY, who text, what text,
      started_at timestamptz DEFAULT clock_timestamp(), ended_at timestamptz);
    ${note("alone", "payload", 60)};
    ${note("ordered", "payload", 150)};
    ${note("tick", "payload.scheduledAt", 10)};
    CREATE TRIGGER tick ON SCHEDULE '* * * * * *' OVERLAP = 'allow' EXECUTE EDGE FUNCTION tick`);
  await new Promise((resolve) => setTimeout(resolve, HOUSEKEEPING_MS + 1_000));
  await session.rows(`
    CREATE TRIGGER alone ON QUEUE 'alone' CONCURRENCY = 1 EXECUTE EDGE FUNCTION alone;
    CREATE TRIGGER ordered ON QUEUE 'ordered' CONCURRENCY = 8 EXECUTE EDGE FUNCTION ordered;
    SELECT edge.enqueue('alone', to_jsonb(n)), edge.enqueue('ordered', to_jsonb(n), key => 'k')
      FROM generate_series(1, ${MESSAGES}) n;
    SELECT edge.enqueue('alone', '"delayed"', delay => '20 s')`);
  const count = (who: string) =>
    session.value(
      "SELECT count(DISTINCT what)::int FROM noted WHERE who = $1 AND ended_at IS NOT NULL",
      [
        who,
      ],
    ).then(Number);
  await eventually(async () => await count("ordered") >= 5, 30_000, "they have begun");
  await one.stop("SIGKILL");
  await eventually(
    async () => await count("ordered") === MESSAGES && await count("alone") === MESSAGES + 1,
    120_000,
    "the other node has done the rest",
  );
  assert.deepEqual(
    await session.rows(`SELECT a.what, b.what FROM noted a JOIN noted b
      ON a.who = 'alone' AND b.who = 'alone' AND a.id < b.id AND b.started_at < a.ended_at`),
    [],
  );
  // What the dead node had begun is begun again; nothing after it was begun before.
  const begun = await session.rows(
    "SELECT what::int AS n FROM noted WHERE who = 'ordered' ORDER BY id",
  );
  const order = begun.map(({ n }) => Number(n));
  assert.deepEqual(order, order.toSorted((a, b) => a - b));
  assert.ok(order.length <= MESSAGES + 1, String(order));
  const ticks =
    (await session.rows("SELECT DISTINCT what FROM noted WHERE who = 'tick' ORDER BY 1"))
      .map(({ what }) => Date.parse(String(what)) / 1000);
  assert.ok(ticks.length > 30);
  assert.deepEqual(ticks, ticks.map((_, n) => Number(ticks[0]) + n));
  // A tick is one job: it is run twice only where the first run died with its node.
  assert.deepEqual(
    await session.rows(`SELECT what FROM noted WHERE who = 'tick' AND ended_at IS NOT NULL
      GROUP BY what HAVING count(*) > 1`),
    [],
  );
});
