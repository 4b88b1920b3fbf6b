-- What recorded events held, so that one can be run again against any version of its function.

CREATE TABLE IF NOT EXISTS edge.captured_payloads (
  execution_id uuid PRIMARY KEY,
  function_id bigint NOT NULL,
  trigger_name text NOT NULL,
  event_id text,
  -- As the function got it: the payload, an array with a value per parameter, or a request's parts.
  shape text NOT NULL CHECK (shape IN ('payload', 'arguments', 'request')),
  input jsonb,
  captured_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS captured_payloads_age ON edge.captured_payloads USING brin (captured_at);

-- EXECUTE EDGE FUNCTION f REPLAY 'execution-id' [VERSION n], for the owner of the function: the payload may
-- be somebody else's.
CREATE OR REPLACE FUNCTION edge.replay_execution(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
  RETURN edge.replay_execution_as(request, pg_catalog.current_schemas(true), CURRENT_USER) AS result;
END $$;

CREATE OR REPLACE FUNCTION edge.replay_execution_as(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stack text;
  f edge.functions;
  v edge.versions;
  c edge.captured_payloads;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF NOT edge.is_called_by(stack, 'edge.replay_execution_as', 'edge.replay_execution(jsonb)',
      'edge.replay_execution_as(request, pg_catalog.current_schemas(true), CURRENT_USER) AS result') THEN
    RAISE EXCEPTION 'edge.replay_execution_as is not for direct use' USING ERRCODE = '42501';
  END IF;
  -- Without a lock: the call may take a while, and changes nothing here.
  SELECT * INTO f FROM edge.find(request, path);
  PERFORM edge.require_owned(f, request, caller);
  BEGIN
    SELECT * INTO c FROM edge.captured_payloads p
      WHERE p.execution_id = (request ->> 'executionId')::uuid AND p.function_id = f.function_id;
  EXCEPTION WHEN invalid_text_representation THEN
    RAISE EXCEPTION '"%" is no execution id', request ->> 'executionId'
      USING ERRCODE = '22P02', DATATYPE = edge.at(request ->> 'idPosition');
  END;
  IF c.execution_id IS NULL THEN
    RAISE EXCEPTION 'there is no recorded event of execution % of edge function %',
        request ->> 'executionId', quote_ident(f.name)
      USING ERRCODE = '42704', DATATYPE = edge.at(request ->> 'idPosition'),
        HINT = 'Payloads are kept of jobs whose trigger has CAPTURE, up to 64 KB, for as long as executions are.';
  END IF;
  SELECT * INTO v FROM edge.versions e WHERE e.function_id = f.function_id
    AND CASE WHEN request ->> 'version' IS NULL THEN e.version_id = f.current_version_id
      ELSE e.version = (request ->> 'version')::integer END;
  IF v.version_id IS NULL THEN
    RAISE EXCEPTION 'edge function % has no version %', quote_ident(f.name), request ->> 'version'
      USING ERRCODE = '42704', DATATYPE = edge.at(request ->> 'position');
  END IF;
  f.current_version_id := v.version_id;
  RETURN edge.exchange(f, caller,
    jsonb_build_object('trigger', c.trigger_name, 'eventId', c.event_id, 'kind', 'sql',
      'request', c.shape = 'request'),
    CASE c.shape WHEN 'request' THEN c.input
      ELSE edge.fit_arguments(v.parameters, c.shape = 'arguments', c.input) END);
END $$;
