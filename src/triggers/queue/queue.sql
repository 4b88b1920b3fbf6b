-- What the queue needs beside the tables of graphile-worker, which are in the schema edge_queue. Run after
-- its migrations, whenever they or this file have changed.
--
-- Tasks: `trigger/<id>` for events of a table, ticks of a schedule and uploads, `queue/<name>` for
-- messages. A task's jobs wait while no enabled trigger takes them. The flag of a job is its task: by
-- it a node leaves alone what is at its limit.

-- One job. Its attempts are ours to count: the library's own limit is one that none reaches. Jobs of one
-- `queue_name` run one after the other; a `job_key` that is there already adds nothing.
CREATE OR REPLACE FUNCTION edge.add_job(
  task text, payload json, queue_name text DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  priority integer DEFAULT NULL, job_key text DEFAULT NULL
) RETURNS bigint LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT j.id FROM edge_queue.add_job(task, payload, queue_name, run_at, 1000, job_key, priority,
    ARRAY[task], 'unsafe_dedupe') j
$$;

-- A message, in the caller's transaction. The right to publish is the right to call the function.
CREATE OR REPLACE FUNCTION edge.enqueue(
  queue text, payload jsonb DEFAULT NULL, delay interval DEFAULT '0', key text DEFAULT NULL,
  priority integer DEFAULT 0, unique_key text DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN edge.enqueue_as(queue, payload, delay, key, priority, unique_key, CURRENT_USER);
END $$;

CREATE OR REPLACE FUNCTION edge.enqueue_as(
  queue text, payload jsonb, delay interval, key text, priority integer, unique_key text, caller name
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stack text;
  t edge.triggers;
  max_bytes constant integer := 1048576;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF NOT edge.is_called_by(stack, 'edge.enqueue_as', 'edge.enqueue(text,jsonb,interval,text,integer,text)') THEN
    RAISE EXCEPTION 'edge.enqueue_as is not for direct use' USING ERRCODE = '42501';
  END IF;
  IF queue IS NULL OR queue !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' THEN
    RAISE EXCEPTION '% cannot be the name of a queue', quote_nullable(queue) USING ERRCODE = '22023',
      HINT = 'A name has at most 100 letters, digits, dots, dashes and underscores.';
  ELSIF length(key) > 100 OR length(unique_key) > 100 THEN
    RAISE EXCEPTION 'a key has at most 100 characters' USING ERRCODE = '22023';
  ELSIF octet_length(payload::text) > max_bytes THEN
    RAISE EXCEPTION 'the message is larger than % bytes', max_bytes USING ERRCODE = '54000',
      HINT = 'Keep large values in a table or a bucket, and send where they are.';
  END IF;
  SELECT * INTO t FROM edge.triggers e WHERE e.kind = 'queue' AND e.spec ->> 'queue' = queue;
  IF t.trigger_id IS NULL THEN
    IF NOT pg_has_role(caller, 'orla_admin', 'USAGE') THEN
      RAISE EXCEPTION 'there is no trigger on queue "%"', queue USING ERRCODE = '42704',
        HINT = 'Members of orla_admin may send messages that wait for one.';
    END IF;
  ELSIF NOT has_function_privilege(caller, (
    SELECT f.wrapper FROM edge.functions f WHERE f.function_id = t.function_id), 'EXECUTE') THEN
    RAISE EXCEPTION 'permission denied for queue "%"', queue USING ERRCODE = '42501',
      HINT = 'It needs EXECUTE on the function that its trigger calls.';
  END IF;
  RETURN edge.add_job('queue/' || queue, json_build_object('message', payload, 'sentBy', caller),
    left(queue || '/' || key, 128), clock_timestamp() + greatest(delay, '0'), priority,
    queue || '/' || unique_key);
END $$;

-- Moves recorded events of tables into jobs, in the order they were recorded; returns how many there were.
CREATE OR REPLACE FUNCTION edge.relay_events(at_most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  moved integer;
BEGIN
  WITH picked AS (
    DELETE FROM edge.events e WHERE e.event_id IN (
      SELECT c.event_id FROM edge.events c ORDER BY c.event_id LIMIT at_most FOR UPDATE SKIP LOCKED)
    RETURNING e.*
  ), numbered AS (
    SELECT p.*, coalesce((t.options ->> 'batchSize')::integer, 1) AS size,
      row_number() OVER (PARTITION BY p.trigger_id ORDER BY p.event_id) - 1 AS place
    FROM picked p JOIN edge.triggers t USING (trigger_id)
  ), batches AS (
    SELECT n.trigger_id, min(n.event_id) AS first, json_build_object('events', json_agg(
      json_build_object('id', n.event_id::text, 'operation', n.operation, 'table', n.relation,
        'new', n.new_row, 'old', n.old_row, 'role', n.role, 'xid', n.xid::text, 'at', n.recorded_at)
      ORDER BY n.event_id)) AS payload
    FROM numbered n GROUP BY n.trigger_id, n.place / n.size
  ), added AS (
    SELECT FROM edge_queue.add_jobs((SELECT array_agg(ROW(
        'trigger/' || b.trigger_id, b.payload, NULL, NULL, 1000, NULL, 0::smallint,
        ARRAY['trigger/' || b.trigger_id])::edge_queue.job_spec ORDER BY b.first) FROM batches b))
    WHERE EXISTS (SELECT FROM batches)
  )
  SELECT (SELECT count(*) FROM picked) + 0 * (SELECT count(*) FROM added) INTO moved;
  RETURN moved;
END $$;

-- Jobs whose attempts are used up, and why.
CREATE TABLE IF NOT EXISTS edge.dead_letters (
  dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id bigint NOT NULL UNIQUE,
  task text NOT NULL,
  trigger_name text NOT NULL,
  function_id bigint,
  payload jsonb,
  attempts integer NOT NULL,
  error text NOT NULL,
  created_at timestamptz NOT NULL,
  died_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Which workers are which node's: a dead node's jobs are free again.
CREATE TABLE IF NOT EXISTS edge.queue_workers (
  worker_id text PRIMARY KEY,
  node_id text NOT NULL
);

CREATE OR REPLACE FUNCTION edge.free_lost_jobs() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lost text[];
BEGIN
  WITH gone AS (
    DELETE FROM edge.queue_workers w WHERE NOT EXISTS (
      SELECT FROM edge.nodes n WHERE n.node_id = w.node_id
        AND n.heartbeat_at > clock_timestamp() - interval '30 s')
    RETURNING w.worker_id
  )
  SELECT array_agg(g.worker_id) INTO lost FROM gone g;
  IF lost IS NOT NULL THEN
    PERFORM edge_queue.force_unlock_workers(lost);
  END IF;
  RETURN coalesce(array_length(lost, 1), 0);
END $$;

-- Sends dead letters again: one, or all of a trigger's. Returns how many.
CREATE OR REPLACE FUNCTION edge.replay(dead_letter bigint DEFAULT NULL, trigger_name text DEFAULT NULL)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  letter edge.dead_letters;
  sent integer := 0;
BEGIN
  IF (dead_letter IS NULL) = (trigger_name IS NULL) THEN
    RAISE EXCEPTION 'edge.replay takes a dead letter or the name of a trigger' USING ERRCODE = '22023',
      HINT = 'SELECT edge.replay(7) or SELECT edge.replay(trigger_name => ''t'').';
  END IF;
  FOR letter IN DELETE FROM edge.dead_letters d
    WHERE d.dead_letter_id = dead_letter OR d.trigger_name = replay.trigger_name RETURNING d.*
  LOOP
    PERFORM edge.add_job(letter.task, letter.payload::json);
    sent := sent + 1;
  END LOOP;
  IF sent = 0 AND dead_letter IS NOT NULL THEN
    RAISE EXCEPTION 'there is no dead letter %', dead_letter USING ERRCODE = '42704',
      HINT = 'system.edge_dead_letters shows those there are.';
  END IF;
  RETURN sent;
END $$;

CREATE OR REPLACE VIEW system.edge_jobs AS
  SELECT j.id AS job_id,
    CASE WHEN j.task_identifier LIKE 'queue/%' THEN substr(j.task_identifier, 7) END AS queue,
    (SELECT t.name::text FROM edge.triggers t WHERE j.task_identifier IN (
      'trigger/' || t.trigger_id, 'queue/' || (t.spec ->> 'queue')) LIMIT 1) AS trigger_name,
    CASE WHEN j.locked_at IS NOT NULL THEN 'running' WHEN j.attempts > 0 THEN 'retrying'
      WHEN j.run_at > clock_timestamp() THEN 'delayed' ELSE 'waiting' END AS status,
    j.priority, j.run_at, j.attempts, j.last_error, j.created_at, j.locked_at AS started_at, j.key
  FROM edge_queue.jobs j;

CREATE OR REPLACE VIEW system.edge_dead_letters AS
  SELECT d.dead_letter_id, d.job_id, d.trigger_name, d.payload, d.attempts, d.error, d.created_at, d.died_at
  FROM edge.dead_letters d;

GRANT SELECT ON system.edge_jobs, system.edge_dead_letters TO orla_admin;
REVOKE ALL ON FUNCTION edge.add_job(text, json, text, timestamptz, integer, text),
  edge.relay_events(integer), edge.free_lost_jobs(), edge.replay(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edge.replay(bigint, text) TO orla_admin;
