-- WARM EDGE FUNCTION: every living node, or those of the regions named, is asked to get instances ready,
-- all of them at the same time, each over a connection of its own that lasts as long as the statement.

CREATE FUNCTION edge.ddl_warm(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f edge.functions;
BEGIN
  -- Without a lock: getting ready may take a while, and changes nothing.
  SELECT * INTO f FROM edge.find(request, path);
  IF f.function_id IS NULL THEN
    PERFORM edge.refuse_missing(request);
  ELSIF NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = f.wrapper
    AND (pg_has_role(caller, p.proowner, 'USAGE') OR has_function_privilege(caller, p.oid, 'EXECUTE')))
  THEN
    RAISE EXCEPTION 'permission denied for function %', quote_ident(f.name)
      USING ERRCODE = '42501', DATATYPE = edge.at(request ->> 'position');
  END IF;
  IF jsonb_typeof(request -> 'regions') = 'array' THEN
    PERFORM edge.require_node(r ->> 'name', r ->> 'position')
      FROM jsonb_array_elements(request -> 'regions') r;
    PERFORM edge.warm_nodes(f.current_version_id,
      (SELECT array_agg(r ->> 'name') FROM jsonb_array_elements(request -> 'regions') r));
  ELSE
    PERFORM edge.warm_nodes(f.current_version_id, NULL);
  END IF;
  RETURN '{}';
END $$;

CREATE FUNCTION edge.require_node(region text, "position" text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  known text := (SELECT string_agg(DISTINCT quote_literal(n.region), ', ') FROM edge.living_nodes() n);
BEGIN
  IF NOT EXISTS (SELECT FROM edge.living_nodes() n WHERE n.region = require_node.region) THEN
    RAISE EXCEPTION 'there is no node in region %', quote_literal(require_node.region)
      USING ERRCODE = '22023', DATATYPE = edge.at("position"), HINT = coalesce(
        'Regions with nodes: ' || known || '.', 'No node has given a sign of life in the last 30 seconds.');
  END IF;
END $$;

-- Answers when all nodes have. A node that cannot be reached matters only where its region has no other.
CREATE FUNCTION edge.warm_nodes(version_id bigint, regions text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  node edge.nodes;
  name text;
  asked jsonb := '[]';
  lost jsonb := '[]';
  one jsonb;
  state text;
  body text;
  failure jsonb;
BEGIN
  PERFORM edge.end_warming();
  FOR node IN SELECT n.* FROM edge.living_nodes() n WHERE regions IS NULL OR n.region = ANY (regions) LOOP
    name := 'orla_warm_' || jsonb_array_length(asked);
    BEGIN
      PERFORM edge_dblink.dblink_connect(name, edge.connection_string(node.callback_host, node.callback_port));
      PERFORM edge_dblink.dblink_send_query(name, format(E'{"warm":"%s"}\n', version_id));
      asked := asked || jsonb_build_object('name', name, 'node', node.node_id, 'region', node.region);
    EXCEPTION WHEN sqlclient_unable_to_establish_sqlconnection OR connection_exception
      OR external_routine_exception THEN
      lost := lost || jsonb_build_object('node', node.node_id, 'region', node.region, 'why', SQLERRM);
    END;
  END LOOP;
  FOR one IN SELECT jsonb_array_elements(asked) LOOP
    name := one ->> 'name';
    SELECT r.state, r.body INTO state, body FROM edge_dblink.dblink_get_result(name) AS r(state text, body text);
    IF state = 'unknown_version' THEN
      -- Made in this very transaction.
      PERFORM FROM edge_dblink.dblink_get_result(name) AS r(state text, body text);
      PERFORM edge_dblink.dblink_send_query(name,
        format(E'{"warm":"%s","def":%s}\n', version_id, edge.definition(version_id)));
      SELECT r.state, r.body INTO state, body FROM edge_dblink.dblink_get_result(name) AS r(state text, body text);
    END IF;
    IF state = 'error' AND failure IS NULL THEN
      failure := body::jsonb || jsonb_build_object('detail', concat_ws(E'\n', body::jsonb ->> 'detail',
        format('On node %s in region %L.', one ->> 'node', one ->> 'region')));
    ELSIF state IS DISTINCT FROM 'ok' AND failure IS NULL THEN
      RAISE EXCEPTION 'node % in region % went away', one ->> 'node', quote_literal(one ->> 'region')
        USING ERRCODE = '08006';
    END IF;
  END LOOP;
  PERFORM edge.end_warming();
  IF failure IS NOT NULL THEN
    PERFORM edge.raise_error(failure);
  END IF;
  FOR one IN SELECT jsonb_array_elements(lost) LOOP
    IF NOT EXISTS (SELECT FROM jsonb_array_elements(asked) a WHERE a -> 'region' = one -> 'region') THEN
      RAISE EXCEPTION 'no node in region % can be reached', quote_literal(one ->> 'region')
        USING ERRCODE = '08001', DETAIL = format('Node %s: %s', one ->> 'node', one ->> 'why');
    END IF;
    RAISE WARNING 'node % in region % cannot be reached', one ->> 'node', quote_literal(one ->> 'region')
      USING DETAIL = one ->> 'why';
  END LOOP;
  IF asked = '[]' THEN
    RAISE EXCEPTION 'Orla is not reachable from the database' USING ERRCODE = '08001',
      DETAIL = 'No node has given a sign of life in the last 30 seconds.';
  END IF;
EXCEPTION
  -- OTHERS does not mean a cancelled statement. Closing the socket tells the node.
  WHEN query_canceled OR OTHERS THEN
    PERFORM edge.end_warming();
    RAISE;
END $$;

CREATE FUNCTION edge.end_warming() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT edge_dblink.dblink_disconnect(name)
  FROM unnest(edge_dblink.dblink_get_connections()) name WHERE starts_with(name, 'orla_warm_')
$$;

-- With the search_path of its caller, as edge.change (0004).
CREATE FUNCTION edge.warm_function(request jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool THEN
    RAISE EXCEPTION 'cannot execute WARM EDGE FUNCTION in a read-only transaction' USING ERRCODE = '25006';
  END IF;
  INSERT INTO edge.ddl (operation, request) VALUES ('warm', request);
END $$;

REVOKE ALL ON FUNCTION edge.ddl_warm(jsonb, name[], name), edge.require_node(text, text),
  edge.warm_nodes(bigint, text[]), edge.end_warming() FROM PUBLIC;
