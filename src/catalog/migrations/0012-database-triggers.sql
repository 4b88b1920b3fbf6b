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
  genuine boolean;
BEGIN
  SELECT * INTO t FROM edge.triggers e WHERE e.trigger_id = id;
  SELECT true INTO genuine FROM pg_trigger g
    WHERE g.oid = t.pg_trigger AND g.tgrelid = relation AND g.tgname = trigger_name;
  IF genuine THEN
    RETURN t;
  END IF;
  WITH RECURSIVE line AS (
    SELECT g.oid, g.tgparentid FROM pg_trigger g
      WHERE g.tgrelid = relation AND g.tgname = trigger_name
    UNION ALL
    SELECT g.oid, g.tgparentid FROM line l JOIN pg_trigger g ON g.oid = l.tgparentid
  )
  SELECT true INTO genuine FROM line l WHERE l.oid = t.pg_trigger;
  IF genuine IS NOT TRUE THEN
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

CREATE FUNCTION edge.column_of(of_row jsonb, column_name text, trigger_name name) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF of_row IS NOT NULL AND NOT of_row ? column_name THEN
    RAISE EXCEPTION 'trigger % passes column "%", which is gone', quote_ident(trigger_name), column_name
      USING ERRCODE = '42703', HINT = 'CREATE OR REPLACE TRIGGER says what it passes now.';
  END IF;
  RETURN of_row -> column_name;
END $$;

-- What the function is called with: the arguments as written, or the event.
CREATE FUNCTION edge.trigger_arguments(
  t edge.triggers, operation text, relation regclass, new_row jsonb, old_row jsonb
) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN t.arguments IS NULL OR t.arguments = '[]' THEN jsonb_build_object(
      'trigger', t.name, 'operation', operation, 'table', relation::text, 'new', new_row, 'old', old_row)
    ELSE (
      SELECT jsonb_agg(CASE a ->> 'kind'
        WHEN 'row' THEN CASE a ->> 'row' WHEN 'new' THEN new_row ELSE old_row END
        WHEN 'column' THEN edge.column_of(
          CASE a ->> 'row' WHEN 'new' THEN new_row ELSE old_row END, a ->> 'column', t.name)
        ELSE a -> 'value' END ORDER BY n)
      FROM jsonb_array_elements(t.arguments) WITH ORDINALITY u(a, n)) END
$$;

-- Whether an argument list fits what the function declares: with parameters an array of that many values,
-- without any one payload.
CREATE FUNCTION edge.fit_arguments(t edge.triggers, parameters jsonb, given jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN parameters IS NULL AND jsonb_typeof(given) = 'array' THEN given -> 0
    WHEN parameters IS NULL THEN given
    WHEN jsonb_typeof(given) = 'array' THEN given
    WHEN jsonb_array_length(parameters) = 0 THEN '[]'
    ELSE jsonb_build_array(given) END
$$;

-- With the platform's rights: calls the trigger's function for the writer. The result as the function gave it.
CREATE FUNCTION edge.call_trigger(
  id bigint, relation oid, trigger_name name, operation text, new_row jsonb, old_row jsonb, caller name
) RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stack text;
  expression constant text := 'answer := edge.call_trigger(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS answer';
  t edge.triggers;
  f edge.functions;
  parameters jsonb;
  extra jsonb;
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
  extra := jsonb_build_object('trigger', CASE t.schema_name WHEN 'public' THEN t.name::text
      ELSE t.schema_name || '/' || t.name END, 'kind', 'database', 'eventId', gen_random_uuid(),
    'deadlineMs', t.options -> 'deadlineMs');
  BEGIN
    RETURN jsonb_build_object('result', edge.exchange(f, caller, extra,
      edge.fit_arguments(t, parameters,
        edge.trigger_arguments(t, operation, relation::regclass, new_row, old_row))),
      'function', f.wrapper::regproc::text);
  EXCEPTION
    WHEN query_canceled OR OTHERS THEN
      GET STACKED DIAGNOSTICS origin = PG_DATATYPE_NAME;
      -- A statement that is cancelled ends, whatever the trigger says; a function's time-out, which has
      -- the same SQLSTATE but was raised by us, is an error like any other.
      IF SQLSTATE = '57014' AND NOT starts_with(origin, 'orla:') THEN
        RAISE;
      ELSIF t.options ->> 'onError' = 'allow' THEN
        RAISE WARNING 'trigger % let a row through: %', quote_ident(trigger_name), SQLERRM;
        RETURN '{"result": true}';
      ELSIF SQLSTATE = '38000' THEN
        -- What the function threw is why the row is refused.
        RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = SQLERRM,
          TABLE = (SELECT c.relname FROM pg_class c WHERE c.oid = relation),
          SCHEMA = (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation),
          CONSTRAINT = trigger_name;
      END IF;
      RAISE;
  END;
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
  answer jsonb, current_row jsonb, trigger_name name, relation regclass, may_change boolean
) RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result jsonb := answer -> 'result';
  shown name;
  unknown text;
