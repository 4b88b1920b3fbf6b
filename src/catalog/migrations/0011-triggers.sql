-- Triggers: what causes invocations, whatever the kind. The row is the trigger; a database trigger has
-- a real Postgres trigger beside it, made by its creator's own CREATE TRIGGER.

CREATE TABLE edge.triggers (
  trigger_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  schema_name name NOT NULL,
  -- pg_namespace.oid: by it the trigger follows when the schema is renamed or dropped.
  schema_id oid NOT NULL,
  name name NOT NULL,
  kind text NOT NULL CHECK (kind IN ('database', 'http', 'schedule', 'queue', 'upload', 'hook')),
  -- RESTRICT: edge.ddl_drop and edge.follow drop or refuse before.
  function_id bigint NOT NULL REFERENCES edge.functions ON DELETE CASCADE,
  -- By kind: {"timing": …}, {"method": …, "path": …}, {"schedule": …}, {"queue": …}, {"bucket": …}, {"hook": …}.
  spec jsonb NOT NULL CHECK (jsonb_typeof(spec) = 'object'),
  -- What a database trigger passes: [{"kind": "row", "row": "new"}, …]; NULL: the event. A column has its
  -- `number` in the table too: by it the argument follows when the column is renamed.
  arguments jsonb CHECK (jsonb_typeof(arguments) = 'array'),
  options jsonb NOT NULL CHECK (jsonb_typeof(options) = 'object'),
  enabled boolean NOT NULL DEFAULT true,
  -- pg_trigger.oid; NULL for other kinds, and inside the transaction that makes it.
  pg_trigger oid UNIQUE,
  -- Who made it: its asynchronous invocations run with the rights of this role. A dump has its name.
  owner regrole NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (schema_name, name)
);
CREATE INDEX triggers_function ON edge.triggers (function_id);
-- A queue has one trigger.
CREATE UNIQUE INDEX triggers_queue ON edge.triggers ((spec ->> 'queue')) WHERE kind = 'queue';
-- Two routes that the same requests would match. `route` is the path with its parameters' names left out.
CREATE UNIQUE INDEX triggers_route ON edge.triggers
  ((spec ->> 'host'), (spec ->> 'method'), (spec ->> 'route')) NULLS NOT DISTINCT WHERE kind = 'http';

