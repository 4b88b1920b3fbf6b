/** Makes the database ready for a node: right kind, right schema. Says exactly what is missing. */
import pg from "pg";
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { checkDatabase } from "../catalog/check-database.ts";
import { migrate } from "../catalog/migrate.ts";
import type { Database } from "./database.ts";

/** A server that answers at all does so well within this time. */
const CONNECT_TIMEOUT_MS = 10_000;

export async function prepareDatabase(database: Database, log: Logger): Promise<void> {
  const client = new pg.Client({
    application_name: "orla start",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...database.connection,
  });
  // A connection that breaks meanwhile fails the query that waits on it.
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (cause) {
    const why = cause instanceof Error && cause.message !== "" ? cause.message : "no answer";
    throw new OrlaError("unavailable", `cannot connect to the ${database.description}: ${why}`, {
      cause,
      hint: "Check DATABASE_URL: host, port, user, password and database.",
    });
  }
  try {
    const problems = await checkDatabase(client);
    if (problems.length > 0) {
      throw new OrlaError(
        "unavailable",
        `the ${database.description} cannot be used yet:\n` +
          problems.map(({ problem, fix }) => `- ${problem}\n    ${fix}`).join("\n"),
        { hint: "Run these statements as its administrator, then start again." },
      );
    }
    await migrate(client, log);
  } finally {
    await client.end();
  }
}
