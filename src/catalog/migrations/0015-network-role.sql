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

-- `kind` as pg_has_role takes it: USAGE for rights in force, MEMBER for those that SET ROLE can give.
CREATE FUNCTION edge.has_network_right(who name, kind text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT bool_or(pg_has_role(who, r.oid, kind)) FROM pg_roles r
  WHERE r.rolname = 'orla_network'
    OR r.oid = (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'edge')
$$;

CREATE FUNCTION edge.check_network_right(f edge.functions, definition jsonb, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted jsonb := coalesce(definition #> '{options,allowNet}', '[]');
BEGIN
  IF wanted = '[]' OR edge.has_network_right(caller, 'USAGE')
    OR wanted = edge.definition(f.current_version_id) #> '{options,allowNet}' THEN
    RETURN;
  END IF;
  RAISE EXCEPTION 'permission denied to set ALLOW_NET' USING ERRCODE = '42501',
    DETAIL = 'It can open destinations in the network that the node is in.',
    HINT = CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'orla_network')
      THEN format('GRANT orla_network TO %I lets this role set it.', caller)
      ELSE 'CREATE ROLE orla_network NOLOGIN, and grant it to those who may.' END;
END $$;

REVOKE ALL ON FUNCTION edge.has_network_right(name, text),
  edge.check_network_right(edge.functions, jsonb, name) FROM PUBLIC;
