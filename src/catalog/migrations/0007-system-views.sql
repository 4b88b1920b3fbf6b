-- What people read about functions and nodes. Everybody sees every function's name and options, as in
-- pg_proc; the code is shown to its owner, to orla_admin and to superusers, and NULL to others. Large
-- binaries are only counted: nobody reads them, and a list must not move megabytes.

-- Every version, with what both views below show of it.
CREATE VIEW edge.described_versions AS
  SELECT
    edge.public_id(f.schema_name, f.name) AS function_id, f.name::text AS name,
    edge.namespace_of(f.schema_name) AS namespace,
    v.version, v.version_id = f.current_version_id AS current,
    v.language, v.parameters, v.returns,
    (v.options ->> 'memoryMb')::integer AS memory_mb,
    (v.options ->> 'timeoutMs')::integer AS timeout_ms,
    (v.options ->> 'concurrency')::integer AS concurrency,
    (v.options ->> 'minInstances')::integer AS min_instances,
    (v.options ->> 'maxInstances')::integer AS max_instances,
    v.options ->> 'auth' AS auth, v.options ->> 'handler' AS handler,
    (v.options ->> 'enabled')::boolean AS enabled, v.options ->> 'description' AS description,
    v.options ->> 'source' AS source, v.options - 'env' AS options,
    pg_get_userbyid(p.proowner)::text AS owner, f.created_at, f.updated_at,
    v.created_at AS version_created_at, v.created_by::text AS created_by,
    CASE WHEN pg_has_role(p.proowner, 'USAGE') OR pg_has_role('orla_admin', 'USAGE')
      THEN CASE
        WHEN v.language = 'wasm' AND octet_length(v.code) > 65536
          THEN format('(%s characters of base64)', octet_length(v.code))
        ELSE v.code END
      END AS code
  FROM edge.functions f
  JOIN edge.versions v USING (function_id)
  JOIN pg_proc p ON p.oid = f.wrapper;

CREATE VIEW system.edge_functions AS
  SELECT d.function_id, d.name, d.namespace, d.language, d.version, d.parameters, d.returns, d.memory_mb,
    d.timeout_ms, d.concurrency, d.min_instances, d.max_instances, d.auth, d.handler, d.enabled,
    d.description, d.source, d.options, d.owner, d.created_at, d.updated_at, d.code
  FROM edge.described_versions d WHERE d.current;

CREATE VIEW system.edge_function_versions AS
  SELECT d.function_id, d.version, d.current, d.language, d.parameters, d.returns, d.memory_mb,
    d.timeout_ms, d.concurrency, d.min_instances, d.max_instances, d.auth, d.handler, d.enabled,
    d.description, d.source, d.options, d.version_created_at AS created_at, d.created_by, d.code
  FROM edge.described_versions d;

CREATE VIEW system.edge_nodes AS
  SELECT node_id, region, version, started_at, heartbeat_at,
    heartbeat_at > clock_timestamp() - interval '30 s' AS alive, sandbox
  FROM edge.nodes;

GRANT SELECT ON system.edge_functions, system.edge_function_versions TO PUBLIC;
GRANT SELECT ON system.edge_nodes TO orla_admin;

-- Postgres lets everybody execute a new function; ours are for the platform unless named here.
REVOKE ALL ON ALL ROUTINES IN SCHEMA edge FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edge.create_function(jsonb), edge.alter_function(jsonb),
  edge.drop_function(jsonb), edge.rollback_function(jsonb), edge.raise_error(jsonb), edge.at(text),
  edge.change(text, jsonb), edge.finish(jsonb), edge.run(jsonb),
  edge.invoke(bigint, jsonb), edge.call(bigint, jsonb, name),
  edge.namespace_of(name), edge.public_id(name, name) TO PUBLIC;
GRANT EXECUTE ON PROCEDURE edge.apply(text, jsonb) TO PUBLIC;
