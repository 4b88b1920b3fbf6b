-- What fires on tables. A Postgres trigger made by edge.database_trigger_statements (0011) executes one of
-- three functions here, with the trigger's id as its argument:
--
--   edge.fire_row     BEFORE, INSTEAD OF: calls the function, which may refuse or rewrite the row
--   edge.fire_after   AFTER with SYNC = true: calls the function, which may refuse the statement
--   edge.fire_later   AFTER: records the event, in the writer's transaction, for the queue
--
-- They run with the rights of whoever writes, so that CURRENT_USER is the role really in force, and pass
-- what happened to functions with the platform's rights. Those believe them only when called from here,
-- as edge.call believes edge.invoke (0005); and a trigger is believed to be ours only when it is the very
-- pg_trigger row that the registry knows: anybody may write EXECUTE FUNCTION edge.fire_row('17').

-- The registry's row for a Postgres trigger that fires, if it is the one registered, or that one's copy
-- on a partition.
CREATE FUNCTION edge.firing_trigger(id bigint, relation oid, trigger_name name) RETURNS edge.triggers
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t edge.triggers;
BEGIN
  -- Two look-ups by index. Joined, they cost a third more to start.
  SELECT * INTO t FROM edge.triggers e WHERE e.trigger_id = id AND e.pg_trigger = (
    SELECT g.oid FROM pg_trigger g WHERE g.tgrelid = relation AND g.tgname = trigger_name);
  IF t.trigger_id IS NOT NULL THEN
    RETURN t;
  END IF;
  WITH RECURSIVE line AS (
    SELECT g.oid, g.tgparentid FROM pg_trigger g
      WHERE g.tgrelid = relation AND g.tgname = trigger_name
    UNION ALL
    SELECT g.oid, g.tgparentid FROM line l JOIN pg_trigger g ON g.oid = l.tgparentid
  )
  SELECT e.* INTO t FROM edge.triggers e JOIN line l ON l.oid = e.pg_trigger WHERE e.trigger_id = id;
  IF t.trigger_id IS NULL THEN
    RAISE EXCEPTION 'trigger % is not an edge trigger', quote_ident(trigger_name) USING ERRCODE = '55000',
      HINT = 'Its edge trigger was dropped, or it was made by hand. Drop it, and use CREATE TRIGGER … EXECUTE EDGE FUNCTION.';
  END IF;
  RETURN t;
END $$;

-- What the function is called with: the arguments as written, or the event. A loop, since a query per row
-- costs thrice as much.
CREATE FUNCTION edge.trigger_arguments(
  t edge.triggers, parameters jsonb, operation text, relation regclass, new_row jsonb, old_row jsonb
) RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  written jsonb;
  value jsonb;
  given jsonb := '[]';
BEGIN
  IF t.arguments IS NULL OR t.arguments = '[]' THEN
    RETURN edge.fit_arguments(parameters, false, jsonb_build_object('trigger', t.name,
      'operation', operation, 'table', relation::text, 'new', new_row, 'old', old_row));
  END IF;
  FOR n IN 0 .. jsonb_array_length(t.arguments) - 1 LOOP
    written := t.arguments -> n;
    value := CASE written ->> 'row' WHEN 'new' THEN new_row WHEN 'old' THEN old_row ELSE written -> 'value' END;
    IF written ->> 'kind' = 'column' THEN
      value := value -> (written ->> 'column');
    END IF;
    given := given || jsonb_build_array(value);
  END LOOP;
  RETURN edge.fit_arguments(parameters, true, given);
END $$;

