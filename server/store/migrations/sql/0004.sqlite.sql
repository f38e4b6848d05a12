CREATE TABLE blobs (
  tenant_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  satellite TEXT NOT NULL,
  received_at_ms BIGINT NOT NULL,
  data BLOB NOT NULL,
  CONSTRAINT pk_blobs PRIMARY KEY (tenant_id, sha256)
);
--
CREATE TRIGGER blobs_no_update BEFORE UPDATE ON blobs
BEGIN
  SELECT RAISE(ABORT, 'blobs are never changed: UPDATE is refused');
END;
