-- CREATE, ALTER, DROP and ROLLBACK of edge functions: steps that need the platform's rights.
--
-- The functions people call (0004) run with the rights of their caller and do what a user may do
-- himself: CREATE FUNCTION, DROP FUNCTION. So Postgres itself checks CREATE on the schema, USAGE of
-- types, ownership and dependents. What remains, writing our tables, is asked for by an INSERT into
-- the view edge.ddl. Its columns `caller` and `path` nobody may fill in: their defaults record the role
-- in force and its search_path. That is proof of identity which a SECURITY DEFINER function cannot
-- otherwise get, right even inside other people's SECURITY DEFINER functions and in maintenance
-- commands, where the session's user is not the one whose code runs.

CREATE VIEW edge.ddl AS
  SELECT NULL::text AS operation, NULL::jsonb AS request, NULL::name AS caller,
    NULL::name[] AS path, NULL::jsonb AS result
  WHERE false;
ALTER VIEW edge.ddl ALTER COLUMN caller SET DEFAULT CURRENT_USER;
ALTER VIEW edge.ddl ALTER COLUMN path SET DEFAULT pg_catalog.current_schemas(true);
GRANT INSERT (operation, request), SELECT (result) ON edge.ddl TO PUBLIC;

-- Where an error's cursor belongs: requests carry `position`, a place in the statement they were
-- translated from, and the gateway that translated it finds it again in the error's data type field.
CREATE FUNCTION edge.at("position" text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'orla:' || coalesce("position", '')
$$;

-- The schemas in which a name is looked for: the one that is given, or the caller's path.
CREATE FUNCTION edge.searched(request jsonb, path name[]) RETURNS name[] LANGUAGE sql IMMUTABLE
RETURN CASE WHEN request ->> 'schema' IS NULL THEN path ELSE ARRAY[(request ->> 'schema')::name] END;

-- The schema in which something is made: the one that is given, or, as current_schema(), the first of the
-- path that is not put there by Postgres itself.
CREATE FUNCTION edge.creation_schema(request jsonb, path name[]) RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target name := coalesce((request ->> 'schema')::name, (
    SELECT s FROM unnest(path) WITH ORDINALITY u(s, n)
    WHERE s <> 'pg_catalog' AND s !~ '^pg_temp' ORDER BY n LIMIT 1));
BEGIN
  IF target IS NULL THEN
    RAISE EXCEPTION 'no schema has been selected to create in'
      USING ERRCODE = '3F000', DATATYPE = edge.at(request ->> 'position');
  END IF;
  RETURN target;
END $$;

-- The edge function that `schema` and `name` mean to the caller; nothing if there is none.
CREATE FUNCTION edge.find(request jsonb, path name[]) RETURNS SETOF edge.functions
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT f.* FROM edge.functions f
  WHERE f.name = request ->> 'name' AND f.schema_name = ANY (edge.searched(request, path))
  ORDER BY array_position(path, f.schema_name) LIMIT 1
$$;

-- The same, locked.
CREATE FUNCTION edge.locate(request jsonb, path name[]) RETURNS SETOF edge.functions
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT f.* FROM edge.functions f
  WHERE f.function_id = (SELECT found.function_id FROM edge.find(request, path) found) FOR UPDATE
$$;

CREATE FUNCTION edge.refuse_missing(request jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'edge function % does not exist',
      concat_ws('.', quote_ident(request ->> 'schema'), quote_ident(request ->> 'name'))
    USING ERRCODE = '42883', DATATYPE = edge.at(request ->> 'position'), HINT =
    CASE WHEN EXISTS (SELECT FROM pg_proc WHERE proname = request ->> 'name')
    THEN 'There is an ordinary Postgres function of this name, which is not an edge function.'
    ELSE 'LIST EDGE FUNCTIONS shows those that exist.' END;
END $$;

-- `found` is what the request names, if anything: its owner may go on.
CREATE FUNCTION edge.require_owned(found edge.functions, request jsonb, caller name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF found.function_id IS NULL THEN
    PERFORM edge.refuse_missing(request);
  END IF;
  IF NOT EXISTS (
    SELECT FROM pg_proc p WHERE p.oid = found.wrapper AND pg_has_role(caller, p.proowner, 'USAGE')
  ) THEN
    RAISE EXCEPTION 'must be owner of edge function %',
        concat_ws('.', quote_ident(request ->> 'schema'), quote_ident(request ->> 'name'))
      USING ERRCODE = '42501', DATATYPE = edge.at(request ->> 'position');
  END IF;
END $$;

CREATE FUNCTION edge.locate_owned(request jsonb, path name[], caller name) RETURNS edge.functions
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found edge.functions;
BEGIN
  SELECT * INTO found FROM edge.locate(request, path);
  PERFORM edge.require_owned(found, request, caller);
  RETURN found;
END $$;

-- A type as the caller wrote it, resolved as the caller would: its oid.
CREATE FUNCTION edge.resolve_type(
  written text, path name[], caller name, is_result boolean, "position" text
) RETURNS oid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  resolved oid;
  kind "char";
  refusal text;
BEGIN
  PERFORM set_config('search_path',
    (SELECT string_agg(quote_ident(s), ', ' ORDER BY n) FROM unnest(path) WITH ORDINALITY u(s, n)), true);
  BEGIN
    resolved := written::pg_catalog.regtype::pg_catalog.oid;
  EXCEPTION
    WHEN query_canceled THEN RAISE;
    WHEN OTHERS THEN
      RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM, DATATYPE = edge.at("position");
  END;
  PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
  SELECT t.typtype INTO kind FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.oid = resolved AND has_type_privilege(caller, t.oid, 'USAGE')
      AND (n.nspname = 'pg_catalog' OR has_schema_privilege(caller, n.oid, 'USAGE'));
  IF kind IS NULL THEN
    RAISE EXCEPTION 'permission denied for type %', written
      USING ERRCODE = '42501', DATATYPE = edge.at("position");
  ELSIF kind = 'p' AND NOT (is_result AND resolved = 'void'::regtype) THEN
    refusal := CASE WHEN is_result THEN 'return' ELSE 'take' END;
    RAISE EXCEPTION 'edge functions cannot % the pseudo-type %', refusal, written
      USING ERRCODE = '42P13', DATATYPE = edge.at("position"), HINT = 'Use jsonb for values of any shape.';
  END IF;
  RETURN resolved;
END $$;

-- Declared types as written → as format_type prints them, qualified outside pg_catalog.
CREATE FUNCTION edge.resolve_signature(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'parameters', CASE WHEN jsonb_typeof(request -> 'parameters') = 'array' THEN (
      SELECT coalesce(jsonb_agg(jsonb_build_object('name', p ->> 'name', 'type',
        format_type(edge.resolve_type(p ->> 'type', path, caller, false, p ->> 'position'), -1))
        ORDER BY n), '[]')
      FROM jsonb_array_elements(request -> 'parameters') WITH ORDINALITY u(p, n)) END,
    'returns', CASE WHEN request ->> 'returns' IS NOT NULL THEN
      format_type(edge.resolve_type(
        request ->> 'returns', path, caller, true, request ->> 'returnsPosition'), -1) END)
$$;

-- `public.f(text, integer)`: what DROP, GRANT and to_regprocedure want.
CREATE FUNCTION edge.signature(f edge.functions, parameters jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('%I.%I(%s)', f.schema_name, f.name, CASE WHEN parameters IS NULL THEN 'jsonb' ELSE (
    SELECT string_agg(p ->> 'type', ', ' ORDER BY n)
    FROM jsonb_array_elements(parameters) WITH ORDINALITY u(p, n)) END)
$$;

-- The wrapper's body. Everything is named by schema or position: the caller's search_path and the
-- parameters' names have no say. Plain types are read from text, which is what jsonb_to_record does
-- with them too, at a third of its cost; types with parts need jsonb_to_record.
CREATE FUNCTION edge.wrapper_body(function_id bigint, parameters jsonb, returns text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  arguments text := CASE WHEN parameters IS NULL THEN '$1'
    ELSE format('pg_catalog.jsonb_build_array(%s)', (
      SELECT string_agg('$' || n, ', ' ORDER BY n)
      FROM generate_series(1, jsonb_array_length(parameters)) n)) END;
  call text := format('edge.invoke(%s, %s)', function_id, arguments);
  plain boolean;
BEGIN
  IF returns IS NULL OR returns = 'jsonb' THEN
    RETURN format('BEGIN RETURN %s; END', call);
  ELSIF returns = 'void' THEN
    RETURN format('BEGIN PERFORM %s; END', call);
  END IF;
  -- A domain counts as what it is made of.
  WITH RECURSIVE base AS (
    SELECT t.typtype, t.typcategory, t.typbasetype, t.oid
    FROM pg_type t WHERE t.oid = returns::regtype
    UNION ALL
    SELECT t.typtype, t.typcategory, t.typbasetype, t.oid
    FROM base b JOIN pg_type t ON t.oid = b.typbasetype
  )
  SELECT b.typtype IN ('b', 'e', 'r', 'm') AND b.typcategory <> 'A'
      AND b.oid NOT IN ('json'::regtype, 'jsonb'::regtype)
    INTO plain FROM base b WHERE b.typtype <> 'd';
  IF plain THEN
    RETURN format($f$BEGIN RETURN CAST(%s OPERATOR(pg_catalog.#>>) '{}' AS %s); END$f$, call, returns);
  END IF;
  RETURN format($f$#variable_conflict use_column
BEGIN
  RETURN (SELECT t.r FROM pg_catalog.jsonb_to_record(pg_catalog.jsonb_build_object('r', %s)) AS t(r %s));
END$f$, call, returns);
END $$;

CREATE FUNCTION edge.create_wrapper_statement(f edge.functions, parameters jsonb, returns text)
RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('CREATE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS %L',
    f.schema_name, f.name,
    CASE WHEN parameters IS NULL THEN 'payload pg_catalog.jsonb DEFAULT NULL' ELSE (
      SELECT string_agg(concat_ws(' ', quote_ident(p ->> 'name'), p ->> 'type'), ', ' ORDER BY n)
      FROM jsonb_array_elements(parameters) WITH ORDINALITY u(p, n)) END,
    coalesce(returns, 'pg_catalog.jsonb'),
    edge.wrapper_body(f.function_id, parameters, returns))
$$;

-- What replaces the wrapper when the signature changes: its owner and its grants stay.
CREATE FUNCTION edge.replace_wrapper_statements(
  f edge.functions, old_parameters jsonb, parameters jsonb, returns text, caller name
) RETURNS text[] LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY[
    format('DROP FUNCTION %s RESTRICT', edge.signature(f, old_parameters)),
    edge.create_wrapper_statement(f, parameters, returns)]
  || CASE WHEN p.proacl IS NULL THEN '{}' ELSE ARRAY[
    format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', edge.signature(f, parameters))] END
  || (SELECT coalesce(array_agg(format('GRANT EXECUTE ON FUNCTION %s TO %s%s', edge.signature(f, parameters),
      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
      CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)), '{}')
    FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner)
  || CASE WHEN pg_get_userbyid(p.proowner) = caller THEN '{}' ELSE ARRAY[
    format('ALTER FUNCTION %s OWNER TO %I', edge.signature(f, parameters), pg_get_userbyid(p.proowner))] END
  FROM pg_proc p WHERE p.oid = f.wrapper
$$;

CREATE FUNCTION edge.insert_version(f edge.functions, definition jsonb, caller name) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  module jsonb := definition -> 'module';
  unknown text := edge.unknown_options(definition -> 'options');
  room integer;
  id bigint;
BEGIN
  IF unknown IS NOT NULL THEN
    RAISE EXCEPTION 'unknown option %', unknown USING ERRCODE = '22023';
  END IF;
  PERFORM edge.check_network_right(f, definition, caller);
  IF definition ->> 'language' <> 'python' AND (definition #> '{options,files}' <> '[]'
    OR definition #> '{options,requirements}' <> '[]' OR definition #> '{options,pythonEnv}' <> 'null')
  THEN
    RAISE EXCEPTION 'PYTHON_ENV, REQUIREMENTS and FILES are for functions in Python'
      USING ERRCODE = '22023', HINT = format('This one is in %s.', definition ->> 'language');
  END IF;
  IF (definition #>> '{options,coldStartOptimization}')::boolean
    AND (definition #>> '{options,autoScaling}')::boolean THEN
    room := (definition #>> '{options,maxInstances}')::integer
      - (definition #>> '{options,minInstances}')::integer;
    IF (definition #>> '{options,warmCacheSize}')::integer > room THEN
      RAISE NOTICE 'WARM_CACHE_SIZE is %, but MAX_INSTANCES leaves room for % on each node',
        definition #>> '{options,warmCacheSize}', room;
    END IF;
  END IF;
  INSERT INTO edge.versions (function_id, version, language, parameters, returns, code, module_code,
    source_map, style, module_files, options, created_by)
  VALUES (f.function_id,
    1 + coalesce((SELECT max(v.version) FROM edge.versions v WHERE v.function_id = f.function_id), 0),
    definition ->> 'language', nullif(definition -> 'parameters', 'null'), definition ->> 'returns',
    definition ->> 'code', nullif(module ->> 'code', definition ->> 'code'),
    module ->> 'sourceMap', module ->> 'style', nullif(module -> 'files', 'null'),
    definition -> 'options', caller)
  RETURNING version_id INTO id;
  RETURN id;
END $$;

-- Makes `version` current. `statements` are for the caller to run, in order, and then to bind.
CREATE FUNCTION edge.switch_version(
  f edge.functions, old jsonb, new_version_id bigint, change text, caller name
) RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new jsonb := edge.definition(new_version_id);
  statements text[] := '{}';
BEGIN
  IF (old -> 'parameters', old -> 'returns') IS DISTINCT FROM (new -> 'parameters', new -> 'returns') THEN
    statements := edge.replace_wrapper_statements(f, nullif(old -> 'parameters', 'null'),
      nullif(new -> 'parameters', 'null'), new ->> 'returns', caller);
  END IF;
  UPDATE edge.functions SET current_version_id = new_version_id, updated_at = clock_timestamp(),
      wrapper = CASE WHEN statements = '{}' THEN wrapper END
    WHERE function_id = f.function_id;
  RETURN edge.reply(new, change) || jsonb_build_object('statements', to_jsonb(statements));
END $$;

CREATE FUNCTION edge.reply(definition jsonb, change text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('functionId', definition -> 'functionId', 'versionId', definition -> 'versionId',
    'version', definition -> 'version', 'namespace', definition -> 'namespace',
    'name', definition -> 'name', 'change', change)
$$;

-- A version with the language, types, code and options of `definition`, unless nothing would change.
CREATE FUNCTION edge.next_version(f edge.functions, definition jsonb, change text, caller name)
RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old jsonb := edge.definition(f.current_version_id);
  new jsonb := old || jsonb_set(definition, '{module}', jsonb_build_object(
    'code', coalesce(nullif(definition #> '{module,code}', 'null'), definition -> 'code'),
    'sourceMap', definition #> '{module,sourceMap}', 'style', definition #> '{module,style}')
    || CASE WHEN definition #> '{module,files}' IS NULL THEN '{}'
       ELSE jsonb_build_object('files', definition #> '{module,files}') END);
BEGIN
  IF new = old THEN
    RAISE NOTICE 'edge function % is unchanged', quote_ident(f.name);
    RETURN edge.reply(old, 'unchanged') || '{"statements": []}';
  END IF;
  RETURN edge.switch_version(f, old, edge.insert_version(f, new, caller), change, caller);
END $$;