-- With the platform's rights: calls the trigger's function for the writer. The columns that the row shall
-- get, NULL where it stays as it is.
CREATE FUNCTION edge.call_trigger(
  id bigint, relation oid, trigger_name name, operation text, new_row jsonb, old_row jsonb, caller name
) RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stack text;
  t edge.triggers;
  f edge.functions;
  parameters jsonb;
  result jsonb;
  origin text;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF NOT (edge.is_called_by(stack, 'edge.call_trigger', 'edge.fire_row()')
    OR edge.is_called_by(stack, 'edge.call_trigger', 'edge.fire_after()')) THEN
    RAISE EXCEPTION 'edge.call_trigger is not for direct use' USING ERRCODE = '42501';
  END IF;
  t := edge.firing_trigger(id, relation, trigger_name);
  SELECT * INTO f FROM edge.functions e WHERE e.function_id = t.function_id;
  SELECT e.parameters INTO parameters FROM edge.versions e WHERE e.version_id = f.current_version_id;
  BEGIN
    result := edge.exchange(f, caller,
      jsonb_build_object('trigger', t.name, 'kind', 'database', 'deadlineMs', t.options -> 'deadlineMs'),
      edge.trigger_arguments(t, parameters, operation, relation, new_row, old_row));
  EXCEPTION
    WHEN query_canceled OR OTHERS THEN
      GET STACKED DIAGNOSTICS origin = PG_DATATYPE_NAME;
      -- A statement that is cancelled ends, whatever the trigger says; a function's time-out, which has
      -- the same SQLSTATE but was raised by us, is an error like any other.
      IF SQLSTATE = '57014' AND NOT starts_with(origin, 'orla:') THEN
        RAISE;
      ELSIF t.options ->> 'onError' = 'allow' THEN
        RAISE WARNING 'trigger % let a row through: %', quote_ident(trigger_name), SQLERRM;
        RETURN NULL;
      ELSIF SQLSTATE = '38000' THEN
        -- What the function threw is why the row is refused.
        RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = SQLERRM,
          TABLE = (SELECT c.relname FROM pg_class c WHERE c.oid = relation),
          SCHEMA = (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation),
          CONSTRAINT = trigger_name;
      END IF;
      RAISE;
  END;
  IF result IS NULL OR result = 'true' OR t.spec ->> 'timing' = 'after' AND result <> 'false' THEN
    RETURN NULL;
  END IF;
  RETURN edge.row_changes(result, new_row, f.wrapper, trigger_name, relation);
END $$;

-- What a result means to a row: whether it is refused, and which columns it gets.
CREATE FUNCTION edge.row_changes(
  result jsonb, current_row jsonb, function regproc, trigger_name name, relation oid
) RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shown name := (SELECT c.relname FROM pg_class c WHERE c.oid = relation);
  unknown text;
BEGIN
  CASE jsonb_typeof(result)
    WHEN 'boolean' THEN
      RAISE EXCEPTION 'new row for relation "%" was refused by trigger "%"', shown, trigger_name
        USING ERRCODE = '23514', CONSTRAINT = trigger_name,
          HINT = format('Edge function %s returned false.', function);
    WHEN 'object' THEN
      IF current_row IS NULL THEN
        RAISE EXCEPTION 'edge function % returned an object, but there is no row to change',
          function USING ERRCODE = '22023', HINT = 'Return true, false or nothing.';
      END IF;
      SELECT string_agg(quote_ident(k), ', ') INTO unknown FROM jsonb_object_keys(result) k
        WHERE NOT current_row ? k;
      IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'edge function % returned columns that "%" does not have: %',
          function, shown, unknown
          USING ERRCODE = '42703', HINT = 'Return true, false, nothing, or an object of the columns to set.';
      END IF;
      RETURN result;
    ELSE
      RAISE EXCEPTION 'edge function % returned % to trigger "%"', function,
        CASE jsonb_typeof(result) WHEN 'array' THEN 'an array' ELSE 'a ' || jsonb_typeof(result) END, trigger_name
        USING ERRCODE = '22023', HINT = 'Return true, false, nothing, or an object of the columns to set.';
  END CASE;
END $$;

CREATE FUNCTION edge.fire_row() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_row jsonb;
  old_row jsonb;
  changes jsonb;
BEGIN
  IF TG_LEVEL = 'ROW' THEN
    new_row := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    old_row := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  END IF;
  changes := edge.call_trigger(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_row, old_row, CURRENT_USER);
  IF changes IS NOT NULL THEN
    NEW := jsonb_populate_record(NEW, changes);
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION edge.fire_after() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- By an assignment, not PERFORM: so the frame above call_trigger is this function.
  unused jsonb;
  new_rows jsonb;
  old_rows jsonb;
