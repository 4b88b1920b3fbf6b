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
  -- SHA-256 of the bytes in hexadecimal digits; of what came by S3, the tag that S3 has for it.
  etag text NOT NULL,
  -- Headers that the uploader wants to see again: `x-amz-meta-…`, `cache-control` and the like.
  metadata jsonb NOT NULL DEFAULT '{}',
  uploaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (bucket, name)
);

-- Resumable uploads that became objects: what is finished twice, because the node died before it could
-- say so, happens once.
CREATE TABLE edge.finished_uploads (
  upload_id uuid PRIMARY KEY,
  finished_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Uploads that S3's clients send in parts. The parts are in the object store, each under a key of its
-- own; they become one object when the client says so, on whatever node.
CREATE TABLE edge.multipart_uploads (
  upload_id uuid PRIMARY KEY,
  bucket text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  -- As the uploader says; NULL when it does not.
  content_type text,
  metadata jsonb NOT NULL,
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE edge.multipart_parts (
  upload_id uuid NOT NULL REFERENCES edge.multipart_uploads ON DELETE CASCADE,
  number int NOT NULL CHECK (number BETWEEN 1 AND 10000),
  -- Names the bytes in the store.
  part_id uuid NOT NULL UNIQUE,
  size bigint NOT NULL CHECK (size >= 0),
  -- MD5 of the bytes, in hexadecimal digits.
  etag text NOT NULL,
  uploaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (upload_id, number)
);

CREATE VIEW system.edge_objects AS
  SELECT o.bucket, o.name, o.size, o.content_type, o.etag, o.uploaded_at FROM edge.objects o;
GRANT SELECT ON system.edge_objects TO orla_admin;
