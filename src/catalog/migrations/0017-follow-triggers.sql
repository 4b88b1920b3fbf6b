-- Keeps triggers in step with what people rename: ALTER TRIGGER … ON, ALTER TABLE … RENAME, SET SCHEMA,
-- RENAME COLUMN, ALTER SCHEMA. As 0006 does for functions: by an event trigger, or from time to time.

CREATE FUNCTION edge.follow_triggers() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM edge.rebind();
  UPDATE edge.triggers t SET name = now.name, schema_name = now.schema_name, schema_id = now.schema_id,
      arguments = now.arguments, updated_at = clock_timestamp()
    FROM (
      SELECT e.trigger_id, g.tgname AS name, n.nspname AS schema_name, n.oid AS schema_id,
        edge.current_trigger_arguments(e.arguments, g.tgrelid) AS arguments
      FROM edge.triggers e JOIN pg_trigger g ON g.oid = e.pg_trigger
      JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace) now
    WHERE now.trigger_id = t.trigger_id
      AND (t.name, t.schema_id, t.schema_name, t.arguments)
        IS DISTINCT FROM (now.name, now.schema_id, now.schema_name, now.arguments)
      -- Two tables of a schema may get triggers of one name; we know only one of them by it.
      AND NOT EXISTS (SELECT FROM edge.triggers o WHERE o.trigger_id <> t.trigger_id
        AND o.schema_id = now.schema_id AND o.name = now.name);
  UPDATE edge.triggers t SET schema_name = n.nspname, updated_at = clock_timestamp()
    FROM pg_namespace n WHERE n.oid = t.schema_id AND n.nspname <> t.schema_name AND t.kind <> 'database';
END $$;

-- Arguments with the names that their columns have now. One whose column is gone keeps the old name, and
-- fails when the trigger fires.
CREATE FUNCTION edge.current_trigger_arguments(arguments jsonb, relation oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN jsonb_array_length(arguments) > 0 THEN (
    SELECT jsonb_agg(r || CASE WHEN a.attname IS NULL THEN '{}' ELSE jsonb_build_object('column', a.attname) END ORDER BY n)
    FROM jsonb_array_elements(arguments) WITH ORDINALITY u(r, n)
    LEFT JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = (r ->> 'number')::smallint AND NOT a.attisdropped)
  ELSE arguments END
$$;

CREATE FUNCTION edge.follow_table() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  twice edge.triggers;
BEGIN
  PERFORM edge.follow_triggers();
  SELECT t.* INTO twice FROM edge.triggers t JOIN pg_trigger g ON g.oid = t.pg_trigger
    WHERE g.tgname <> t.name LIMIT 1;
  IF twice.trigger_id IS NOT NULL THEN
    RAISE EXCEPTION 'edge trigger % already exists',
        (SELECT quote_ident(g.tgname) FROM pg_trigger g WHERE g.oid = twice.pg_trigger)
      USING ERRCODE = '42710', HINT = 'The edge triggers of a schema have names of their own.';
  END IF;
END $$;

DO $$
BEGIN
  CREATE EVENT TRIGGER orla_follow_table ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER VIEW', 'ALTER FOREIGN TABLE', 'ALTER TRIGGER')
    EXECUTE FUNCTION edge.follow_table();
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'without event triggers, nodes look for renamed tables and columns from time to time';
END $$;

REVOKE ALL ON FUNCTION edge.follow_triggers(), edge.current_trigger_arguments(jsonb, oid), edge.follow_table()
  FROM PUBLIC;
