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

-- A trigger's arguments as the registry keeps them: each column is one of the table, with its number.
CREATE FUNCTION edge.resolve_trigger_arguments(arguments jsonb, relation oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  resolved jsonb := '[]';
  one jsonb;
  number smallint;
BEGIN
  IF arguments IS NULL THEN
    RETURN NULL;
  END IF;
  FOR one IN SELECT value FROM jsonb_array_elements(arguments) LOOP
    IF one ->> 'kind' = 'column' THEN
      SELECT a.attnum INTO number FROM pg_attribute a
        WHERE a.attrelid = relation AND a.attname = one ->> 'column' AND a.attnum > 0 AND NOT a.attisdropped;
      IF number IS NULL THEN
        RAISE EXCEPTION 'column "%" of relation "%" does not exist', one ->> 'column',
            (SELECT c.relname FROM pg_class c WHERE c.oid = relation)
          USING ERRCODE = '42703', DATATYPE = edge.at(one ->> 'position');
      END IF;
      one := one || jsonb_build_object('number', number);
    END IF;
    resolved := resolved || (one - 'position');
  END LOOP;
  RETURN resolved;
END $$;

-- A function that declares parameters gets a value for each; any other gets one payload.
CREATE FUNCTION edge.check_argument_count(f edge.functions, arguments jsonb, place text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  given integer := coalesce(jsonb_array_length(arguments), 0);
  taken integer := (SELECT jsonb_array_length(v.parameters) FROM edge.versions v
    WHERE v.version_id = f.current_version_id);
BEGIN
  IF taken IS NULL AND given > 1 THEN
    RAISE EXCEPTION 'edge function % declares no parameters, and takes one value at most', quote_ident(f.name)
      USING ERRCODE = '42883', DATATYPE = place, HINT = 'Pass NEW.*, or declare a parameter for each value.';
  ELSIF given = 0 AND taken > 1 OR given > 0 AND given <> taken THEN
    RAISE EXCEPTION 'edge function % takes % values, the trigger passes %', quote_ident(f.name), taken, given
      USING ERRCODE = '42883', DATATYPE = place,
        HINT = 'Write a value for each parameter: NEW.*, OLD.*, NEW.column, or a literal.';
  END IF;
END $$;

-- The arguments as written. A loop, since a query per row costs thrice as much.
CREATE FUNCTION edge.written_arguments(t edge.triggers, new_rows jsonb, old_rows jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  written jsonb;
  value jsonb;
  given jsonb := '[]';
BEGIN
  FOR n IN 0 .. jsonb_array_length(t.arguments) - 1 LOOP
    written := t.arguments -> n;
    value := CASE written ->> 'row' WHEN 'new' THEN new_rows WHEN 'old' THEN old_rows ELSE written -> 'value' END;
    IF written ->> 'kind' = 'column' THEN
      IF value IS NOT NULL AND NOT value ? (written ->> 'column') THEN
        RAISE EXCEPTION 'trigger % passes column "%", which is gone', quote_ident(t.name), written ->> 'column'
          USING ERRCODE = '42703', HINT = 'CREATE OR REPLACE TRIGGER says what it passes now.';
      END IF;
      value := value -> (written ->> 'column');
    END IF;
    given := given || jsonb_build_array(value);
  END LOOP;
  RETURN given;
END $$;

-- What the function is called with: the arguments as written, or the event.
CREATE FUNCTION edge.trigger_arguments(
  t edge.triggers, parameters jsonb, operation text, relation regclass, new_rows jsonb, old_rows jsonb
) RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF t.arguments IS NULL OR t.arguments = '[]' THEN
    RETURN edge.fit_arguments(parameters, false, jsonb_build_object('trigger', t.name,
      'operation', operation, 'table', relation::text, 'new', new_rows, 'old', old_rows));
  END IF;
  RETURN edge.fit_arguments(parameters, true, edge.written_arguments(t, new_rows, old_rows));
END $$;

-- With the platform's rights: calls the trigger's function for the writer. The columns that the row shall
-- get, NULL where it stays as it is.
CREATE FUNCTION edge.call_trigger(
  id bigint, relation oid, trigger_name name, operation text, new_row jsonb, old_row jsonb, caller name
) RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stack text;
  expression constant text := 'changes := edge.call_trigger(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS changes';
  t edge.triggers;
  f edge.functions;
  parameters jsonb;
  result jsonb;
  origin text;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF NOT (edge.is_called_by(stack, 'edge.call_trigger', 'edge.fire_row()', expression)
    OR edge.is_called_by(stack, 'edge.call_trigger', 'edge.fire_after()', expression)) THEN
    RAISE EXCEPTION 'edge.call_trigger is not for direct use' USING ERRCODE = '42501';
  END IF;
  t := edge.firing_trigger(id, relation, trigger_name);
  SELECT * INTO f FROM edge.functions e WHERE e.function_id = t.function_id;
  SELECT e.parameters INTO parameters FROM edge.versions e WHERE e.version_id = f.current_version_id;
  BEGIN
    result := edge.exchange(f, caller,
      jsonb_build_object('trigger', edge.public_id(t.schema_name, t.name), 'kind', 'database',
        'eventId', gen_random_uuid(), 'deadlineMs', t.options -> 'deadlineMs'),
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

-- A value as it comes back from a language whose numbers are doubles. Shorter ones fit, and beyond 300
-- digits a cast may not.
CREATE FUNCTION edge.as_doubles(value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE jsonb_typeof(value)
    WHEN 'number' THEN CASE WHEN length(value #>> '{}') BETWEEN 16 AND 300
      THEN to_jsonb((value #>> '{}')::double precision) ELSE value END
    WHEN 'array' THEN (SELECT coalesce(jsonb_agg(edge.as_doubles(v) ORDER BY n), '[]')
      FROM jsonb_array_elements(value) WITH ORDINALITY u(v, n))
    WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(k, edge.as_doubles(v)), '{}')
      FROM jsonb_each(value) u(k, v))
    ELSE value END;
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
      -- What came back as it went is not touched: rows keep the digits that a language cannot hold.
      SELECT jsonb_object_agg(key, value) INTO result FROM jsonb_each(result)
        WHERE value <> current_row -> key AND value <> edge.as_doubles(current_row -> key);
      SELECT string_agg(quote_ident(a.attname), ', ') INTO unknown FROM pg_attribute a
        WHERE a.attrelid = relation AND a.attgenerated <> '' AND result ? a.attname;
      IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'edge function % returned values for generated columns of "%": %',
          function, shown, unknown
          USING ERRCODE = '428C9', HINT = 'Postgres computes them. Leave them out.';
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
  new_rows jsonb;
  old_rows jsonb;
  changes jsonb;
BEGIN
  IF TG_LEVEL = 'ROW' THEN
    new_rows := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    old_rows := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  END IF;
  changes := edge.call_trigger(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS changes;
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
  changes jsonb;
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
  -- There will be none: the rows are written.
  changes := edge.call_trigger(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS changes;
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
  -- What the trigger passes, in the order of its arguments; NULL: the event, whose rows follow.
  arguments jsonb,
  new_row jsonb,
  old_row jsonb,
  -- Of the three as text: what a job of this event weighs.
  bytes integer NOT NULL DEFAULT 0,
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
  arguments jsonb;
  recorded bigint;
  announced text;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF NOT edge.is_called_by(stack, 'edge.record_event', 'edge.fire_later()',
      'recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS recorded') THEN
    RAISE EXCEPTION 'edge.record_event is not for direct use' USING ERRCODE = '42501';
  END IF;
  t := edge.firing_trigger(id, relation, trigger_name);
  IF jsonb_array_length(t.arguments) > 0 THEN
    arguments := edge.written_arguments(t, new_row, old_row);
    new_row := NULL;
    old_row := NULL;
  END IF;
  INSERT INTO edge.events (trigger_id, operation, relation, arguments, new_row, old_row, bytes, role)
    VALUES (t.trigger_id, operation, relation::regclass::text, arguments, new_row, old_row,
      octet_length(concat(arguments, new_row, old_row)), caller)
    RETURNING event_id INTO recorded;
  -- Postgres drops repetitions within a transaction. An assignment is no query, unlike PERFORM.
  announced := pg_notify('orla_events', '');
  RETURN recorded;
END $$;

CREATE FUNCTION edge.fire_later() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Rows of a statement that one event holds, and their bytes: a function is given 16 MB at most.
  size constant integer := 1000;
  bytes constant integer := 4194304;
  new_rows jsonb;
  old_rows jsonb;
  -- By an assignment, not PERFORM: so the frame above record_event is this function.
  recorded bigint;
BEGIN
  IF TG_LEVEL = 'ROW' THEN
    new_rows := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    old_rows := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS recorded;
  ELSIF TG_OP = 'INSERT' THEN
    FOR new_rows IN SELECT jsonb_agg(r ORDER BY i) FROM (
      SELECT n.*, sum(octet_length(r::text)) OVER (ORDER BY i) / bytes AS part FROM (
        SELECT to_jsonb(n) AS r, row_number() OVER () - 1 AS i FROM edge_new n) n) u
      GROUP BY i / size, part ORDER BY min(i)
    LOOP
      recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS recorded;
    END LOOP;
  ELSIF TG_OP = 'DELETE' THEN
    FOR old_rows IN SELECT jsonb_agg(r ORDER BY i) FROM (
      SELECT o.*, sum(octet_length(r::text)) OVER (ORDER BY i) / bytes AS part FROM (
        SELECT to_jsonb(o) AS r, row_number() OVER () - 1 AS i FROM edge_old o) o) u
      GROUP BY i / size, part ORDER BY min(i)
    LOOP
      recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS recorded;
    END LOOP;
  ELSE
    -- Postgres fills both tables in the order of the updates, so that rows pair by their places.
    FOR new_rows, old_rows IN SELECT jsonb_agg(n ORDER BY i), jsonb_agg(o ORDER BY i) FROM (
      SELECT i, n.r AS n, o.r AS o, sum(octet_length(concat(n.r, o.r))) OVER (ORDER BY i) / bytes AS part FROM (
          SELECT to_jsonb(n) AS r, row_number() OVER () - 1 AS i FROM edge_new n) n
        JOIN (SELECT to_jsonb(o) AS r, row_number() OVER () - 1 AS i FROM edge_old o) o USING (i)) u
      GROUP BY i / size, part ORDER BY min(i)
    LOOP
      recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS recorded;
    END LOOP;
  END IF;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION edge.firing_trigger(bigint, oid, name),
  edge.written_arguments(edge.triggers, jsonb, jsonb),
  edge.trigger_arguments(edge.triggers, jsonb, text, regclass, jsonb, jsonb),
  edge.row_changes(jsonb, jsonb, regproc, name, oid), edge.resolve_trigger_arguments(jsonb, oid),
  edge.check_argument_count(edge.functions, jsonb, text) FROM PUBLIC;
