-- Messages of senders over HTTP, whose answers can be lost on the way.

-- What was published under an idempotency key, so that the same again is answered and not stored twice.
CREATE TABLE IF NOT EXISTS edge.published_messages (
  idempotency_key text PRIMARY KEY,
  -- Of queue and messages: the key of another request is a mistake.
  digest bytea NOT NULL,
  job_ids bigint[],
  published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS published_messages_age ON edge.published_messages USING brin (published_at);

-- All messages or none; their jobs, in their order. Whoever comes with a key that is being used waits.
CREATE OR REPLACE FUNCTION edge.publish(queue text, messages jsonb, idempotency_key text)
RETURNS bigint[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  digest constant bytea := sha256(convert_to(queue || messages::text, 'UTF8'));
  earlier edge.published_messages;
  m record;
  added bigint[];
BEGIN
  IF idempotency_key IS NOT NULL THEN
    INSERT INTO edge.published_messages VALUES (idempotency_key, digest) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      SELECT * INTO STRICT earlier FROM edge.published_messages p
        WHERE p.idempotency_key = publish.idempotency_key;
      IF earlier.digest <> digest THEN
        RAISE EXCEPTION 'this idempotency key was used for something else' USING ERRCODE = '22023';
      END IF;
      RETURN earlier.job_ids;
    END IF;
  END IF;
  FOR m IN SELECT * FROM ROWS FROM (jsonb_to_recordset(messages) AS (payload jsonb,
      "delayMs" double precision, key text, priority integer, "uniqueKey" text)) WITH ORDINALITY
    ORDER BY ordinality
  LOOP
    added := added || edge.enqueue(queue, m.payload, m."delayMs" * interval '1 ms', m.key, m.priority,
      m."uniqueKey");
  END LOOP;
  UPDATE edge.published_messages p SET job_ids = added WHERE p.idempotency_key = publish.idempotency_key;
  RETURN added;
END $$;

REVOKE ALL ON FUNCTION edge.publish(text, jsonb, text) FROM PUBLIC;
