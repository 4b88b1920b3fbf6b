import type { Queryable } from "./queryable.ts";

/** One version on one node, by the columns of `system.edge_function_instances`. Times are ISO 8601. */
export interface InstanceReport {
  readonly function_id: string;
  readonly version: number;
  readonly starting: number;
  readonly idle: number;
  readonly busy: number;
  readonly spare: number;
  readonly draining: number;
  readonly waiting_calls: number;
  readonly failures: number;
  readonly backing_off_until: string | null;
  readonly last_error_code: string | null;
  readonly last_error: string | null;
  readonly last_error_at: string | null;
}

/** Replaces what the node has reported before. The node must be registered. */
export async function reportInstances(
  database: Queryable,
  nodeId: string,
  reports: readonly InstanceReport[],
): Promise<void> {
  await database.query(
    `INSERT INTO edge.node_instances AS i (node_id, versions) VALUES ($1, $2)
     ON CONFLICT (node_id) DO UPDATE
       SET versions = excluded.versions, reported_at = pg_catalog.clock_timestamp()`,
    [nodeId, JSON.stringify(reports)],
  );
}
