-- The operations behind edge.ddl, and the functions people call.

CREATE FUNCTION edge.ddl_create(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target name;
  schema_oid oid;
  f edge.functions;
  definition jsonb;
  shown text := quote_ident(request ->> 'name');
  place text := edge.at(request ->> 'position');
BEGIN
  IF request ->> 'name' ~ '/' THEN
    RAISE EXCEPTION 'the name of an edge function cannot contain a slash' USING ERRCODE = '42602',
      DATATYPE = place;
  END IF;
  target := edge.creation_schema(request, path);
  IF target IN ('edge', 'system', 'edge_dblink', 'information_schema', 'default') OR target ~ '^pg_' THEN
    RAISE EXCEPTION 'schema "%" cannot hold edge functions', target
      USING ERRCODE = '42939', DATATYPE = place, HINT = CASE target
        WHEN 'default' THEN 'The namespace "default" is the schema public.'
        ELSE 'It belongs to Postgres or to Orla.' END;
  END IF;
  SELECT n.oid INTO schema_oid FROM pg_namespace n WHERE n.nspname = target;
  IF schema_oid IS NULL THEN
    RAISE EXCEPTION 'schema "%" does not exist', target USING ERRCODE = '3F000', DATATYPE = place,
      HINT = format('CREATE SCHEMA %I makes the namespace.', target);
  END IF;
  IF NOT pg_has_role(caller, 'orla_admin', 'USAGE') THEN
    RAISE EXCEPTION 'permission denied to create an edge function' USING ERRCODE = '42501', DATATYPE = place,
      HINT = format('GRANT orla_admin TO %I lets this role create edge functions.', caller);
  END IF;
  IF NOT has_schema_privilege(caller, schema_oid, 'CREATE') THEN
    RAISE EXCEPTION 'permission denied for schema %', target USING ERRCODE = '42501', DATATYPE = place;
  END IF;
  -- Two creations of one name wait for each other here, rather than meet in a unique index.
  PERFORM pg_advisory_xact_lock(hashtextextended(format('orla %I.%I', target, request ->> 'name'), 0));

  definition := jsonb_build_object('language', request -> 'language', 'code', request -> 'code',
    'module', request -> 'module', 'options', request -> 'options')
    || edge.resolve_signature(request, path, caller);

  SELECT * INTO f FROM edge.functions e
    WHERE e.schema_name = target AND e.name = request ->> 'name' FOR UPDATE;
  IF f.function_id IS NOT NULL THEN
    IF NOT coalesce((request ->> 'orReplace')::boolean, false) THEN
      RAISE EXCEPTION 'edge function % already exists', shown USING ERRCODE = '42723', DATATYPE = place,
        HINT = 'CREATE OR REPLACE EDGE FUNCTION makes a new version of it.';
    END IF;
    PERFORM edge.locate_owned(request || jsonb_build_object('schema', target), path, caller);
    RETURN edge.next_version(f, definition, 'replaced', caller);
  END IF;

  INSERT INTO edge.functions (schema_name, name) VALUES (target, request ->> 'name') RETURNING * INTO f;
  IF to_regprocedure(edge.signature(f, nullif(definition -> 'parameters', 'null'))) IS NOT NULL THEN
    RAISE EXCEPTION 'function % already exists',
        edge.signature(f, nullif(definition -> 'parameters', 'null'))
      USING ERRCODE = '42723', DATATYPE = place,
        HINT = 'It is an ordinary Postgres function. Drop it, or choose another name.';
  END IF;
  UPDATE edge.functions SET current_version_id = edge.insert_version(f, definition, caller)
    WHERE function_id = f.function_id RETURNING * INTO f;
  RETURN edge.reply(edge.definition(f.current_version_id), 'created') || jsonb_build_object('statements', jsonb_build_array(edge.create_wrapper_statement(
      f, nullif(definition -> 'parameters', 'null'), definition ->> 'returns')));
END $$;

CREATE FUNCTION edge.ddl_alter(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f edge.functions := edge.locate_owned(request, path, caller);
  old jsonb := edge.definition(f.current_version_id);
  -- What compiling gives can depend on language and on there being parameters, which the translator of
  -- the statement does not know of a function made in this very transaction: it sends each.
  module jsonb := coalesce(
    CASE WHEN jsonb_array_length(nullif(old -> 'parameters', 'null')) > 0
      THEN request -> 'modules' -> ((old ->> 'language') || 'WithParameters') END,
    request -> 'modules' -> (old ->> 'language'),
    request -> 'module');
  new jsonb := old;
BEGIN
  new := new || jsonb_build_object('options', (old -> 'options') || coalesce(request -> 'options', '{}'));
  -- Only here are both known when the statement names one of them.
  IF (new #> '{options,minInstances}')::integer > (new #> '{options,maxInstances}')::integer THEN
    RAISE EXCEPTION 'MIN_INSTANCES (%) must not be more than MAX_INSTANCES (%)',
        new #>> '{options,minInstances}', new #>> '{options,maxInstances}'
      USING ERRCODE = '22023', DATATYPE = edge.at(request ->> 'position');
  END IF;
  IF request ->> 'code' IS NOT NULL THEN
    IF module ? 'error' THEN
      PERFORM edge.raise_error(module -> 'error');
    ELSIF module IS NULL THEN
      RAISE EXCEPTION 'there is no compiled module for language %', old ->> 'language'
        USING ERRCODE = '22023', DATATYPE = edge.at(request ->> 'position'),
          HINT = 'The function changed its language in this transaction: COMMIT, and say it again.';
    ELSIF old ->> 'language' = 'wasm' AND request -> 'signature' IS DISTINCT FROM
      jsonb_build_object('parameters', old -> 'parameters', 'returns', old -> 'returns') THEN
      RAISE EXCEPTION 'the code was checked against another signature' USING ERRCODE = '55000',
        DATATYPE = edge.at(request ->> 'position'),
        HINT = 'The function changed its signature in this transaction: COMMIT, and say it again.';
    END IF;
    new := new || jsonb_build_object('code', request -> 'code', 'module', module);
  END IF;
  RETURN edge.next_version(f, new, 'altered', caller);
END $$;

-- A new version equal to the old one: the history only grows, and a rollback can be rolled back.
CREATE FUNCTION edge.ddl_rollback(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f edge.functions := edge.locate_owned(request, path, caller);
  target bigint;
BEGIN
  SELECT v.version_id INTO target FROM edge.versions v
    WHERE v.function_id = f.function_id AND v.version = (request ->> 'version')::integer;
  IF target IS NULL THEN
    RAISE EXCEPTION 'edge function % has no version %', quote_ident(f.name), request ->> 'version'
      USING ERRCODE = '42704', DATATYPE = edge.at(request ->> 'versionPosition'),
        HINT = format('Existing versions: %s.', (
          SELECT string_agg(v.version::text, ', ' ORDER BY v.version)
          FROM edge.versions v WHERE v.function_id = f.function_id));
  END IF;
  RETURN edge.next_version(f, edge.definition(target) - '{functionId,versionId,version}'::text[],
    'rolled_back', caller);
END $$;

-- Only finds the function and checks the right to drop it: the DROP is the caller's own.
CREATE FUNCTION edge.ddl_drop(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f edge.functions;
  dependents text;
  statements text[];
BEGIN
  IF coalesce((request ->> 'ifExists')::boolean, false)
    AND NOT EXISTS (SELECT FROM edge.find(request, path)) THEN
    RAISE NOTICE 'edge function % does not exist, skipping', quote_ident(request ->> 'name');
    RETURN '{"statements": []}';
  END IF;
  f := edge.locate_owned(request, path, caller);
  -- Postgres knows nothing of what our triggers (0011) need.
  SELECT string_agg(format('trigger %I depends on edge function %I', t.name, f.name), E'\n' ORDER BY t.name),
      array_agg(format('DROP TRIGGER %I ON %s', g.tgname, g.tgrelid::regclass)) FILTER (WHERE g.oid IS NOT NULL)
    INTO dependents, statements
    FROM edge.triggers t LEFT JOIN pg_trigger g ON g.oid = t.pg_trigger
    WHERE t.function_id = f.function_id AND (t.pg_trigger IS NULL OR g.oid IS NOT NULL);
  IF dependents IS NOT NULL AND request ->> 'behavior' IS DISTINCT FROM 'cascade' THEN
    RAISE EXCEPTION 'cannot drop edge function % because other objects depend on it', quote_ident(f.name)
      USING ERRCODE = '2BP01', DETAIL = dependents, DATATYPE = edge.at(request ->> 'position'),
        HINT = 'Use DROP ... CASCADE to drop the dependent objects too.';
  END IF;
  RETURN jsonb_build_object('functionId', f.function_id::text, 'statements', to_jsonb(statements ||
    format('DROP FUNCTION %s %s', f.wrapper::regprocedure,
      CASE request ->> 'behavior' WHEN 'cascade' THEN 'CASCADE' ELSE 'RESTRICT' END)));
END $$;

-- After the statements: couples the function with the wrapper its owner has just made.
CREATE FUNCTION edge.ddl_bind(request jsonb, caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f edge.functions;
  v edge.versions;
  made oid;
BEGIN
  SELECT * INTO f FROM edge.functions e
    WHERE e.function_id = (request ->> 'functionId')::bigint AND e.wrapper IS NULL;
  IF f.function_id IS NOT NULL THEN
    SELECT * INTO v FROM edge.versions e WHERE e.version_id = f.current_version_id;
    SELECT p.oid INTO made FROM pg_proc p
      WHERE p.oid = to_regprocedure(edge.signature(f, v.parameters))
        AND pg_has_role(caller, p.proowner, 'USAGE')
        AND p.prosrc = edge.wrapper_body(f.function_id, v.parameters, v.returns);
  END IF;
  IF made IS NULL THEN
    RAISE EXCEPTION 'there is nothing to bind' USING ERRCODE = '55000';
  END IF;
  UPDATE edge.functions SET wrapper = made WHERE function_id = f.function_id;
  RETURN NULL;
END $$;

-- Where an event trigger saw the drop (0006), there is nothing left to do.
CREATE FUNCTION edge.ddl_dropped(request jsonb) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM edge.functions f WHERE f.function_id = (request ->> 'functionId')::bigint
    AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = f.wrapper);
  SELECT NULL::jsonb
$$;

CREATE FUNCTION edge.ddl_request() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.result := CASE NEW.operation
    WHEN 'create' THEN edge.ddl_create(NEW.request, NEW.path, NEW.caller)
    WHEN 'alter' THEN edge.ddl_alter(NEW.request, NEW.path, NEW.caller)
    WHEN 'rollback' THEN edge.ddl_rollback(NEW.request, NEW.path, NEW.caller)
    WHEN 'drop' THEN edge.ddl_drop(NEW.request, NEW.path, NEW.caller)
    WHEN 'bind' THEN edge.ddl_bind(NEW.request, NEW.caller)
    WHEN 'dropped' THEN edge.ddl_dropped(NEW.request)
    WHEN 'warm' THEN edge.ddl_warm(NEW.request, NEW.path, NEW.caller)
    WHEN 'create_trigger' THEN edge.ddl_create_trigger(NEW.request, NEW.path, NEW.caller)
    WHEN 'bind_trigger' THEN edge.ddl_bind_trigger(NEW.request, NEW.caller)
    WHEN 'alter_trigger' THEN edge.ddl_alter_trigger(NEW.request, NEW.path, NEW.caller)
    WHEN 'switch_trigger' THEN edge.ddl_switch_trigger(NEW.request, NEW.path, NEW.caller)
    WHEN 'drop_trigger' THEN edge.ddl_drop_trigger(NEW.request, NEW.path, NEW.caller)
    WHEN 'dropped_trigger' THEN edge.ddl_dropped_trigger()
    WHEN 'fire_trigger' THEN edge.ddl_fire_trigger(NEW.request, NEW.path, NEW.caller)
    WHEN 'nothing' THEN NULL
  END;
  RETURN NEW;
END $$;
CREATE TRIGGER request INSTEAD OF INSERT ON edge.ddl
  FOR EACH ROW EXECUTE FUNCTION edge.ddl_request();

-- Runs what edge.ddl gave back, with the rights of the caller and with nobody's search_path: in it
-- `text` is pg_catalog's.
CREATE FUNCTION edge.run(statements jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(statements) LOOP
    EXECUTE statement;
  END LOOP;
END $$;

-- These four have no search_path of their own, because the caller's must reach edge.ddl. They name
-- everything by schema instead, and use no operator.
CREATE FUNCTION edge.change(operation text, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  plan pg_catalog.jsonb;
BEGIN
  IF pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool THEN
    RAISE EXCEPTION 'cannot execute % in a read-only transaction',
      CASE WHEN pg_catalog.strpos(operation, '_') OPERATOR(pg_catalog.>) 0
        THEN pg_catalog.upper(pg_catalog.replace(operation, '_', ' '))
        ELSE pg_catalog.upper(operation) OPERATOR(pg_catalog.||) ' EDGE FUNCTION' END
      USING ERRCODE = '25006';
  END IF;
  INSERT INTO edge.ddl (operation, request) VALUES (operation, request) RETURNING result INTO plan;
  RETURN edge.finish(plan);
END $$;

CREATE FUNCTION edge.finish(plan jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF plan -> 'statements' <> '[]' THEN
    PERFORM edge.run(plan -> 'statements');
    INSERT INTO edge.ddl (operation, request)
      VALUES (coalesce(plan ->> 'after',
        CASE WHEN plan ? 'change' THEN 'bind' ELSE 'dropped' END), plan);
  END IF;
  RETURN plan - '{statements,after}'::text[];
END $$;

CREATE FUNCTION edge.create_function(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$ SELECT edge.change('create', request) $$;
CREATE FUNCTION edge.alter_function(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$ SELECT edge.change('alter', request) $$;
CREATE FUNCTION edge.rollback_function(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$ SELECT edge.change('rollback', request) $$;

CREATE FUNCTION edge.drop_function(request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  one pg_catalog.jsonb;
  plan pg_catalog.jsonb;
  dropped pg_catalog.int4 := 0;
BEGIN
  FOR one IN SELECT value FROM pg_catalog.jsonb_array_elements(
    pg_catalog.jsonb_extract_path(request, 'names'))
  LOOP
    plan := edge.change('drop', pg_catalog.jsonb_build_object(
      'schema', pg_catalog.jsonb_extract_path(one, 'schema'),
      'name', pg_catalog.jsonb_extract_path(one, 'name'),
      'position', pg_catalog.jsonb_extract_path(one, 'position'),
      'ifExists', pg_catalog.jsonb_extract_path(request, 'ifExists'),
      'behavior', pg_catalog.jsonb_extract_path(request, 'behavior')));
    dropped := dropped OPERATOR(pg_catalog.+)
      CASE WHEN pg_catalog.jsonb_exists(plan, 'functionId') THEN 1 ELSE 0 END;
  END LOOP;
  RETURN pg_catalog.jsonb_build_object('dropped', dropped);
END $$;

-- An error with the fields a statement's translator, or a function, has chosen. A field that is given
-- to RAISE is shown even when it is empty, hence the four forms.
CREATE FUNCTION edge.raise_error(error jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sqlstate_ text := CASE WHEN error ->> 'sqlstate' ~ '^[0-9A-Z]{5}$' AND error ->> 'sqlstate' !~ '^0[0-2]'
    THEN error ->> 'sqlstate' ELSE 'XX000' END;
  message_ text := coalesce(error ->> 'message', 'unknown error');
  hint_ text := nullif(error ->> 'hint', '');
  detail_ text := nullif(error ->> 'detail', '');
  place text := edge.at(error ->> 'position');
BEGIN
  IF hint_ IS NULL AND detail_ IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = sqlstate_, MESSAGE = message_, DATATYPE = place;
  ELSIF hint_ IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = sqlstate_, MESSAGE = message_, DATATYPE = place, DETAIL = detail_;
  ELSIF detail_ IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = sqlstate_, MESSAGE = message_, DATATYPE = place, HINT = hint_;
  END IF;
  RAISE EXCEPTION USING ERRCODE = sqlstate_, MESSAGE = message_, DATATYPE = place,
    HINT = hint_, DETAIL = detail_;
END $$;

-- The one entry of the SQL gateway. A CALL sends no rows; the INFO, which no setting of the client's
-- suppresses, carries the command tag and marks the place in the stream of replies.
CREATE PROCEDURE edge.apply(command text, definition jsonb) LANGUAGE plpgsql AS $$
DECLARE
  tag pg_catalog.text;
BEGIN
  IF command OPERATOR(pg_catalog.=) 'create_function' THEN
    PERFORM edge.create_function(definition);
    tag := 'CREATE EDGE FUNCTION';
  ELSIF command OPERATOR(pg_catalog.=) 'alter_function' THEN
    PERFORM edge.alter_function(definition);
    tag := 'ALTER EDGE FUNCTION';
  ELSIF command OPERATOR(pg_catalog.=) 'drop_function' THEN
    PERFORM edge.drop_function(definition);
    tag := 'DROP EDGE FUNCTION';
  ELSIF command OPERATOR(pg_catalog.=) 'rollback_function' THEN
    PERFORM edge.rollback_function(definition);
    tag := 'ROLLBACK EDGE FUNCTION';
  ELSIF command OPERATOR(pg_catalog.=) 'warm_function' THEN
    PERFORM edge.warm_function(definition);
    tag := 'WARM EDGE FUNCTION';
  ELSIF command OPERATOR(pg_catalog.~) '_trigger$' THEN
    tag := edge.apply_trigger(command, definition);
  ELSIF command OPERATOR(pg_catalog.=) 'raise_error' THEN
    PERFORM edge.raise_error(definition);
  ELSE
    RAISE EXCEPTION 'unknown edge command %', command USING ERRCODE = '42601';
  END IF;
  RAISE INFO USING ERRCODE = 'OR000', MESSAGE = tag;
END $$;
