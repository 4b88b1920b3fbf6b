-- Triggers: what causes invocations, whatever the kind. The row is the trigger; a database trigger has
-- a real Postgres trigger beside it, made by its creator's own CREATE TRIGGER.

CREATE TABLE edge.triggers (
  trigger_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  schema_name name NOT NULL,
  name name NOT NULL,
  kind text NOT NULL CHECK (kind IN ('database', 'http', 'schedule', 'queue', 'upload', 'hook')),
  -- RESTRICT: edge.ddl_drop and edge.follow drop or refuse before.
  function_id bigint NOT NULL REFERENCES edge.functions ON DELETE CASCADE,
  -- By kind: {"timing": …}, {"method": …, "path": …}, {"schedule": …}, {"queue": …}, {"bucket": …}, {"hook": …}.
  spec jsonb NOT NULL CHECK (jsonb_typeof(spec) = 'object'),
  -- What a database trigger passes: [{"kind": "row", "row": "new"}, …]; NULL: the event.
  arguments jsonb CHECK (jsonb_typeof(arguments) = 'array'),
  options jsonb NOT NULL CHECK (jsonb_typeof(options) = 'object'),
  enabled boolean NOT NULL DEFAULT true,
  -- pg_trigger.oid; NULL for other kinds, and inside the transaction that makes it.
  pg_trigger oid UNIQUE,
  -- pg_authid.oid: who made it. Its asynchronous invocations run with the rights of this role.
  owner oid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (schema_name, name)
);
CREATE INDEX triggers_function ON edge.triggers (function_id);
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

-- Two triggers that the same requests would match. Whoever makes one waits for those that are making the
-- same, so that what is refused can always be told the other's name.
CREATE FUNCTION edge.refuse_taken_route(wanted jsonb, own bigint, "position" text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  other edge.triggers;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(
    format('orla route %s %s %s', wanted ->> 'method', wanted ->> 'host', wanted ->> 'route'), 0));
  SELECT o.* INTO other FROM edge.triggers o WHERE o.kind = 'http' AND o.trigger_id IS DISTINCT FROM own
    AND o.spec ->> 'host' IS NOT DISTINCT FROM wanted ->> 'host'
    AND o.spec ->> 'method' = wanted ->> 'method' AND o.spec ->> 'route' = wanted ->> 'route';
  IF other.trigger_id IS NOT NULL THEN
    RAISE EXCEPTION 'trigger % answers % already', quote_ident(other.name),
        concat(other.spec ->> 'method', ' ', other.spec ->> 'host', other.spec ->> 'path')
      USING ERRCODE = '42710', DATATYPE = edge.at("position"),
        HINT = 'Requests would match both. Choose another path, method or host.';
  END IF;
END $$;

