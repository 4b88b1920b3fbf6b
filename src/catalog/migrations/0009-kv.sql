-- The functions' key-value store, unless REDIS_URL names another place for it.
--
-- Only nodes touch it, so that a function reaches no other namespace's keys. Values are JSON text as
-- nodes normalise it; what has expired is invisible at once and removed some time later.

CREATE TABLE edge.kv (
  namespace text NOT NULL,
  -- By bytes, as every implementation of the store lists keys.
  key text COLLATE "C" NOT NULL,
  value text NOT NULL,
  expires_at timestamptz,
  PRIMARY KEY (namespace, key)
);
CREATE INDEX kv_expires_at ON edge.kv (expires_at) WHERE expires_at IS NOT NULL;
