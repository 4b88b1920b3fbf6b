-- Uploaded objects. The bytes are in an object store, each upload under a key of its own; this row is
-- what makes them visible, and is written in one transaction with the jobs of the bucket's triggers: an
-- object without its events, or an event without its object, cannot be.

CREATE TABLE edge.objects (
  bucket text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  -- Names the bytes in the store; another one after each upload.
  upload_id uuid NOT NULL UNIQUE,
  size bigint NOT NULL CHECK (size >= 0),
  content_type text NOT NULL,
  -- SHA-256 of the bytes, in hexadecimal digits.
  etag text NOT NULL,
  uploaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (bucket, name)
);

-- Resumable uploads that became objects: what is finished twice, because the node died before it could
-- say so, happens once.
CREATE TABLE edge.finished_uploads (
  upload_id uuid PRIMARY KEY,
  finished_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE VIEW system.edge_objects AS
  SELECT o.bucket, o.name, o.size, o.content_type, o.etag, o.uploaded_at FROM edge.objects o;
GRANT SELECT ON system.edge_objects TO orla_admin;
