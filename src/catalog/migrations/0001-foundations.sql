-- Schemas, the administrators' role, and dblink out of everybody's reach.
--
-- `edge` holds our tables and functions; nothing in it may be created by anybody else, because
-- edge.call (0005) trusts the names of the functions in it. `system` is what people read.
-- dblink's named connections belong to the session, whoever opened them: a user who may execute dblink
-- functions could speak to a node through ours. So dblink lives in a schema that nobody may enter.

CREATE SCHEMA IF NOT EXISTS edge;
CREATE SCHEMA IF NOT EXISTS system;
CREATE SCHEMA IF NOT EXISTS edge_dblink;

REVOKE ALL ON SCHEMA edge, system, edge_dblink FROM PUBLIC;
GRANT USAGE ON SCHEMA edge, system TO PUBLIC;

CREATE EXTENSION IF NOT EXISTS dblink SCHEMA edge_dblink;

-- Members may create edge functions in the schemas where they may create functions.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'orla_admin') THEN
    BEGIN
      CREATE ROLE orla_admin NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      -- Roles are the whole server's: another of its databases is being prepared at this moment.
    END;
  END IF;
  -- The platform's own role, where it is not a superuser, needs to be a member to say so.
  IF NOT pg_catalog.pg_has_role(CURRENT_USER, 'orla_admin', 'USAGE') THEN
    EXECUTE pg_catalog.format('GRANT orla_admin TO %I', CURRENT_USER);
  END IF;
END $$;
