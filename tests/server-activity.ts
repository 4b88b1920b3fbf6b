/** Waits for what only the server can tell: that a statement runs, that a session is gone. */
import pg from "pg";
import type { TestPostgres } from "./postgres.ts";

/** Resolves once `pg_stat_activity`, without this look itself, has (or no longer has) such a row. */
export async function waitForActivity(
  postgres: TestPostgres,
  condition: string,
  wanted: "present" | "gone" = "present",
): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    for (;;) {
      const { rowCount } = await client.query(
        `SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (${condition})`,
      );
      if ((rowCount === 0) === (wanted === "gone")) return;
    }
  } finally {
    await client.end();
  }
}
