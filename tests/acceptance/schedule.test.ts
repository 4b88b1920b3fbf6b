/** Schedules on a running node. */
import assert from "node:assert/strict";
import { startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { openSession } from "./sql-session.ts";

Deno.test("a schedule runs its function; EXECUTE TRIGGER runs it now; a mistake is told where it is", async () => {
  await using orla = await startOrlaProcess();
  await using session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE TABLE ticks (what jsonb, at timestamptz DEFAULT clock_timestamp());
    CREATE EDGE FUNCTION tick LANGUAGE javascript AS $$
      export async function main(payload) {
        const db = await connectToDatabase();
        await db.query("INSERT INTO ticks (what) VALUES ($1)", [JSON.stringify(payload)]);
      }
    $$;
    CREATE TRIGGER every_second ON SCHEDULE '* * * * * *' EXECUTE EDGE FUNCTION tick`);
  const ticks = () =>
    session.rows("SELECT what FROM ticks WHERE what ->> 'trigger' = 'every_second'");
  await eventually(async () => (await ticks()).length >= 3, 20_000, "three ticks");
  const seen = (await ticks()).map(({ what }) => (what as { scheduledAt: string }).scheduledAt);
  assert.equal(new Set(seen).size, seen.length);
  await session.rows("DROP TRIGGER every_second");
  await session.rows(`CREATE TRIGGER yearly ON SCHEDULE '0 0 1 1 *' TIMEZONE 'Europe/Madrid'
    INPUT '{"why": "new year"}' EXECUTE EDGE FUNCTION tick`);
  await eventually(
    async () =>
      await session.value("SELECT next_run IS NOT NULL FROM system.edge_triggers") === true,
    10_000,
    "its next run is known",
  );
  await session.rows(`EXECUTE TRIGGER yearly WITH INPUT = '{"why": "now"}'`);
  await eventually(
    async () =>
      await session.value(`SELECT count(*)::int FROM ticks WHERE what = '{"why": "now"}'`) === 1,
    10_000,
    "it was fired",
  );
  const statement = "CREATE TRIGGER t ON SCHEDULE '61 * * * *' EXECUTE EDGE FUNCTION tick";
  const { code, position } = await session.failure(statement);
  assert.deepEqual([code, position], ["22023", String(statement.indexOf("61") + 1)]);
  const zone = await session.failure(
    "CREATE TRIGGER t ON SCHEDULE '@daily' TIMEZONE 'Europe/Madird' EXECUTE EDGE FUNCTION tick",
  );
  assert.match(zone.message, /there is no time zone "Europe\/Madird"/);
});
