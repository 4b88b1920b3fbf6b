/** Brings the queue's tables to this release: graphile-worker's own, then ours. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type pg from "pg";
import { z } from "zod";
import { graphileLogger } from "./graphile-logger.ts";
import type { Logger } from "../../base/log.ts";
import { inTransaction } from "../../catalog/transaction.ts";

/** The schema that graphile-worker's tables are in. */
export const QUEUE_SCHEMA = "edge_queue";

/** Changes with the library's version, which brings migrations of its own. */
const LIBRARY = "graphile-worker 0.18.0";

const FILES = ["./queue.sql", "./publish.sql", "./replay.sql"];

const commentRow = z.object({ comment: z.string().nullable() });

/** Costs one query when there is nothing to do. */
export async function prepareQueueSchema(pool: pg.Pool, log: Logger): Promise<void> {
  const files = await Promise.all(
    FILES.map((name) => readFile(new URL(name, import.meta.url), "utf8")),
  );
  const sql = files.join("\n");
  const release = `${LIBRARY} ${createHash("sha256").update(sql).digest("hex").slice(0, 16)}`;
  const { rows } = await pool.query(
    "SELECT pg_catalog.obj_description(pg_catalog.to_regnamespace($1), 'pg_namespace') AS comment",
    [QUEUE_SCHEMA],
  );
  if (commentRow.parse(rows[0]).comment === release) return;
  // Loaded only when needed: it takes a fifth of a second.
  const { runMigrations } = await import("graphile-worker");
  await runMigrations({ pgPool: pool, schema: QUEUE_SCHEMA, logger: graphileLogger(log) });
  await inTransaction(pool, async (client) => {
    await client.query("SELECT pg_catalog.pg_advisory_xact_lock(1869770849, 2)");
    await client.query(sql);
    await client.query(`COMMENT ON SCHEMA ${QUEUE_SCHEMA} IS '${release}'`);
  });
}
