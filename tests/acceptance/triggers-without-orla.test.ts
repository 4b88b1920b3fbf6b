/** Triggers on tables while no node runs, and when one is back. */
import assert from "node:assert/strict";
import { startOrlaProcess } from "../orla.ts";
import { startTestPostgres } from "../postgres.ts";
import { eventually } from "../processes.ts";
import { openSession } from "./sql-session.ts";

Deno.test("Orla is away: rows fail clearly, pass with ON_ERROR = 'allow', and wait in the outbox; the session goes on when it is back", async () => {
  await using postgres = await startTestPostgres();
  const env = { DATABASE_URL: postgres.url };
  await using direct = await openSession(postgres.url);
  const insert = (table: string) => `INSERT INTO ${table} VALUES (1, 'x')`;
  {
    await using first = await startOrlaProcess({ env });
    await using session = await openSession(first.sqlUrl);
    await session.rows(`
      CREATE TABLE strict (id int, name text);
      CREATE TABLE lenient (id int, name text);
      CREATE TABLE later (id int, name text);
      CREATE TABLE seen (id int);
      CREATE EDGE FUNCTION pass LANGUAGE javascript AS $$ export const main = () => true $$;
      CREATE EDGE FUNCTION note LANGUAGE javascript AS $$
        export async function main(row) {
          const db = await connectToDatabase();
          await db.query("INSERT INTO seen VALUES ($1)", [row.id]);
        }
      $$;
      CREATE TRIGGER strict BEFORE INSERT ON strict FOR EACH ROW EXECUTE EDGE FUNCTION pass(NEW.*);
      CREATE TRIGGER lenient BEFORE INSERT ON lenient FOR EACH ROW
        ON_ERROR = 'allow' EXECUTE EDGE FUNCTION pass(NEW.*);
      CREATE TRIGGER later AFTER INSERT ON later FOR EACH ROW EXECUTE EDGE FUNCTION note(NEW.*)`);
    for (const table of ["strict", "lenient"]) await direct.rows(insert(table));
    await first.stop("SIGKILL");
    await session.close().catch(() => {});
  }
  const refused = await direct.failure(insert("strict"));
  assert.match(refused.code ?? "", /^08/);
  assert.match(refused.message, /Orla/);
  await direct.rows(insert("lenient"));
  await direct.rows(insert("later"));
  assert.equal(await direct.value("SELECT count(*)::int FROM edge.events"), 1);

  await using _second = await startOrlaProcess({ env });
  await direct.rows(insert("strict"));
  assert.deepEqual(
    await direct.rows(
      "SELECT (SELECT count(*)::int FROM strict) AS strict, (SELECT count(*)::int FROM lenient) AS lenient",
    ),
    [{ strict: 2, lenient: 2 }],
  );
  await eventually(
    async () => await direct.value("SELECT count(*)::int FROM seen") === 1,
    20_000,
    "what was recorded meanwhile is processed",
  );
});
