-- Who may give functions a way to private destinations (ALLOW_NET): members of orla_network, of the
-- platform's own role, and superusers. Others who create functions reach what is public. A function
-- keeps the list that it has when its owner changes something else.

DO $$
BEGIN
  IF (SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'orla_network') THEN
    BEGIN
      CREATE ROLE orla_network NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      -- Roles are the whole server's: another of its databases is being prepared at this moment.
    END;
  END IF;
END $$;

CREATE FUNCTION edge.check_network_right(f edge.functions, definition jsonb, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted jsonb := coalesce(definition #> '{options,allowNet}', '[]');
  has_right boolean := pg_has_role(caller, (SELECT nspowner FROM pg_namespace WHERE nspname = 'edge'), 'USAGE')
    OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'orla_network' AND pg_has_role(caller, r.oid, 'USAGE'));
BEGIN
  IF has_right OR wanted = '[]'
    OR wanted = edge.definition(f.current_version_id) #> '{options,allowNet}' THEN
    RETURN;
  END IF;
  RAISE EXCEPTION 'permission denied to set ALLOW_NET' USING ERRCODE = '42501',
    DETAIL = 'It can open destinations in the network that the node is in.',
    HINT = CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'orla_network')
      THEN format('GRANT orla_network TO %I lets this role set it.', caller)
      ELSE 'CREATE ROLE orla_network NOLOGIN, and grant it to those who may.' END;
END $$;
