-- Records of calls and their log lines: real tables, partitioned by UTC day, so that policies can be
-- put on them, days disappear at no cost, and writing stays a batched COPY.
--
-- Row-level security is on. orla_admin sees everything, others nothing until a policy says so:
--   CREATE POLICY tenant_isolation ON system.edge_function_executions FOR SELECT USING (…)
-- is all it takes, since everybody may SELECT.

CREATE TABLE system.edge_function_executions (
  -- The call's start; people ask by this name, and partitions are pruned by it.
  "timestamp" timestamptz NOT NULL,
  started_at timestamptz GENERATED ALWAYS AS ("timestamp") STORED,
  function_id text NOT NULL,
  execution_id uuid NOT NULL,
  version integer NOT NULL,
  status text NOT NULL,
  trigger text NOT NULL,
  execution_time_ms double precision,
  cold_start boolean,
  cold_start_time_ms double precision,
  error_code text,
  error_message text,
  http_status smallint,
  memory_used_mb real,
  -- The call's share of the processor time of the process that ran it.
  cpu_ms real,
  role text,
  -- The trigger behind the call, and which event of it.
  trigger_name text,
  event_id text,
  tenant_id text,
  region text NOT NULL,
  node_id text NOT NULL
) PARTITION BY RANGE ("timestamp");

CREATE TABLE system.edge_function_logs (
  "timestamp" timestamptz NOT NULL,
  function_id text NOT NULL,
  execution_id uuid,
  version integer NOT NULL,
  level text NOT NULL,
  message text NOT NULL,
  -- The message was longer than what is kept of one.
  truncated boolean NOT NULL,
  region text NOT NULL,
  node_id text NOT NULL
) PARTITION BY RANGE ("timestamp");

-- Few indexes: each costs every call. Measured per row, all of Postgres's work: none 3.6 µs; ids, which
-- grow with time (UUID version 7), +1.3 µs; function and time, by which people ask, +1.3 µs; block ranges
-- and the partial one, which holds only what runs long, too little to see.
CREATE INDEX edge_function_executions_id ON system.edge_function_executions (execution_id);
CREATE INDEX edge_function_executions_function
  ON system.edge_function_executions (function_id, "timestamp");
CREATE INDEX edge_function_executions_time ON system.edge_function_executions
  USING brin ("timestamp") WITH (pages_per_range = 16);
CREATE INDEX edge_function_executions_running ON system.edge_function_executions ("timestamp")
  WHERE status = 'running';
CREATE INDEX edge_function_logs_execution ON system.edge_function_logs (execution_id)
  WHERE execution_id IS NOT NULL;
CREATE INDEX edge_function_logs_function ON system.edge_function_logs (function_id, "timestamp");
CREATE INDEX edge_function_logs_time ON system.edge_function_logs
  USING brin ("timestamp") WITH (pages_per_range = 16);

ALTER TABLE system.edge_function_executions ENABLE ROW LEVEL SECURITY;
ALTER TABLE system.edge_function_logs ENABLE ROW LEVEL SECURITY;
CREATE POLICY orla_admin ON system.edge_function_executions FOR SELECT TO orla_admin USING (true);
CREATE POLICY orla_admin ON system.edge_function_logs FOR SELECT TO orla_admin USING (true);
GRANT SELECT ON system.edge_function_executions, system.edge_function_logs TO PUBLIC;

-- The last batch each writer has committed: a writer that lost its connection at COMMIT finds out here
-- whether to send the batch again.
CREATE TABLE edge.execution_writers (
  writer_id uuid PRIMARY KEY,
  last_batch bigint NOT NULL,
  written_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- Makes the partitions from yesterday to the day after tomorrow, and drops those past their keeping.
-- A new one is attached, not created in place: that would wait for, and then hold up, every reader.
CREATE FUNCTION edge.keep_partitions(execution_days integer, log_days integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
  parent record;
  day date;
  part text;
BEGIN
  PERFORM pg_advisory_xact_lock(1869769825, 2);
  FOR parent IN
    VALUES ('edge_function_executions', 'executions', execution_days), ('edge_function_logs', 'logs', log_days)
  LOOP
    FOR day IN SELECT today + n FROM generate_series(-1, 2) n LOOP
      part := format('%s_%s', parent.column2, to_char(day, 'YYYYMMDD'));
      IF to_regclass(format('edge.%I', part)) IS NULL THEN
        EXECUTE format('CREATE TABLE edge.%I (LIKE system.%I INCLUDING GENERATED)', part, parent.column1);
        EXECUTE format('ALTER TABLE system.%I ATTACH PARTITION edge.%I FOR VALUES FROM (%L) TO (%L)',
          parent.column1, part, day::timestamptz, (day + 1)::timestamptz);
      END IF;
    END LOOP;
    FOR part IN
      SELECT c.relname FROM pg_class c
      WHERE c.relnamespace = 'edge'::regnamespace AND c.relkind = 'r'
        AND c.relname ~ format('^%s_[0-9]{8}$', parent.column2)
        AND to_date(right(c.relname, 8), 'YYYYMMDD') < today - parent.column3
    LOOP
      EXECUTE format('DROP TABLE edge.%I', part);
    END LOOP;
  END LOOP;
  DELETE FROM edge.execution_writers WHERE written_at < now() - interval '1 day';
END $$;

-- Executions that still say `running` although their node is gone. Returns how many.
CREATE FUNCTION edge.settle_lost_executions() RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  WITH lost AS (
    UPDATE system.edge_function_executions e
    SET status = 'failed', error_code = 'node_lost',
      error_message = 'the node that ran this execution went away'
    WHERE e.status = 'running' AND NOT EXISTS (
      SELECT FROM edge.nodes n
      WHERE n.node_id = e.node_id AND n.heartbeat_at > clock_timestamp() - interval '30 s')
    RETURNING 1)
  SELECT count(*) FROM lost
$$;

REVOKE ALL ON FUNCTION edge.keep_partitions(integer, integer), edge.settle_lost_executions() FROM PUBLIC;
