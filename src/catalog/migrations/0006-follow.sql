-- Keeps the catalog in step with what people do to the Postgres functions themselves: DROP FUNCTION,
-- DROP SCHEMA … CASCADE, ALTER FUNCTION … RENAME or SET SCHEMA, ALTER SCHEMA … RENAME.
--
-- By event triggers, in the same transaction. Where the platform's role may not create those (they
-- need a superuser), nodes call edge.follow() every few seconds instead.

CREATE FUNCTION edge.follow() RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM edge.functions f
    WHERE f.wrapper IS NOT NULL AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = f.wrapper);
  UPDATE edge.functions f SET schema_name = n.nspname, name = p.proname, updated_at = clock_timestamp()
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid = f.wrapper AND (f.schema_name, f.name) <> (n.nspname, p.proname);
  RETURN NULL;
END $$;

CREATE FUNCTION edge.follow_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM edge.functions f USING pg_event_trigger_dropped_objects() d
    WHERE d.classid = 'pg_proc'::regclass AND f.wrapper = d.objid;
END $$;

CREATE FUNCTION edge.follow_alter() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM edge.follow();
END $$;

DO $$
BEGIN
  CREATE EVENT TRIGGER orla_follow_drop ON sql_drop EXECUTE FUNCTION edge.follow_drop();
  CREATE EVENT TRIGGER orla_follow_alter ON ddl_command_end
    WHEN TAG IN ('ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER SCHEMA')
    EXECUTE FUNCTION edge.follow_alter();
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'without event triggers, nodes look for dropped and renamed functions from time to time';
END $$;
