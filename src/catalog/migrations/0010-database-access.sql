-- Who functions are when they use the database: docs/decisions/0006 says why it is so.
--
--   acting role   whose rights apply: the caller's role, orla_anon, orla_service or the owner's role
--   login         a role without rights of its own, which is a member of one acting role and of nothing
--                 else. A connection logs in by it and begins as the acting role. Whatever the
--                 function's SQL resets or sets, it gets no further than this login.
--
-- A login carries one connection at a time, so that no two functions are ever the same session user:
-- neither sees or ends the other's statements. Logins are made as they are needed.

DO $$
DECLARE
  may_make boolean := (SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER);
  may_bypass boolean := (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER);
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['orla_anon', 'orla_service'] LOOP
    IF may_make AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN %s', wanted,
          CASE WHEN wanted = 'orla_service' AND may_bypass THEN 'BYPASSRLS' ELSE '' END);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        -- Roles are the whole server's: another of its databases is being prepared at this moment.
      END;
    END IF;
  END LOOP;
  -- What the platform's own role, as which people log in to an embedded Postgres, makes in `public`
  -- serves functions that are called with the service key or by that role. Elsewhere it takes a GRANT.
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'orla_service')
    AND pg_catalog.to_regnamespace('public') IS NOT NULL
    AND pg_catalog.has_schema_privilege('public', 'CREATE') THEN
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO orla_service;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO orla_service;
  END IF;
END $$;

-- What logins' passwords are derived from, the same for every node.
CREATE TABLE edge.login_secret (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  secret text NOT NULL
);
INSERT INTO edge.login_secret (secret)
  VALUES (replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

-- Whether a role is, or can make itself, the platform or more. Membership counts even where it is not
-- inherited: SET ROLE would do the rest.
CREATE FUNCTION edge.has_platform_rights(who oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM pg_roles p
    WHERE pg_has_role(who, p.oid, 'MEMBER') AND (
      p.rolsuper
      OR p.oid = (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'edge')
      -- Before Postgres 16 the right to create roles is the right to become any but a superuser.
      OR (p.rolcreaterole AND current_setting('server_version_num')::integer < 160000)
      OR p.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files',
        'pg_read_all_data', 'pg_write_all_data')))
$$;

-- The acting role of a login; nothing for other roles. A function's SQL can call functions as its bare
-- login, which must not get logins of its own.
CREATE FUNCTION edge.role_behind(login name) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.rolname
  FROM pg_roles l
  JOIN pg_auth_members m ON m.member = l.oid
  JOIN pg_roles a ON a.oid = m.roleid
  WHERE l.rolname = login AND login ~ '^orla_as_\d+_\d+_\d+$'
    AND a.oid::text = split_part(login, '_', 4)
$$;

-- No function acts as the platform: orla_service takes the place of such a role.
CREATE FUNCTION edge.acting_role(wanted name) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  acting name := coalesce(edge.role_behind(wanted), wanted);
  id oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = acting);
BEGIN
  IF id IS NULL THEN
    RAISE EXCEPTION 'role "%" does not exist', wanted USING ERRCODE = '42704';
  END IF;
  RETURN CASE WHEN edge.has_platform_rights(id) THEN 'orla_service' ELSE acting END;
END $$;

-- The acting role of SERVICE_ROLE: that of the function's owner.
CREATE FUNCTION edge.owner_role(function_id bigint) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT edge.acting_role(r.rolname)
  FROM edge.functions f
  JOIN pg_proc p ON p.oid = f.wrapper
  JOIN pg_roles r ON r.oid = p.proowner
  WHERE f.function_id = $1
$$;

-- Makes or mends the acting role's login of this number, and opens it for half a minute: a password
-- that a function may have set for its login is overwritten, and of no use in between.
CREATE FUNCTION edge.open_login(acting name, slot integer, OUT login name, OUT password text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  is_16 boolean := current_setting('server_version_num')::integer >= 160000;
  this_database oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
  acting_id oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = acting);
  login_id oid;
  one record;
BEGIN
  IF acting_id IS NULL THEN
    RAISE EXCEPTION 'role "%" does not exist', acting USING ERRCODE = '42704';
  ELSIF edge.has_platform_rights(acting_id) OR edge.role_behind(acting) IS NOT NULL THEN
    RAISE EXCEPTION 'functions may not act as role "%"', acting USING ERRCODE = '42501';
  END IF;
  login := format('orla_as_%s_%s_%s', this_database, acting_id, slot);
  password := (SELECT encode(sha256(convert_to(s.secret || login, 'UTF8')), 'hex') FROM edge.login_secret s);
  PERFORM pg_advisory_xact_lock(hashtextextended('orla login', 0));

  login_id := (SELECT r.oid FROM pg_roles r WHERE r.rolname = login);
  IF login_id IS NULL THEN
    PERFORM edge.drop_orphaned_logins();
    EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT NOCREATEDB NOCREATEROLE CONNECTION LIMIT 1', login);
    login_id := (SELECT r.oid FROM pg_roles r WHERE r.rolname = login);
  END IF;
  EXECUTE format('ALTER ROLE %I PASSWORD %L VALID UNTIL %L', login, password,
    clock_timestamp() + interval '30 s');

  -- What a function may have done to its login.
  FOR one IN SELECT d.datname FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase
    WHERE s.setrole = login_id
  LOOP
    EXECUTE format('ALTER ROLE %I %s RESET ALL', login,
      CASE WHEN one.datname IS NOT NULL THEN format('IN DATABASE %I', one.datname) END);
  END LOOP;
  FOR one IN
    SELECT m.roleid::regrole AS role, m.member::regrole AS member, m.grantor::regrole AS grantor
    FROM pg_auth_members m
    WHERE (m.member = login_id AND m.roleid <> acting_id)
      OR (m.roleid = login_id AND m.member <> CURRENT_USER::regrole)
  LOOP
    EXECUTE format('REVOKE %s FROM %s %s CASCADE', one.role, one.member,
      CASE WHEN is_16 THEN format('GRANTED BY %s', one.grantor) END);
  END LOOP;

  IF NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = login_id AND m.roleid = acting_id) THEN
    EXECUTE format('GRANT %I TO %I', acting, login);
  END IF;
  IF NOT has_database_privilege(login_id, this_database, 'CONNECT')
    AND has_database_privilege(acting_id, this_database, 'CONNECT') THEN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), login);
  END IF;
  -- To end its connections.
  IF NOT pg_has_role(login_id, 'USAGE') THEN
    EXECUTE format('GRANT %I TO CURRENT_USER %s', login, CASE WHEN is_16 THEN 'WITH INHERIT TRUE' END);
  END IF;
END $$;

-- Logins of this database whose acting role is gone.
CREATE FUNCTION edge.drop_orphaned_logins() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  this_database oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
  login name;
BEGIN
  FOR login IN SELECT r.rolname FROM pg_roles r
    WHERE r.rolname ~ format('^orla_as_%s_\d+_\d+$', this_database)
      AND NOT EXISTS (SELECT FROM pg_roles a WHERE a.oid = split_part(r.rolname, '_', 4)::oid)
  LOOP
    BEGIN
      EXECUTE format('DROP ROLE %I', login);
    EXCEPTION WHEN dependent_objects_still_exist OR object_in_use OR insufficient_privilege THEN
      -- It owns something, or is connected: an administrator's business, and without rights anyway.
    END;
  END LOOP;
END $$;
