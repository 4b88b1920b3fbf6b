-- Functions, their immutable versions, and the feed by which nodes learn of changes.

CREATE TABLE edge.functions (
  function_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- The namespace "default" is the schema public, so no schema may have that name.
  schema_name name NOT NULL CONSTRAINT schema_is_not_called_default CHECK (schema_name <> 'default'),
  name name NOT NULL CONSTRAINT name_has_no_slash CHECK (name !~ '/'),
  -- The Postgres function of the same name (pg_proc.oid). Its owner is the edge function's owner, its
  -- EXECUTE privilege decides who may call. NULL only inside the transaction that (re)creates it.
  wrapper oid UNIQUE DEFERRABLE INITIALLY IMMEDIATE,
  -- The version that runs. NULL only until the first one is written.
  current_version_id bigint,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (schema_name, name)
);

-- The finer limits are checked by the platform; these keep a row from harming a node.
CREATE FUNCTION edge.are_options(options jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_typeof(options) = 'object'
    AND (options ->> 'memoryMb')::integer BETWEEN 1 AND 65536
    AND (options ->> 'timeoutMs')::integer BETWEEN 1 AND 86400000
    AND (options ->> 'concurrency')::integer BETWEEN 1 AND 100000
    AND (options ->> 'minInstances')::integer BETWEEN 0 AND (options ->> 'maxInstances')::integer
    AND (options ->> 'maxInstances')::integer BETWEEN 1 AND 1000
    AND options ->> 'auth' IN ('key', 'none')
    AND options ->> 'handler' IN ('auto', 'request', 'payload')
    AND jsonb_typeof(options -> 'enabled') = 'boolean', false)
$$;

-- The fields of FunctionOptions; `definition.test.ts` compares them.
CREATE FUNCTION edge.unknown_options(options jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(k, ', ') FROM jsonb_object_keys(options) k
  WHERE k NOT IN ('memoryMb', 'timeoutMs', 'concurrency', 'minInstances', 'maxInstances', 'auth',
    'handler', 'description', 'enabled', 'cpuLimitPercent', 'cpuTimeMs', 'maxResponseBytes',
    'maxLogBytes', 'autoScaling', 'coldStartOptimization', 'warmCacheSize', 'allowNet', 'denyNet',
    'env', 'serviceRole', 'pythonEnv', 'requirements', 'files', 'source')
$$;

CREATE TABLE edge.versions (
  version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  function_id bigint NOT NULL REFERENCES edge.functions ON DELETE CASCADE,
  version integer NOT NULL CHECK (version > 0),
  language text NOT NULL CHECK (language IN ('javascript', 'typescript', 'python', 'wasm')),
  -- [{"name": …, "type": …}], types as format_type prints them; NULL: one JSON payload.
  parameters jsonb CHECK (jsonb_typeof(parameters) = 'array'),
  -- NULL: JSON.
  returns text,
  code text NOT NULL,
  -- NULL: the same as `code`, which plain JavaScript usually is.
  module_code text,
  source_map text,
  style text NOT NULL CHECK (style IN ('web', 'fetch', 'handler', 'commonjs', 'main')),
  -- Files that lie beside the module, name to base64.
  module_files jsonb CHECK (jsonb_typeof(module_files) = 'object'),
  -- One object, by the names of FunctionOptions: the platform's option table is where they are defined.
  options jsonb NOT NULL CHECK (edge.are_options(options)),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by name NOT NULL,
  UNIQUE (function_id, version)
);

ALTER TABLE edge.functions
  ADD CONSTRAINT current_version_exists
  FOREIGN KEY (current_version_id) REFERENCES edge.versions DEFERRABLE INITIALLY DEFERRED;

-- One row per function that ever existed: the transaction that changed it last. A node that knows its
-- last snapshot finds every later change here, whatever became of its notifications and in whatever
-- order transactions committed. Rows outlive their functions: that is how a drop is seen.
CREATE TABLE edge.changes (
  function_id bigint PRIMARY KEY,
  changed_by xid8 NOT NULL
);
CREATE INDEX changes_changed_by ON edge.changes (changed_by);

-- A version is never changed, and goes only with its function.
CREATE FUNCTION edge.refuse_version_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE'
    AND NOT EXISTS (SELECT FROM edge.functions f WHERE f.function_id = OLD.function_id) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'a version of an edge function cannot be changed' USING ERRCODE = '55000',
    HINT = 'ALTER EDGE FUNCTION makes a new version; DROP EDGE FUNCTION removes them all.';
END $$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON edge.versions
  FOR EACH ROW EXECUTE FUNCTION edge.refuse_version_change();
CREATE TRIGGER immutable_as_a_whole BEFORE TRUNCATE ON edge.versions
  FOR EACH STATEMENT EXECUTE FUNCTION edge.refuse_version_change();

CREATE FUNCTION edge.announce_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  id bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.function_id ELSE NEW.function_id END;
BEGIN
  INSERT INTO edge.changes (function_id, changed_by) VALUES (id, pg_current_xact_id())
  ON CONFLICT (function_id) DO UPDATE SET changed_by = excluded.changed_by;
  PERFORM pg_notify('orla_functions', id::text);
  RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON edge.functions
  FOR EACH ROW EXECUTE FUNCTION edge.announce_change();

-- Whoever starts a CREATE must finish it in the same transaction.
-- Deferred to the end of the transaction, where before Postgres 18 it runs as whoever commits: definer.
CREATE FUNCTION edge.refuse_unfinished() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (
    SELECT FROM edge.functions f WHERE f.function_id = NEW.function_id
      AND (f.wrapper IS NULL OR f.current_version_id IS NULL)
  ) THEN
    RAISE EXCEPTION 'edge function "%" was left without its Postgres function', NEW.name
      USING ERRCODE = '55000', HINT = 'Use edge.create_function and its like, not edge.ddl.';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER finished AFTER INSERT OR UPDATE ON edge.functions
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION edge.refuse_unfinished();

-- The namespace of a schema, and the name that people call a function of it by.
CREATE FUNCTION edge.namespace_of(schema_name name) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE schema_name WHEN 'public' THEN 'default' ELSE schema_name::text END;
CREATE FUNCTION edge.public_id(schema_name name, function_name name) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE schema_name WHEN 'public' THEN function_name::text ELSE schema_name || '/' || function_name END;

-- A version as the platform's FunctionVersion: what nodes cache, and what edge.call sends along.
CREATE FUNCTION edge.definition(id bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'functionId', f.function_id::text, 'versionId', v.version_id::text, 'version', v.version,
    'namespace', edge.namespace_of(f.schema_name),
    'name', f.name, 'language', v.language, 'parameters', v.parameters, 'returns', v.returns,
    'code', v.code,
    'module', jsonb_build_object(
      'code', coalesce(v.module_code, v.code), 'sourceMap', v.source_map, 'style', v.style)
      || CASE WHEN v.module_files IS NULL THEN '{}' ELSE jsonb_build_object('files', v.module_files) END,
    'options', v.options)
  FROM edge.versions v JOIN edge.functions f USING (function_id)
  WHERE v.version_id = id
$$;
