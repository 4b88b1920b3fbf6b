-- From a wrapper function to a node and back.
--
--   f(a, b)      the wrapper: runs as its caller, packs arguments, converts the result
--   edge.invoke  runs as the caller still, and tells edge.call who that is
--   edge.call    the platform's rights: checks EXECUTE, finds the version, speaks to a node
--
-- edge.call believes what it is told about the caller only when the frame above it is edge.invoke.
-- Postgres renders that frame as `edge.invoke(bigint,jsonb)`, always with its schema since invoke's
-- search_path is fixed, and nobody else can create functions in `edge`: the frame cannot be forged.
-- An expression that failed once in a transaction, and was caught by a savepoint or an exception block, is
-- from then on evaluated as a query, and Postgres renders a frame for that too, with the expression's text
-- in quotes. Text can have lines in it that look like frames, so this one is believed only when it is the
-- whole expression of ours. Those end with `AS …`: where a quote follows that in somebody else's text, as
-- it does in ours at the end of the frame, the text is no SQL.
--
-- So the right to call is Postgres's own EXECUTE on the wrapper, for the role that is really in
-- force, also inside SECURITY DEFINER functions and maintenance commands.

-- The password by which Postgres proves to a node that it is Postgres. Only the owner may read it.
CREATE TABLE edge.callback (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  password text NOT NULL
);
-- 244 random bits; pgcrypto is not everywhere.
INSERT INTO edge.callback (password)
  VALUES (replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

CREATE TABLE edge.nodes (
  node_id text PRIMARY KEY,
  region text NOT NULL,
  version text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- An address, or the absolute directory of a unix socket, as libpq's `host`.
  callback_host text NOT NULL,
  callback_port integer NOT NULL CHECK (callback_port BETWEEN 1 AND 65535),
  -- What isolation the machine gives to functions.
  sandbox jsonb NOT NULL DEFAULT '{}'
);

-- Whether `frame` is above the frame of `expression`, which is above the first one of `stack`.
CREATE FUNCTION edge.is_evaluated_by(stack text, frame text, expression text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  above text := substr(stack, strpos(stack, E'\n') + 1);
BEGIN
  RETURN strpos(split_part(above, '"', 1), E'\n') = 0
    AND starts_with(substr(above, strpos(above, '"') + 1), expression || E'"\n' || frame);
END $$;

-- Whether `self`, whose PG_CONTEXT `stack` is, was called by `expected`, where `expression` is. The words
-- around the names depend on the server's language; the first frame, that of `self`, shows them. Without a
-- search_path of its own Postgres inlines it: it costs nothing.
CREATE FUNCTION edge.is_called_by(stack text, self text, expected text, expression text) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN starts_with(split_part(stack, E'\n', 2), split_part(stack, self || '(', 1) || expected)
  OR edge.is_evaluated_by(stack, split_part(stack, self || '(', 1) || expected, expression);

CREATE FUNCTION edge.invoke(function_id bigint, arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN edge.call(function_id, arguments, CURRENT_USER) AS called_by_invoke;
END $$;

-- How dblink finds a node's callback endpoint.
CREATE FUNCTION edge.connection_string(host text, port integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format(
    'host=%L port=%s dbname=orla user=orla password=%L client_encoding=UTF8 sslmode=disable '
    'gssencmode=disable connect_timeout=3 tcp_user_timeout=10000 keepalives_idle=10 '
    'keepalives_interval=3 keepalives_count=3 application_name=postgres', host, port, c.password)
  FROM edge.callback c
$$;

-- Those who give signs of life. Measured from the transaction's start: an old snapshot shows old ones.
CREATE FUNCTION edge.living_nodes() RETURNS SETOF edge.nodes
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT n.* FROM edge.nodes n WHERE n.heartbeat_at > transaction_timestamp() - interval '30 s'
$$;

-- Opens the session's connection `orla` to a living node, the one heard from last first.
CREATE FUNCTION edge.connect() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  node record;
  tried text := '';
BEGIN
  FOR node IN
    SELECT n.node_id, edge.connection_string(n.callback_host, n.callback_port) AS address
    FROM edge.living_nodes() n ORDER BY n.heartbeat_at DESC
  LOOP
    BEGIN
      PERFORM edge_dblink.dblink_connect('orla', node.address);
      RETURN;
    EXCEPTION WHEN sqlclient_unable_to_establish_sqlconnection OR connection_exception
      OR external_routine_exception THEN
      tried := concat_ws(E'\n', nullif(tried, ''), format('node %s: %s', node.node_id, SQLERRM));
    END;
  END LOOP;
  RAISE EXCEPTION 'Orla is not reachable from the database' USING ERRCODE = '08001',
    DETAIL = CASE tried WHEN '' THEN 'No node has given a sign of life in the last 30 seconds.' ELSE tried END,
    HINT = 'Edge functions run in Orla: is `orla start` running, and connected to this database?';
END $$;

CREATE FUNCTION edge.call(function_id bigint, arguments jsonb, caller name) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  stack text;
  f edge.functions;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF NOT edge.is_called_by(stack, 'edge.call', 'edge.invoke(bigint,jsonb)',
      'edge.call(function_id, arguments, CURRENT_USER) AS called_by_invoke') THEN
    RAISE EXCEPTION 'edge.call is not for direct use' USING ERRCODE = '42501',
      HINT = 'Call the edge function by its name.';
  END IF;
  SELECT * INTO f FROM edge.functions e WHERE e.function_id = function_id;
  IF f.wrapper IS NULL THEN
    RAISE EXCEPTION 'there is no edge function with id %', function_id USING ERRCODE = '42883';
  ELSIF NOT has_function_privilege(caller, f.wrapper, 'EXECUTE') THEN
    RAISE EXCEPTION 'permission denied for function %', f.wrapper::regproc USING ERRCODE = '42501';
  END IF;
  RETURN edge.exchange(f, caller, NULL, arguments);
END $$;

-- Given values as a function with these parameters takes them: an array with one for each; without
-- declared parameters, one payload.
CREATE FUNCTION edge.fit_arguments(parameters jsonb, are_listed boolean, given jsonb) RETURNS jsonb
LANGUAGE sql STABLE RETURN CASE
  WHEN parameters IS NULL THEN CASE WHEN are_listed THEN given -> 0 ELSE given END
  WHEN are_listed THEN given
  WHEN parameters = '[]' THEN '[]'
  ELSE jsonb_build_array(given) END;

-- One call over the session's connection to a node. `extra` goes into the header: the trigger, a deadline.
CREATE FUNCTION edge.exchange(f edge.functions, caller name, extra jsonb, arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  header text;
  input text;
  state text;
  body text;
BEGIN
  -- The connection of an earlier call may be gone since, or, after a cancelled call, still in use.
  IF 'orla' = ANY (edge_dblink.dblink_get_connections()) THEN
    IF edge_dblink.dblink_is_busy('orla') = 1 OR edge_dblink.dblink_error_message('orla') <> 'OK' THEN
      PERFORM edge_dblink.dblink_disconnect('orla');
      PERFORM edge.connect();
    END IF;
  ELSE
    PERFORM edge.connect();
  END IF;

  header := '{"v":"' || f.current_version_id || '","role":' || to_json(caller)
    || coalesce(',"extra":' || extra::text, '');
  input := E'}\n' || coalesce(arguments::text, 'null');
  BEGIN
    IF edge_dblink.dblink_send_query('orla', header || input) <> 1 THEN
      RAISE EXCEPTION 'the call could not be sent' USING ERRCODE = '08006';
    END IF;
    SELECT r.state, r.body INTO state, body
      FROM edge_dblink.dblink_get_result('orla') AS r(state text, body text);
    -- The empty result at the end frees the connection for the next query.
    PERFORM FROM edge_dblink.dblink_get_result('orla') AS r(state text, body text);
    IF state = 'unknown_version' THEN
      PERFORM edge_dblink.dblink_send_query('orla',
        header || ',"def":' || edge.definition(f.current_version_id)::text || input);
      SELECT r.state, r.body INTO state, body
        FROM edge_dblink.dblink_get_result('orla') AS r(state text, body text);
      PERFORM FROM edge_dblink.dblink_get_result('orla') AS r(state text, body text);
    END IF;
  EXCEPTION
    WHEN query_canceled THEN
      -- Closing the socket is what tells the node to stop the function.
      PERFORM edge_dblink.dblink_disconnect('orla');
      RAISE;
    WHEN OTHERS THEN
      PERFORM edge_dblink.dblink_disconnect('orla');
      IF SQLSTATE NOT LIKE '08%' THEN
        RAISE;
      END IF;
      RAISE EXCEPTION 'Orla went away during the call of %', f.wrapper::regproc USING ERRCODE = '08006',
        DETAIL = SQLERRM, HINT = 'The function may or may not have done its work.';
  END;

  CASE state
    WHEN 'ok' THEN
      RETURN nullif(body, 'null')::jsonb;
    WHEN 'error' THEN
      -- A trigger's function may choose the SQLSTATE it fails the statement with.
      PERFORM edge.raise_error(body::jsonb || CASE WHEN extra ->> 'kind' = 'database' AND body::jsonb ? 'chosen'
        THEN jsonb_build_object('sqlstate', body::jsonb -> 'chosen') ELSE '{}' END);
    ELSE
      RAISE EXCEPTION 'Orla answered %, which this database does not understand', quote_nullable(state)
        USING ERRCODE = '08P01', HINT = 'Is every node of the same release?';
  END CASE;
END $$;
