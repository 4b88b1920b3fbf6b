-- What CREATE and ALTER check of HTTP triggers: their routes, and what goes with their AUTH.

-- Two triggers that the same requests would match. Whoever makes one waits for those that are making the
-- same, so that what is refused can always be told the other's name.
CREATE FUNCTION edge.refuse_taken_route(wanted jsonb, own bigint, "position" text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  other edge.triggers;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(
    format('orla route %s %s %s', wanted ->> 'method', wanted ->> 'host', wanted ->> 'route'), 0));
  SELECT o.* INTO other FROM edge.triggers o WHERE o.kind = 'http' AND o.trigger_id IS DISTINCT FROM own
    AND o.spec ->> 'host' IS NOT DISTINCT FROM wanted ->> 'host'
    AND o.spec ->> 'method' = wanted ->> 'method' AND o.spec ->> 'route' = wanted ->> 'route';
  IF other.trigger_id IS NOT NULL THEN
    RAISE EXCEPTION 'trigger % answers % already', quote_ident(other.name),
        concat(other.spec ->> 'method', ' ', other.spec ->> 'host', other.spec ->> 'path')
      USING ERRCODE = '42710', DATATYPE = edge.at("position"),
        HINT = 'Requests would match both. Choose another path, method or host.';
  END IF;
END $$;

-- Keeps the SECRET of a signed webhook's sender, and refuses options that would mean nothing with the
-- trigger's AUTH. The request names those it gives, and the kinds of AUTH they belong to.
CREATE FUNCTION edge.settle_auth(t edge.triggers, request jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  auth text := coalesce(t.options ->> 'auth', 'none');
  stray record;
BEGIN
  SELECT o.key AS name, string_agg(quote_literal(a), ', ' ORDER BY n) AS auths INTO stray
    FROM jsonb_each(request -> 'auths') o, jsonb_array_elements_text(o.value) WITH ORDINALITY u(a, n)
    WHERE NOT o.value ? auth GROUP BY o.key LIMIT 1;
  IF stray.name IS NOT NULL THEN
    RAISE EXCEPTION '% means nothing with AUTH = %', stray.name, quote_literal(auth)
      USING ERRCODE = '22023', DATATYPE = edge.at(coalesce(
          request #>> ARRAY['positions', stray.name], request ->> 'position')),
        HINT = format('It goes with AUTH = %s.', stray.auths);
  END IF;
  IF request ->> 'secret' IS NOT NULL THEN
    INSERT INTO edge.trigger_secrets VALUES (t.trigger_id, request ->> 'secret')
      ON CONFLICT (trigger_id) DO UPDATE SET secret = excluded.secret;
  ELSIF request ? 'secret' OR NOT request -> 'signed' ? auth THEN
    DELETE FROM edge.trigger_secrets s WHERE s.trigger_id = t.trigger_id;
  END IF;
  IF request -> 'signed' ? auth
    AND NOT EXISTS (SELECT FROM edge.trigger_secrets s WHERE s.trigger_id = t.trigger_id) THEN
    RAISE EXCEPTION 'AUTH = % needs a SECRET', quote_literal(auth)
      USING ERRCODE = '22023', DATATYPE = edge.at(coalesce(
          request #>> '{positions,AUTH}', request ->> 'position')),
        HINT = 'It is the signing key that the sender shows.';
  END IF;
END $$;
