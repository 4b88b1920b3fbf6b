-- How the instances of each version are doing on each node, as the nodes tell it: at once when instances
-- fail, else every few seconds. Not worth the log: after a crash every node tells it again.
CREATE UNLOGGED TABLE edge.node_instances (
  node_id text PRIMARY KEY REFERENCES edge.nodes ON DELETE CASCADE,
  reported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  versions jsonb NOT NULL
);

CREATE VIEW system.edge_function_instances AS
  SELECT v.function_id, v.version, n.node_id, n.region,
    CASE WHEN v.backing_off_until > clock_timestamp() THEN 'backing_off'
      WHEN v.idle + v.busy + v.spare > 0 THEN 'ready'
      WHEN v.starting > 0 THEN 'starting'
      WHEN v.draining > 0 THEN 'draining'
      ELSE 'failed' END AS status,
    v.starting, v.idle, v.busy, v.spare, v.draining, v.waiting_calls,
    v.failures, v.backing_off_until, v.last_error_code, v.last_error, v.last_error_at, i.reported_at
  FROM edge.node_instances i
  JOIN edge.nodes n USING (node_id)
  CROSS JOIN jsonb_to_recordset(i.versions) AS v(function_id text, version integer, starting integer,
    idle integer, busy integer, spare integer, draining integer, waiting_calls integer, failures integer,
    backing_off_until timestamptz, last_error_code text, last_error text, last_error_at timestamptz)
  WHERE n.heartbeat_at > clock_timestamp() - interval '30 s';

GRANT SELECT ON system.edge_function_instances TO orla_admin;