BEGIN
  IF TG_LEVEL = 'ROW' THEN
    new_rows := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    old_rows := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  ELSE
    IF TG_OP <> 'DELETE' THEN
      SELECT coalesce(jsonb_agg(to_jsonb(n)), '[]') INTO new_rows FROM edge_new n;
    END IF;
    IF TG_OP <> 'INSERT' THEN
      SELECT coalesce(jsonb_agg(to_jsonb(o)), '[]') INTO old_rows FROM edge_old o;
    END IF;
  END IF;
  -- Nothing is left to change.
  unused := edge.call_trigger(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER);
  RETURN NULL;
END $$;

-- The outbox: what happened, committed or rolled back with what made it happen. A node moves events into
-- the queue, batch by batch, in the order they were recorded.
CREATE TABLE edge.events (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- No foreign key: a check per row is too dear; events of dropped triggers are thrown away.
  trigger_id bigint NOT NULL,
  operation text NOT NULL,
  relation text NOT NULL,
  new_row jsonb,
  old_row jsonb,
  role name NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION edge.record_event(
  id bigint, relation oid, trigger_name name, operation text, new_row jsonb, old_row jsonb, caller name
) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stack text;
  t edge.triggers;
  recorded bigint;
  announced text;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF NOT edge.is_called_by(stack, 'edge.record_event', 'edge.fire_later()') THEN
    RAISE EXCEPTION 'edge.record_event is not for direct use' USING ERRCODE = '42501';
  END IF;
  t := edge.firing_trigger(id, relation, trigger_name);
  INSERT INTO edge.events (trigger_id, operation, relation, new_row, old_row, role)
    VALUES (t.trigger_id, operation, relation::regclass::text, new_row, old_row, caller)
    RETURNING event_id INTO recorded;
  -- Postgres drops repetitions within a transaction. An assignment is no query, unlike PERFORM.
  announced := pg_notify('orla_events', '');
  RETURN recorded;
END $$;

CREATE FUNCTION edge.fire_later() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Rows of a statement that one event holds.
  size constant integer := 1000;
  part jsonb;
  -- By an assignment, not PERFORM: so the frame above record_event is this function.
  recorded bigint;
BEGIN
  IF TG_LEVEL = 'ROW' THEN
    recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP),
      CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END,
      CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CURRENT_USER);
  ELSIF TG_OP = 'INSERT' THEN
    FOR part IN SELECT jsonb_agg(r) FROM (
      SELECT to_jsonb(n) AS r, row_number() OVER () - 1 AS i FROM edge_new n) u GROUP BY i / size ORDER BY i / size
    LOOP
      recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, 'insert', part, NULL, CURRENT_USER);
    END LOOP;
  ELSIF TG_OP = 'DELETE' THEN
    FOR part IN SELECT jsonb_agg(r) FROM (
      SELECT to_jsonb(o) AS r, row_number() OVER () - 1 AS i FROM edge_old o) u GROUP BY i / size ORDER BY i / size
    LOOP
      recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, 'delete', NULL, part, CURRENT_USER);
    END LOOP;
  ELSE
    -- Postgres fills both tables in the order of the updates, so that rows pair by their places.
    FOR part IN SELECT jsonb_build_object('new', jsonb_agg(n.r ORDER BY n.i), 'old', jsonb_agg(o.r ORDER BY o.i)) FROM (
        SELECT to_jsonb(n) AS r, row_number() OVER () - 1 AS i FROM edge_new n) n
      JOIN (SELECT to_jsonb(o) AS r, row_number() OVER () - 1 AS i FROM edge_old o) o USING (i)
      GROUP BY i / size ORDER BY i / size
    LOOP
      recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, 'update', part -> 'new', part -> 'old', CURRENT_USER);
    END LOOP;
  END IF;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION edge.firing_trigger(bigint, oid, name),
  edge.trigger_arguments(edge.triggers, jsonb, text, regclass, jsonb, jsonb),
  edge.row_changes(jsonb, jsonb, regproc, name, oid) FROM PUBLIC;
