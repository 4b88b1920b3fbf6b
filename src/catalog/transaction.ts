/** A transaction on a connection of a pool's. */
import type pg from "pg";

/** Commits when `work` resolves. Otherwise nothing of it stays, and it rejects as `work` did. */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (thrown) {
    broken = thrown instanceof Error ? thrown : new Error(String(thrown));
    throw thrown;
  } finally {
    // One in an unknown state is not used again: its end is the transaction's.
    client.release(broken);
  }
}