-- Keeps the SECRET of a signed webhook's sender, and refuses options that would mean nothing with the
-- trigger's AUTH. The request names those it gives, and the kinds of AUTH they belong to.
CREATE FUNCTION edge.settle_auth(t edge.triggers, request jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  auth text := coalesce(t.options ->> 'auth', 'none');
  stray record;
BEGIN
  SELECT o.key AS name, string_agg(quote_literal(a), ', ' ORDER BY n) AS auths INTO stray
    FROM jsonb_each(request -> 'auths') o, jsonb_array_elements_text(o.value) WITH ORDINALITY u(a, n)
    WHERE NOT o.value ? auth GROUP BY o.key LIMIT 1;
  IF stray.name IS NOT NULL THEN
    RAISE EXCEPTION '% means nothing with AUTH = %', stray.name, quote_literal(auth)
      USING ERRCODE = '22023', DATATYPE = edge.at(coalesce(
          request #>> ARRAY['positions', stray.name], request ->> 'position')),
        HINT = format('It goes with AUTH = %s.', stray.auths);
  END IF;
  IF request ->> 'secret' IS NOT NULL THEN
    INSERT INTO edge.trigger_secrets VALUES (t.trigger_id, request ->> 'secret')
      ON CONFLICT (trigger_id) DO UPDATE SET secret = excluded.secret;
  ELSIF request ? 'secret' OR NOT request -> 'signed' ? auth THEN
    DELETE FROM edge.trigger_secrets s WHERE s.trigger_id = t.trigger_id;
  END IF;
  IF request -> 'signed' ? auth
    AND NOT EXISTS (SELECT FROM edge.trigger_secrets s WHERE s.trigger_id = t.trigger_id) THEN
    RAISE EXCEPTION 'AUTH = % needs a SECRET', quote_literal(auth)
      USING ERRCODE = '22023', DATATYPE = edge.at(coalesce(
          request #>> '{positions,AUTH}', request ->> 'position')),
        HINT = 'It is the signing key that the sender shows.';
  END IF;
END $$;

CREATE FUNCTION edge.ddl_create_trigger(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f edge.functions;
  t edge.triggers;
  relation oid;
  target name;
  place text := edge.at(request ->> 'position');
  source jsonb := request -> 'spec';
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
    END IF;
  END IF;
  IF request ->> 'kind' = 'http' THEN
    PERFORM edge.refuse_taken_route(source, t.trigger_id, request ->> 'sourcePosition');
  END IF;

  IF t.trigger_id IS NULL THEN
    INSERT INTO edge.triggers (schema_name, name, kind, function_id, spec, arguments, options, owner)
      VALUES (target, request ->> 'name', request ->> 'kind', f.function_id, source,
        nullif(request -> 'arguments', 'null'), request -> 'options', caller::regrole)
      RETURNING * INTO t;
  ELSE
    UPDATE edge.triggers u SET function_id = f.function_id, spec = source,
        arguments = nullif(request -> 'arguments', 'null'), options = request -> 'options',
        updated_at = clock_timestamp()
      WHERE u.trigger_id = t.trigger_id RETURNING * INTO t;
  END IF;
  UPDATE edge.trigger_state s SET next_run_at = NULL WHERE s.trigger_id = t.trigger_id;
  IF t.kind = 'http' THEN
    PERFORM edge.settle_auth(t, request);
  END IF;
  RETURN jsonb_build_object('triggerId', t.trigger_id::text, 'change', 'created',
    'after', 'bind_trigger', 'statements', CASE t.kind WHEN 'database'
      THEN edge.database_trigger_statements(t, t.pg_trigger IS NOT NULL) ELSE '[]' END);
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

CREATE FUNCTION edge.ddl_alter_trigger(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t edge.triggers := edge.locate_existing_trigger(request, path, caller);
  stray text;
BEGIN
  -- Which options a kind has, the translator knows; which kind a trigger is, only the database.
  SELECT string_agg(k.key, ', ') INTO stray FROM jsonb_each(request -> 'kinds') k WHERE NOT k.value ? t.kind;
  IF stray IS NOT NULL THEN
    RAISE EXCEPTION 'a % trigger has no option %', t.kind, stray
      USING ERRCODE = '22023', DATATYPE = edge.at(request ->> 'position');
  END IF;
  IF request -> 'options' ? 'host' THEN
    t.spec := t.spec || jsonb_build_object('host', request #> '{options,host}');
    PERFORM edge.refuse_taken_route(t.spec, t.trigger_id, request ->> 'position');
  END IF;
  UPDATE edge.triggers u SET options = u.options || (request -> 'options'), spec = t.spec,
      updated_at = clock_timestamp()
    WHERE u.trigger_id = t.trigger_id RETURNING * INTO t;
  UPDATE edge.trigger_state s SET next_run_at = NULL WHERE s.trigger_id = t.trigger_id;
  IF t.kind = 'http' THEN
    PERFORM edge.settle_auth(t, request);
  END IF;
  RETURN jsonb_build_object('triggerId', t.trigger_id::text, 'change', 'altered', 'statements', '[]'::jsonb);
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

-- Rows whose Postgres trigger is gone, by whatever way: DROP TRIGGER, DROP TABLE.
CREATE FUNCTION edge.ddl_dropped_trigger() RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM edge.triggers t WHERE t.pg_trigger IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.oid = t.pg_trigger);
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
    CASE WHEN g.oid IS NULL THEN t.enabled ELSE g.tgenabled <> 'D' END AS enabled,
    t.options, s.last_run_at AS last_run, s.next_run_at AS next_run,
    coalesce(s.succeeded, 0) AS succeeded, coalesce(s.failed, 0) AS failed, s.last_error,
    pg_get_userbyid(t.owner)::text AS owner, t.created_at, t.updated_at
  FROM edge.triggers t
  JOIN edge.functions f USING (function_id)
  LEFT JOIN pg_trigger g ON g.oid = t.pg_trigger
  LEFT JOIN edge.trigger_state s USING (trigger_id)
  WHERE t.kind <> 'database' OR g.oid IS NOT NULL;
GRANT SELECT ON system.edge_triggers TO PUBLIC;
