/** Looks into Postgres from beside the gateway. */
import { eventually } from "../processes.ts";
import { openSession } from "./sql-session.ts";

/** Resolves when some session waits for another one's lock. */
export async function waitingForLock(databaseUrl: string): Promise<void> {
  await using direct = await openSession(databaseUrl);
  await eventually(
    async () =>
      await direct.value(
        "SELECT count(*)::int FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0",
      ) === 1,
    10_000,
    "a session waits for a lock",
  );
}
