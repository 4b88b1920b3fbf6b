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
  RETURN edge.enqueue_as(queue, payload, delay, key, priority, unique_key, CURRENT_USER) AS added;
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
  IF NOT edge.is_called_by(stack, 'edge.enqueue_as', 'edge.enqueue(text,jsonb,interval,text,integer,text)',
      'edge.enqueue_as(queue, payload, delay, key, priority, unique_key, CURRENT_USER) AS added') THEN
    RAISE EXCEPTION 'edge.enqueue_as is not for direct use' USING ERRCODE = '42501';
  END IF;
  IF queue IS NULL OR queue !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' THEN
    RAISE EXCEPTION '% cannot be the name of a queue', quote_nullable(queue) USING ERRCODE = '22023',
      HINT = 'A name has at most 100 letters, digits, dots, dashes and underscores.';
  ELSIF NOT isfinite(delay) THEN
    RAISE EXCEPTION 'a delay has an end' USING ERRCODE = '22023';
  ELSIF priority NOT BETWEEN -32768 AND 32767 THEN
    RAISE EXCEPTION 'a priority is from -32768 to 32767' USING ERRCODE = '22023';
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
  -- As text: so numbers keep their digits on the way through the node.
  RETURN edge.add_job('queue/' || queue, json_build_object('text', payload::text, 'sentBy', caller),
    left(queue || '/' || key, 128), clock_timestamp() + greatest(delay, '0'), priority,
    queue || '/' || unique_key);
END $$;

-- Moves recorded events of tables into jobs, in the order they were recorded; returns whether more may
-- wait. What is moved at once, and what one job holds, is bounded in bytes as well: values of Postgres
-- have at most 1 GB, and what a function is given 16 MB. An event that is larger goes alone.
DROP FUNCTION IF EXISTS edge.relay_events(integer);
CREATE FUNCTION edge.relay_events(at_most integer) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  moved integer;
  bytes_at_once constant bigint := 33554432;
  bytes_of_job constant bigint := 4194304;
BEGIN
  WITH oldest AS MATERIALIZED (
    SELECT c.event_id, c.bytes FROM edge.events c ORDER BY c.event_id LIMIT at_most FOR UPDATE SKIP LOCKED
  ), picked AS (
    DELETE FROM edge.events e USING (
      SELECT o.event_id, sum(o.bytes) OVER (ORDER BY o.event_id) - o.bytes AS bytes_before FROM oldest o) o
    WHERE e.event_id = o.event_id AND o.bytes_before < bytes_at_once
    RETURNING e.*
  ), numbered AS (
    SELECT p.*, t.name AS trigger_name, coalesce((t.options ->> 'batchSize')::integer, 1) AS size,
      row_number() OVER events_before - 1 AS place, sum(p.bytes) OVER events_before - p.bytes AS bytes_before
    FROM picked p JOIN edge.triggers t USING (trigger_id)
    WINDOW events_before AS (PARTITION BY p.trigger_id ORDER BY p.event_id)
  ), batches AS (
    SELECT n.trigger_id, min(n.event_id) AS first, json_build_object('events', json_agg(
      json_build_object('id', n.event_id::text, 'role', n.role, 'xid', n.xid::text,
        'arguments', edge.event_arguments(n.arguments, jsonb_build_object('id', n.event_id::text,
          'trigger', n.trigger_name, 'operation', n.operation, 'table', n.relation, 'at', n.recorded_at,
          'new', n.new_row, 'old', n.old_row)))
      ORDER BY n.event_id)) AS payload
    FROM numbered n GROUP BY n.trigger_id, n.place / n.size, n.bytes_before / bytes_of_job
  ), added AS (
    SELECT FROM edge_queue.add_jobs((SELECT array_agg(ROW(
        'trigger/' || b.trigger_id, b.payload, NULL, NULL, 1000, NULL, 0::smallint,
        ARRAY['trigger/' || b.trigger_id])::edge_queue.job_spec ORDER BY b.first) FROM batches b))
    WHERE EXISTS (SELECT FROM batches)
  )
  SELECT (SELECT count(*) FROM picked) + 0 * (SELECT count(*) FROM added) INTO moved;
  RETURN moved > 0 AND EXISTS (SELECT FROM edge.events);
END $$;

-- What one event passes, each value as text: so numbers keep their digits on the way through the node.
CREATE OR REPLACE FUNCTION edge.event_arguments(arguments jsonb, event jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN arguments IS NULL THEN jsonb_build_array(event::text)
    ELSE (SELECT jsonb_agg(a::text ORDER BY n) FROM jsonb_array_elements(arguments) WITH ORDINALITY u(a, n)) END
$$;

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

-- Throws away what waits for triggers of tables, schedules and buckets that were dropped. Messages stay:
-- another trigger may take their queue.
CREATE OR REPLACE FUNCTION edge.forget_dropped_triggers() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT edge_queue.complete_jobs(array_agg(j.id)) FROM edge_queue.jobs j
    WHERE starts_with(j.task_identifier, 'trigger/') AND j.locked_at IS NULL
      AND NOT EXISTS (SELECT FROM edge.triggers t WHERE j.task_identifier = 'trigger/' || t.trigger_id)
    HAVING count(*) > 0
$$;

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

-- A job's payload for people: what is text on the way is JSON again.
CREATE OR REPLACE FUNCTION edge.readable_payload(payload jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN payload ? 'text' THEN payload - 'text' || jsonb_build_object('message', (payload ->> 'text')::jsonb)
    WHEN payload ? 'events' THEN jsonb_build_object('events', (
      SELECT jsonb_agg(e || jsonb_build_object('arguments', (
        SELECT jsonb_agg(a::jsonb ORDER BY m) FROM jsonb_array_elements_text(e -> 'arguments') WITH ORDINALITY v(a, m)))
        ORDER BY n) FROM jsonb_array_elements(payload -> 'events') WITH ORDINALITY u(e, n)))
    ELSE payload END
$$;

CREATE OR REPLACE VIEW system.edge_dead_letters AS
  SELECT d.dead_letter_id, d.job_id, d.trigger_name, edge.readable_payload(d.payload) AS payload, d.attempts, d.error, d.created_at, d.died_at
  FROM edge.dead_letters d;

GRANT SELECT ON system.edge_jobs, system.edge_dead_letters TO orla_admin;
REVOKE ALL ON FUNCTION edge.add_job(text, json, text, timestamptz, integer, text),
  edge.relay_events(integer), edge.free_lost_jobs(), edge.forget_dropped_triggers(),
  edge.event_arguments(jsonb, jsonb), edge.replay(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edge.replay(bigint, text) TO orla_admin;
