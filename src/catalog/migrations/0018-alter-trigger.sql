-- ALTER TRIGGER … SET: every option of a trigger, in the transaction that says so.

-- SYNC of a trigger on a table: which function its Postgres trigger executes.
CREATE FUNCTION edge.switch_sync_statements(t edge.triggers, sync boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_array(regexp_replace(
    replace(left(d, 6), 'CREATE', 'CREATE OR REPLACE') || substr(d, 7),
    'edge\.fire_(later|after)\((''\d+'')\)$',
    CASE WHEN sync THEN 'edge.fire_after(\2)' ELSE 'edge.fire_later(\2)' END)) || edge.keep_switch(t.pg_trigger)
  FROM pg_get_triggerdef(t.pg_trigger) d
$$;

-- `options` holds what is written, `defaults` which of them are set no longer; `known` says of every option
-- of tables which run it is for.
CREATE FUNCTION edge.ddl_alter_trigger(request jsonb, path name[], caller name) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t edge.triggers := edge.locate_existing_trigger(request, path, caller);
  place text := edge.at(request ->> 'position');
  known jsonb := request -> 'known';
  changed jsonb := (t.options || (request -> 'options')) - ARRAY(
    SELECT jsonb_array_elements_text(request -> 'defaults'));
  was_sync boolean := coalesce((t.options ->> 'sync')::boolean, false);
  is_sync boolean := coalesce((changed ->> 'sync')::boolean, false);
  stray text;
BEGIN
  -- Which options a kind has, the translator knows; which kind a trigger is, only the database.
  SELECT string_agg(k.key, ', ') INTO stray FROM jsonb_each(request -> 'kinds') k WHERE NOT k.value ? t.kind;
  IF stray IS NOT NULL THEN
    RAISE EXCEPTION 'a % trigger has no option %', t.kind, stray USING ERRCODE = '22023', DATATYPE = place;
  END IF;
  IF t.kind = 'database' THEN
    IF t.spec ->> 'timing' <> 'after' AND changed ? 'sync' THEN
      RAISE EXCEPTION 'SYNC belongs to AFTER triggers' USING ERRCODE = '22023', DATATYPE = place,
        HINT = 'BEFORE and INSTEAD OF triggers always run within the statement.';
    END IF;
    SELECT string_agg(known #>> ARRAY[k, 'name'], ', ') INTO stray FROM jsonb_object_keys(changed) k
      WHERE known #>> ARRAY[k, 'runs'] <>
        CASE WHEN t.spec ->> 'timing' <> 'after' OR is_sync THEN 'within' ELSE 'later' END;
    IF stray IS NOT NULL THEN
      RAISE EXCEPTION '% means nothing to a trigger that runs %', stray,
          CASE WHEN t.spec ->> 'timing' <> 'after' OR is_sync THEN 'within the statement' ELSE 'through the queue' END
        USING ERRCODE = '22023', DATATYPE = place,
          HINT = 'AFTER triggers run through the queue unless SYNC = true. SET option = DEFAULT takes an option back.';
    END IF;
  END IF;
  IF request -> 'options' ? 'host' THEN
    t.spec := t.spec || jsonb_build_object('host', request #> '{options,host}');
    PERFORM edge.refuse_taken_route(t.spec, t.trigger_id, request ->> 'position');
  END IF;
  UPDATE edge.triggers u SET options = changed, spec = t.spec, updated_at = clock_timestamp()
    WHERE u.trigger_id = t.trigger_id RETURNING * INTO t;
  UPDATE edge.trigger_state s SET next_run_at = NULL WHERE s.trigger_id = t.trigger_id;
  IF t.kind = 'http' THEN
    PERFORM edge.settle_auth(t, request);
  END IF;
  RETURN jsonb_build_object('triggerId', t.trigger_id::text, 'change', 'altered', 'after', 'nothing',
    'statements', CASE WHEN was_sync <> is_sync THEN edge.switch_sync_statements(t, is_sync) ELSE '[]' END);
END $$;
