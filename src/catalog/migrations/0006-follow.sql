-- Keeps the catalog in step with what people do to the Postgres functions themselves: DROP FUNCTION,
-- DROP SCHEMA … CASCADE, ALTER FUNCTION … RENAME or SET SCHEMA, ALTER SCHEMA … RENAME.
--
-- By event triggers, in the same transaction. Where the platform's role may not create those (they
-- need a superuser), nodes call edge.follow() every few seconds instead.

-- `only`: the functions to look at; NULL for all.
CREATE FUNCTION edge.follow("only" oid[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM edge.rebind();
  DELETE FROM edge.functions f
    WHERE f.wrapper IS NOT NULL AND ("only" IS NULL OR f.wrapper = ANY ("only"))
      AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = f.wrapper);
  UPDATE edge.functions f
    SET schema_name = n.nspname, name = p.proname, updated_at = clock_timestamp()
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid = f.wrapper AND ("only" IS NULL OR f.wrapper = ANY ("only"))
      AND (f.schema_name, f.name) <> (n.nspname, p.proname);
  PERFORM edge.ddl_dropped_trigger();
  PERFORM edge.follow_triggers();
END $$;

-- Functions are coupled by oid, and oids change when a database is restored from a dump or upgraded in
-- place. Then every wrapper is looked up by its name and body, once.
CREATE TABLE edge.identity (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  identity text NOT NULL
);

CREATE FUNCTION edge.current_identity() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('%s/%s', c.system_identifier, 'edge.functions'::regclass::oid) FROM pg_control_system() c
$$;
INSERT INTO edge.identity (identity) VALUES (edge.current_identity());

CREATE FUNCTION edge.rebind() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM edge.identity i WHERE i.identity = edge.current_identity()) THEN
    RETURN;
  END IF;
  UPDATE edge.identity SET identity = edge.current_identity();
  -- The oid that one function had may be another's now: `wrapper` is unique only when this ends.
  UPDATE edge.functions f SET wrapper = p.oid
    FROM edge.versions v, pg_namespace n, pg_proc p
    WHERE v.version_id = f.current_version_id AND n.nspname = f.schema_name
      AND p.pronamespace = n.oid AND p.proname = f.name
      AND p.prosrc = edge.wrapper_body(f.function_id, v.parameters, v.returns);
  UPDATE edge.triggers t SET schema_id = n.oid FROM pg_namespace n WHERE n.nspname = t.schema_name;
  UPDATE edge.triggers t SET pg_trigger = g.oid FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
    WHERE t.kind = 'database' AND p.pronamespace = 'edge'::regnamespace AND g.tgparentid = 0
      AND g.tgargs = convert_to(t.trigger_id::text, 'UTF8') || '\x00'::bytea;
END $$;

CREATE FUNCTION edge.follow_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM edge.functions f USING pg_event_trigger_dropped_objects() d
    WHERE d.classid = 'pg_proc'::regclass AND f.wrapper = d.objid;
  DELETE FROM edge.triggers t USING pg_event_trigger_dropped_objects() d
    WHERE d.classid = 'pg_trigger'::regclass AND t.pg_trigger = d.objid
      OR d.classid = 'pg_namespace'::regclass AND t.schema_id = d.objid;
END $$;

CREATE FUNCTION edge.follow_alter() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_TAG = 'ALTER SCHEMA' THEN
    PERFORM edge.follow();
  ELSE
    PERFORM edge.follow((SELECT array_agg(c.objid) FROM pg_event_trigger_ddl_commands() c));
  END IF;
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