BEGIN
  IF result IS NULL OR result IN ('true', 'null') THEN
    RETURN NULL;
  END IF;
  SELECT c.relname INTO shown FROM pg_class c WHERE c.oid = relation;
  CASE jsonb_typeof(result)
    WHEN 'boolean' THEN
      RAISE EXCEPTION 'new row for relation "%" was refused by trigger "%"', shown, trigger_name
        USING ERRCODE = '23514', CONSTRAINT = trigger_name,
          HINT = format('Edge function %s returned false.', answer ->> 'function');
    WHEN 'object' THEN
      IF NOT may_change THEN
        RAISE EXCEPTION 'edge function % returned an object, but there is no row to change',
          answer ->> 'function' USING ERRCODE = '22023', HINT = 'Return true, false or nothing.';
      END IF;
      SELECT string_agg(quote_ident(k), ', ') INTO unknown FROM jsonb_object_keys(result) k
        WHERE NOT current_row ? k;
      IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'edge function % returned columns that "%" does not have: %',
          answer ->> 'function', shown, unknown
          USING ERRCODE = '42703', HINT = 'Return true, false, nothing, or an object of the columns to set.';
      END IF;
      -- What came back as it went is not touched: rows keep the digits that a language cannot hold.
      SELECT jsonb_object_agg(key, value) INTO result FROM jsonb_each(result)
        WHERE value <> current_row -> key AND value <> edge.as_doubles(current_row -> key);
      SELECT string_agg(quote_ident(a.attname), ', ') INTO unknown FROM pg_attribute a
        WHERE a.attrelid = relation AND a.attgenerated <> '' AND result ? a.attname;
      IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'edge function % returned values for generated columns of "%": %',
          answer ->> 'function', shown, unknown
          USING ERRCODE = '428C9', HINT = 'Postgres computes them. Leave them out.';
      END IF;
      RETURN result;
    ELSE
      RAISE EXCEPTION 'edge function % returned % to trigger "%"', answer ->> 'function',
        CASE jsonb_typeof(result) WHEN 'array' THEN 'an array' ELSE 'a ' || jsonb_typeof(result) END, trigger_name
        USING ERRCODE = '22023', HINT = 'Return true, false, nothing, or an object of the columns to set.';
  END CASE;
END $$;

CREATE FUNCTION edge.fire_row() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_rows jsonb;
  old_rows jsonb;
  answer jsonb;
  changes jsonb;
BEGIN
  IF TG_LEVEL = 'ROW' THEN
    new_rows := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    old_rows := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  END IF;
  answer := edge.call_trigger(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS answer;
  changes := edge.row_changes(answer, new_rows, TG_NAME, TG_RELID::regclass, new_rows IS NOT NULL);
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
  answer jsonb;
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
  answer := edge.call_trigger(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS answer;
  IF answer -> 'result' = 'false' THEN
    PERFORM edge.row_changes(answer, NULL, TG_NAME, TG_RELID::regclass, false);
  END IF;
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
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF NOT edge.is_called_by(stack, 'edge.record_event', 'edge.fire_later()',
      'recorded := edge.record_event(TG_ARGV[0]::bigint, TG_RELID, TG_NAME, lower(TG_OP), new_rows, old_rows, CURRENT_USER) AS recorded') THEN
    RAISE EXCEPTION 'edge.record_event is not for direct use' USING ERRCODE = '42501';
  END IF;
  t := edge.firing_trigger(id, relation, trigger_name);
  IF jsonb_array_length(t.arguments) > 0 THEN
    arguments := edge.trigger_arguments(t, operation, relation::regclass, new_row, old_row);
    new_row := NULL;
    old_row := NULL;
  END IF;
  INSERT INTO edge.events (trigger_id, operation, relation, arguments, new_row, old_row, bytes, role)
    VALUES (t.trigger_id, operation, relation::regclass::text, arguments, new_row, old_row,
      octet_length(concat(arguments, new_row, old_row)), caller)
    RETURNING event_id INTO recorded;
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

-- One wake-up per statement that recorded something; Postgres drops repetitions within a transaction.
CREATE FUNCTION edge.announce_events() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('orla_events', '');
  RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON edge.events
  FOR EACH STATEMENT EXECUTE FUNCTION edge.announce_events();

REVOKE ALL ON FUNCTION edge.firing_trigger(bigint, oid, name),
  edge.trigger_arguments(edge.triggers, text, regclass, jsonb, jsonb),
  edge.fit_arguments(edge.triggers, jsonb, jsonb), edge.resolve_trigger_arguments(jsonb, oid),
  edge.check_argument_count(edge.functions, jsonb, text) FROM PUBLIC;
