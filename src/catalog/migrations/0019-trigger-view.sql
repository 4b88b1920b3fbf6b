-- The view of triggers: what they are, what became of them, and what waits for them.

-- What waits for each trigger, and since when the oldest of it is due. Numbers that everybody may see.
CREATE FUNCTION edge.backlog() RETURNS TABLE (trigger_id bigint, waiting bigint, due_since timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- The queue's tables are made by the first node that starts.
  IF to_regclass('edge_queue.jobs') IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
    WITH waits AS (
      SELECT e.trigger_id, e.recorded_at AS due_at FROM edge.events e
      UNION ALL
      SELECT t.trigger_id, CASE WHEN j.attempts > 0 THEN j.created_at ELSE j.run_at END
      FROM edge_queue.jobs j JOIN edge.triggers t ON j.task_identifier = CASE t.kind
        WHEN 'queue' THEN 'queue/' || (t.spec ->> 'queue') ELSE 'trigger/' || t.trigger_id END
    )
    SELECT w.trigger_id, count(*), min(w.due_at) FILTER (WHERE w.due_at <= clock_timestamp())
    FROM waits w GROUP BY w.trigger_id;
END $$;
GRANT EXECUTE ON FUNCTION edge.backlog() TO PUBLIC;

CREATE VIEW system.edge_triggers AS
  SELECT
    coalesce(g.tgname, t.name)::text AS name,
    edge.namespace_of(t.schema_name) AS namespace,
    t.kind,
    edge.public_id(f.schema_name, f.name) AS function_id,
    g.tgrelid::regclass::text AS "table",
    CASE t.kind WHEN 'database' THEN pg_get_triggerdef(g.oid)
      WHEN 'http' THEN concat_ws(' ', t.spec ->> 'method', concat(t.spec ->> 'host', t.spec ->> 'path'))
      ELSE coalesce(t.spec ->> 'schedule', t.spec ->> 'queue', t.spec ->> 'bucket', t.spec ->> 'hook')
      END AS source,
    t.enabled AND coalesce(g.tgenabled <> 'D', true) AS enabled,
    t.options, s.last_run_at AS last_run, s.next_run_at AS next_run,
    coalesce(s.succeeded, 0) AS succeeded, coalesce(s.failed, 0) AS failed, s.last_error,
    coalesce(b.waiting, 0) AS waiting, clock_timestamp() - b.due_since AS lag,
    pg_get_userbyid(t.owner)::text AS owner, t.created_at, t.updated_at
  FROM edge.triggers t
  JOIN edge.functions f USING (function_id)
  LEFT JOIN pg_trigger g ON g.oid = t.pg_trigger
  LEFT JOIN edge.trigger_state s USING (trigger_id)
  LEFT JOIN edge.backlog() b USING (trigger_id)
  WHERE t.kind <> 'database' OR g.oid IS NOT NULL;
GRANT SELECT ON system.edge_triggers TO PUBLIC;
