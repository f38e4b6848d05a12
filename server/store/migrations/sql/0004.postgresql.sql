CREATE TABLE blobs (
  tenant_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  satellite TEXT NOT NULL,
  received_at_ms BIGINT NOT NULL,
  data BYTEA NOT NULL,
  CONSTRAINT pk_blobs PRIMARY KEY (tenant_id, sha256)
);
--
ALTER TABLE blobs ALTER COLUMN data SET STORAGE EXTERNAL;
--
CREATE TRIGGER blobs_no_update BEFORE UPDATE ON blobs
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
