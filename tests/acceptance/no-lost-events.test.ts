/**
 * Ten thousand rows with an AFTER trigger, while instances, the node and Postgres are killed with -9:
 * every committed row's event is processed, none has its effect twice, and rolled-back rows have none.
 */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually, familyOf } from "../processes.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

const ROWS = 10_000;
const ROWS_AT_ONCE = 250;

const SET_UP = `
  CREATE TABLE orders (id int PRIMARY KEY, batch int);
  CREATE TABLE effects (event_id text PRIMARY KEY, order_id int);
  CREATE EDGE FUNCTION process LANGUAGE javascript AS $$
    export async function main(events) {
      const db = await connectToDatabase();
      // Keyed by the event: a repetition changes nothing.
      await db.query(
        "INSERT INTO effects SELECT e ->> 'id', (e -> 'new' ->> 'id')::int FROM jsonb_array_elements($1) e ON CONFLICT DO NOTHING",
        [JSON.stringify(events)],
      );
    }
  $$;
  CREATE TRIGGER process AFTER INSERT ON orders FOR EACH ROW
    BATCH_SIZE = 20 RETRY_DELAY = 50ms MAX_RETRY_DELAY = 500ms MAX_ATTEMPTS = 100
    EXECUTE EDGE FUNCTION process`;

const VICTIMS = ["instance", "postgres", "instance", "node"] as const;

async function kill(orla: OrlaProcess, victim: typeof VICTIMS[number]): Promise<void> {
  const family = await familyOf(orla.pid);
  const pick = (words: string) => family.filter(({ command }) => command.includes(words));
  const targets = victim === "node"
    ? [{ pid: orla.pid }]
    : victim === "postgres"
    ? pick("/postgres -D")
    : pick("/bootstrap/main.js").slice(0, 2);
  for (const { pid } of targets) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
  }
}

/** Whatever the state of the node, a session comes in the end. */
async function session(url: () => string): Promise<SqlSession> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      return await openSession(url());
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

Deno.test("no event is lost and none has its effect twice, whatever is killed", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "orla-events-" });
  await Deno.chmod(dataDir, 0o755);
  let orla = await startOrlaProcess({ dataDir });
  try {
    await using setUp = await openSession(orla.sqlUrl);
    await setUp.rows(SET_UP);
    let inserted = 0;
    const inserting = (async () => {
      for (let from = 1; from <= ROWS; from += ROWS_AT_ONCE) {
        const to = from + ROWS_AT_ONCE - 1;
        for (;;) {
          try {
            await using writer = await session(() => orla.sqlUrl);
            // A COMMIT whose answer was lost may have come through.
            const there = await writer.value("SELECT count(*)::int FROM orders WHERE id = $1", [
              to,
            ]);
            if (there === 0) {
              await writer.rows(
                `BEGIN; INSERT INTO orders SELECT n + 1000000, 0 FROM generate_series(${from}, ${to}) n; ROLLBACK`,
              );
              await writer.rows(
                `BEGIN; INSERT INTO orders SELECT n, ${from} FROM generate_series(${from}, ${to}) n; COMMIT`,
              );
            }
            break;
          } catch {
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        }
        inserted = to;
      }
    })();
    let kills = 0;
    while (inserted < ROWS) {
      const victim = VICTIMS[kills++ % VICTIMS.length] ?? "instance";
      const before = inserted;
      await eventually(
        () => inserted >= Math.min(ROWS, before + 2 * ROWS_AT_ONCE),
        60_000,
        "rows are inserted",
      );
      await kill(orla, victim);
      if (victim !== "node") continue;
      await orla.status;
      orla = await startOrlaProcess({ dataDir });
    }
    await inserting;
    assert.ok(kills >= 12, `${kills} kills`);
    await using reader = await session(() => orla.sqlUrl);
    await eventually(
      async () => await reader.value("SELECT count(*)::int FROM effects") === ROWS,
      120_000,
      "every event has had its effect",
    );
    assert.deepEqual(
      await reader.rows(`SELECT
        (SELECT count(*)::int FROM orders) AS orders,
        (SELECT count(DISTINCT order_id)::int FROM effects) AS processed,
        (SELECT count(*)::int FROM effects WHERE order_id > 1000000) AS rolled_back,
        (SELECT count(*)::int FROM edge.events) AS left_over,
        (SELECT count(*)::int FROM system.edge_dead_letters) AS dead`),
      [{ orders: ROWS, processed: ROWS, rolled_back: 0, left_over: 0, dead: 0 }],
    );
  } finally {
    await orla[Symbol.asyncDispose]();
    await Deno.remove(dataDir, { recursive: true });
  }
});