-- Secrets of triggers (a webhook's signing key) are where no view shows them.
CREATE TABLE edge.trigger_secrets (
  trigger_id bigint PRIMARY KEY REFERENCES edge.triggers ON DELETE CASCADE,
  secret text NOT NULL
);

-- What nodes write about a trigger's runs.
CREATE TABLE edge.trigger_state (
  trigger_id bigint PRIMARY KEY REFERENCES edge.triggers ON DELETE CASCADE,
  last_run_at timestamptz,
  next_run_at timestamptz,
  succeeded bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  last_error text
);

CREATE FUNCTION edge.announce_trigger() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('orla_triggers', '');
  RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON edge.triggers
  FOR EACH STATEMENT EXECUTE FUNCTION edge.announce_trigger();

-- The trigger `schema`.`name`, locked, if the caller may change it.
CREATE FUNCTION edge.locate_trigger(request jsonb, path name[], caller name) RETURNS edge.triggers
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found edge.triggers;
BEGIN
  SELECT t.* INTO found FROM edge.triggers t
    WHERE t.name = request ->> 'name' AND t.schema_name = ANY (edge.searched(request, path))
    ORDER BY array_position(path, t.schema_name) LIMIT 1 FOR UPDATE;
  IF found.trigger_id IS NULL THEN
    RETURN NULL;
  ELSIF NOT pg_has_role(caller, found.owner, 'USAGE') THEN
    RAISE EXCEPTION 'must be owner of trigger %', quote_ident(found.name)
      USING ERRCODE = '42501', DATATYPE = edge.at(request ->> 'position');
  END IF;
  RETURN found;
END $$;

CREATE FUNCTION edge.locate_existing_trigger(request jsonb, path name[], caller name)
RETURNS edge.triggers LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found edge.triggers := edge.locate_trigger(request, path, caller);
BEGIN
  IF found.trigger_id IS NULL THEN
    RAISE EXCEPTION 'edge trigger % does not exist',
        concat_ws('.', quote_ident(request ->> 'schema'), quote_ident(request ->> 'name'))
      USING ERRCODE = '42704', DATATYPE = edge.at(request ->> 'position'),
        HINT = 'LIST EDGE TRIGGERS shows those that exist. Triggers of Postgres itself need ON and their table.';
  END IF;
  RETURN found;
END $$;

-- A table or view as the caller names it.
CREATE FUNCTION edge.resolve_relation(named jsonb, path name[]) RETURNS oid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found oid;
BEGIN
  SELECT c.oid INTO found FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = named ->> 'name' AND n.nspname = ANY (edge.searched(named, path))
    ORDER BY array_position(path, n.nspname) LIMIT 1;
  IF found IS NULL THEN
    RAISE EXCEPTION 'relation "%" does not exist', concat_ws('.', named ->> 'schema', named ->> 'name')
      USING ERRCODE = '42P01', DATATYPE = edge.at(named ->> 'position');
  END IF;
  RETURN found;
END $$;

-- The statement that gives a Postgres trigger, after it was made again, the switch it had: CREATE OR
-- REPLACE TRIGGER switches it on. Nothing for one that is new, or was on.
CREATE FUNCTION edge.keep_switch(pg_trigger oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_agg(format('ALTER TABLE %s %s TRIGGER %I', g.tgrelid::regclass,
    CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, g.tgname)), '[]')
  FROM pg_trigger g WHERE g.oid = pg_trigger AND g.tgenabled <> 'O'
$$;

-- The Postgres trigger of a database trigger, for its creator to make: Postgres checks the TRIGGER right
-- on the table, and reads the condition. The functions that fire are in 0012.
CREATE FUNCTION edge.database_trigger_statements(t edge.triggers, replaces boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_array(concat_ws(' ',
    CASE WHEN replaces THEN 'CREATE OR REPLACE TRIGGER' ELSE 'CREATE TRIGGER' END, quote_ident(t.name),
    upper(replace(t.spec ->> 'timing', '_', ' ')), (
      SELECT string_agg(upper(e ->> 'operation') || coalesce(' OF ' || (
        SELECT string_agg(quote_ident(c), ', ' ORDER BY m)
        FROM jsonb_array_elements_text(e -> 'columns') WITH ORDINALITY k(c, m)), ''), ' OR ' ORDER BY n)
      FROM jsonb_array_elements(t.spec -> 'events') WITH ORDINALITY u(e, n)),
    'ON', t.spec ->> 'table',
    -- What a statement did is in its transition tables.
    CASE WHEN t.spec ->> 'forEach' = 'statement' AND t.spec ->> 'timing' = 'after' THEN concat_ws(' ',
      'REFERENCING', CASE WHEN t.spec #>> '{events,0,operation}' <> 'delete' THEN 'NEW TABLE AS edge_new' END,
      CASE WHEN t.spec #>> '{events,0,operation}' <> 'insert' THEN 'OLD TABLE AS edge_old' END) END,
    'FOR EACH', upper(t.spec ->> 'forEach'),
    'WHEN (' || (t.spec ->> 'when') || ')',
    format('EXECUTE FUNCTION edge.fire_%s(%L)', CASE
      WHEN t.spec ->> 'timing' <> 'after' THEN 'row'
      WHEN coalesce((t.options ->> 'sync')::boolean, false) THEN 'after'
      ELSE 'later' END, t.trigger_id)))
$$;

CREATE FUNCTION edge.ddl_create_trigger(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f edge.functions;
  t edge.triggers;
  relation oid;
  target name;
  taker name;
  place text := edge.at(request ->> 'position');
  source jsonb := request -> 'spec';
  passed jsonb := nullif(request -> 'arguments', 'null');
BEGIN
  SELECT * INTO f FROM edge.locate(request -> 'function', path);
  IF f.function_id IS NULL THEN
    RAISE EXCEPTION 'edge function % does not exist', concat_ws('.',
        quote_ident(request #>> '{function,schema}'), quote_ident(request #>> '{function,name}'))
      USING ERRCODE = '42883', DATATYPE = edge.at(request #>> '{function,position}'),
        HINT = 'LIST EDGE FUNCTIONS shows those that exist.';
  ELSIF NOT has_function_privilege(caller, f.wrapper, 'EXECUTE') THEN
    RAISE EXCEPTION 'permission denied for function %', f.wrapper::regproc
      USING ERRCODE = '42501', DATATYPE = edge.at(request #>> '{function,position}');
  END IF;

  IF request ->> 'kind' = 'database' THEN
    relation := edge.resolve_relation(source -> 'table', path);
    SELECT n.nspname INTO target FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = relation;
    source := jsonb_set(source, '{table}', to_jsonb(relation::regclass::text));
    passed := edge.resolve_trigger_arguments(passed, relation);
    PERFORM edge.check_argument_count(f, passed, edge.at(request #>> '{function,position}'));
  ELSE
    target := edge.creation_schema(request, path);
    IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = target) THEN
      RAISE EXCEPTION 'schema "%" does not exist', target USING ERRCODE = '3F000', DATATYPE = place;
    ELSIF NOT has_schema_privilege(caller, target, 'CREATE') THEN
      RAISE EXCEPTION 'permission denied for schema %', target USING ERRCODE = '42501', DATATYPE = place;
    END IF;
  END IF;

  -- Where no event trigger saw the end of its table, a trigger's row may have outlived it.
  PERFORM edge.ddl_dropped_trigger();
  PERFORM pg_advisory_xact_lock(hashtextextended(format('orla trigger %I.%I', target, request ->> 'name'), 0));
  t := edge.locate_trigger(request || jsonb_build_object('schema', target), path, caller);
  IF t.trigger_id IS NOT NULL THEN
    IF NOT coalesce((request ->> 'orReplace')::boolean, false) THEN
      RAISE EXCEPTION 'edge trigger % already exists', quote_ident(t.name)
        USING ERRCODE = '42710', DATATYPE = place,
          HINT = 'CREATE OR REPLACE TRIGGER changes it.';
    ELSIF t.kind <> request ->> 'kind' THEN
      RAISE EXCEPTION 'edge trigger % is of another kind: %', quote_ident(t.name), t.kind
        USING ERRCODE = '42710', DATATYPE = place, HINT = 'Drop it first.';
    ELSIF relation <> (SELECT g.tgrelid FROM pg_trigger g WHERE g.oid = t.pg_trigger) THEN
      RAISE EXCEPTION 'edge trigger % is on another table: %', quote_ident(t.name),
          (SELECT g.tgrelid::regclass FROM pg_trigger g WHERE g.oid = t.pg_trigger)
        USING ERRCODE = '42710', DATATYPE = place, HINT = 'Drop it first.';
    END IF;
  END IF;
  IF request ->> 'kind' = 'queue' THEN
    SELECT o.name INTO taker FROM edge.triggers o WHERE o.kind = 'queue'
      AND o.trigger_id IS DISTINCT FROM t.trigger_id AND o.spec ->> 'queue' = source ->> 'queue';
    IF taker IS NOT NULL THEN
      RAISE EXCEPTION 'trigger % takes the messages of queue "%" already', quote_ident(taker), source ->> 'queue'
        USING ERRCODE = '42710', DATATYPE = edge.at(request ->> 'sourcePosition'),
          HINT = 'A message goes to one function. Send it to a queue for each, or call both from one function.';
    END IF;
  END IF;
  IF request ->> 'kind' = 'http' THEN
    PERFORM edge.refuse_taken_route(source, t.trigger_id, request ->> 'sourcePosition');
  END IF;

  IF t.trigger_id IS NULL THEN
    INSERT INTO edge.triggers
        (schema_name, schema_id, name, kind, function_id, spec, arguments, options, owner)
      VALUES (target, quote_ident(target)::regnamespace, request ->> 'name', request ->> 'kind',
        f.function_id, source, passed, request -> 'options', quote_ident(caller)::regrole)
      RETURNING * INTO t;
  ELSE
    UPDATE edge.triggers u SET function_id = f.function_id, spec = source,
        arguments = passed, options = request -> 'options',
        updated_at = clock_timestamp()
      WHERE u.trigger_id = t.trigger_id RETURNING * INTO t;
  END IF;
  UPDATE edge.trigger_state s SET next_run_at = NULL WHERE s.trigger_id = t.trigger_id;
  IF t.kind = 'http' THEN
    PERFORM edge.settle_auth(t, request);
  END IF;
  RETURN jsonb_build_object('triggerId', t.trigger_id::text, 'change', 'created',
    'after', 'bind_trigger', 'statements', CASE t.kind WHEN 'database'
      THEN edge.database_trigger_statements(t, t.pg_trigger IS NOT NULL) || edge.keep_switch(t.pg_trigger)
      ELSE '[]' END);
END $$;

-- After the statements: couples the row with the Postgres trigger its owner has just made.
CREATE FUNCTION edge.ddl_bind_trigger(request jsonb, caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t edge.triggers;
  made oid;
BEGIN
  SELECT * INTO t FROM edge.triggers e
    WHERE e.trigger_id = (request ->> 'triggerId')::bigint AND e.kind = 'database';
  SELECT g.oid INTO made FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE g.tgrelid = to_regclass(t.spec ->> 'table') AND g.tgname = t.name AND NOT g.tgisinternal
      AND n.nspname = 'edge' AND g.tgargs = convert_to(t.trigger_id::text, 'UTF8') || '\x00'::bytea;
  IF made IS NULL OR NOT pg_has_role(caller, t.owner, 'USAGE') THEN
    RAISE EXCEPTION 'there is nothing to bind' USING ERRCODE = '55000';
  END IF;
  UPDATE edge.triggers SET pg_trigger = made WHERE trigger_id = t.trigger_id;
  RETURN NULL;
END $$;

-- ENABLE and DISABLE; a database trigger's own switch is turned by its owner's ALTER TABLE.
CREATE FUNCTION edge.ddl_switch_trigger(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t edge.triggers := edge.locate_existing_trigger(request, path, caller);
  wanted boolean := (request ->> 'enabled')::boolean;
BEGIN
  UPDATE edge.triggers u SET enabled = wanted, updated_at = clock_timestamp() WHERE u.trigger_id = t.trigger_id;
  -- What a schedule missed meanwhile was meant to be missed.
  UPDATE edge.trigger_state s SET next_run_at = NULL WHERE s.trigger_id = t.trigger_id;
  RETURN jsonb_build_object('triggerId', t.trigger_id::text, 'change', 'switched', 'after', 'nothing',
    'statements', CASE WHEN t.pg_trigger IS NULL THEN '[]' ELSE jsonb_build_array((
      SELECT format('ALTER TABLE %s %s TRIGGER %I', g.tgrelid::regclass,
        CASE WHEN wanted THEN 'ENABLE' ELSE 'DISABLE' END, g.tgname)
      FROM pg_trigger g WHERE g.oid = t.pg_trigger)) END);
END $$;

CREATE FUNCTION edge.ddl_drop_trigger(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t edge.triggers := edge.locate_trigger(request, path, caller);
  statement text;
BEGIN
  IF t.trigger_id IS NULL THEN
    IF NOT coalesce((request ->> 'ifExists')::boolean, false) THEN
      PERFORM edge.locate_existing_trigger(request, path, caller);
    END IF;
    RAISE NOTICE 'edge trigger % does not exist, skipping', quote_ident(request ->> 'name');
    RETURN '{"statements": []}';
  END IF;
  SELECT format('DROP TRIGGER %I ON %s', g.tgname, g.tgrelid::regclass) INTO statement
    FROM pg_trigger g WHERE g.oid = t.pg_trigger;
  IF statement IS NULL THEN
    DELETE FROM edge.triggers u WHERE u.trigger_id = t.trigger_id;
  END IF;
  RETURN jsonb_build_object('triggerId', t.trigger_id::text, 'change', 'dropped', 'after', 'dropped_trigger',
    'statements', CASE WHEN statement IS NULL THEN '[]' ELSE jsonb_build_array(statement) END);
END $$;

-- Rows whose Postgres trigger or schema is gone, by whatever way: DROP TRIGGER, TABLE, SCHEMA.
CREATE FUNCTION edge.ddl_dropped_trigger() RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM edge.triggers t
    WHERE (t.pg_trigger IS NOT NULL AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.oid = t.pg_trigger))
      OR NOT EXISTS (SELECT FROM pg_namespace n WHERE n.oid = t.schema_id);
  SELECT NULL::jsonb
$$;

-- EXECUTE TRIGGER: one job, now, with the payload given or one that says so.
CREATE FUNCTION edge.ddl_fire_trigger(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t edge.triggers := edge.locate_existing_trigger(request, path, caller);
  task text := CASE t.kind WHEN 'queue' THEN 'queue/' || (t.spec ->> 'queue') ELSE 'trigger/' || t.trigger_id END;
BEGIN
  IF t.kind IN ('database', 'http', 'hook') THEN
    RAISE EXCEPTION 'a % trigger cannot be fired by hand', t.kind USING ERRCODE = '0A000',
      DATATYPE = edge.at(request ->> 'position'),
      HINT = 'EXECUTE EDGE FUNCTION calls its function; EXECUTE EDGE FUNCTION … REPLAY repeats one of its events.';
  END IF;
  PERFORM edge.add_job(task, json_build_object('message', coalesce(request -> 'input',
    jsonb_build_object('trigger', t.name, 'firedBy', caller, 'firedAt', clock_timestamp()))));
  RETURN '{"statements": []}';
END $$;

-- The entry of the SQL gateway for what is about triggers: gives the command tag.
CREATE FUNCTION edge.apply_trigger(command text, definition jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  one pg_catalog.jsonb;
BEGIN
  CASE command
    WHEN 'create_trigger' THEN
      PERFORM edge.change('create_trigger', definition);
      RETURN 'CREATE TRIGGER';
    WHEN 'alter_trigger' THEN
      PERFORM edge.change('alter_trigger', definition);
      RETURN 'ALTER TRIGGER';
    WHEN 'switch_trigger' THEN
      PERFORM edge.change('switch_trigger', definition);
      RETURN CASE WHEN pg_catalog.jsonb_extract_path_text(definition, 'enabled')::pg_catalog.bool
        THEN 'ENABLE TRIGGER' ELSE 'DISABLE TRIGGER' END;
    WHEN 'fire_trigger' THEN
      PERFORM edge.change('fire_trigger', definition);
      RETURN 'EXECUTE TRIGGER';
    WHEN 'drop_trigger' THEN
      FOR one IN SELECT value FROM pg_catalog.jsonb_array_elements(
        pg_catalog.jsonb_extract_path(definition, 'names'))
      LOOP
        PERFORM edge.change('drop_trigger', pg_catalog.jsonb_build_object(
          'schema', pg_catalog.jsonb_extract_path(one, 'schema'),
          'name', pg_catalog.jsonb_extract_path(one, 'name'),
          'position', pg_catalog.jsonb_extract_path(one, 'position'),
          'ifExists', pg_catalog.jsonb_extract_path(definition, 'ifExists')));
      END LOOP;
      RETURN 'DROP TRIGGER';
  END CASE;
END $$;
GRANT EXECUTE ON FUNCTION edge.apply_trigger(text, jsonb) TO PUBLIC;

-- A trigger as nodes hold it.
CREATE FUNCTION edge.trigger_definitions() RETURNS TABLE (definition jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('triggerId', t.trigger_id::text,
    'namespace', edge.namespace_of(t.schema_name),
    'name', t.name, 'kind', t.kind, 'functionId', t.function_id::text, 'spec', t.spec,
    'arguments', t.arguments, 'options', t.options, 'enabled', t.enabled,
    'owner', pg_get_userbyid(t.owner), 'secret', s.secret)
  FROM edge.triggers t LEFT JOIN edge.trigger_secrets s USING (trigger_id)
  WHERE t.kind <> 'database' OR t.pg_trigger IS NOT NULL
  ORDER BY t.trigger_id
$$;
