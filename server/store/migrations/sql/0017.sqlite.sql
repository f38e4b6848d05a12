ALTER TABLE consents ADD COLUMN classes TEXT NOT NULL DEFAULT '';
--
ALTER TABLE consents ADD COLUMN recipients TEXT NOT NULL DEFAULT '';
--
ALTER TABLE consents ADD COLUMN follows TEXT NOT NULL DEFAULT '';
--
ALTER TABLE consents ADD COLUMN received_at_ms BIGINT NOT NULL DEFAULT 0;
--
ALTER TABLE movements ADD COLUMN consent_ids TEXT NOT NULL DEFAULT '[]';
--
CREATE TABLE data_uses (
  tenant_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  object_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  data_class TEXT NOT NULL,
  recipient TEXT NOT NULL,
  basis TEXT NOT NULL,
  consent_ids TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_data_uses
    PRIMARY KEY (tenant_id, kind, object_id, farmer_id, purpose, data_class, recipient)
);
--
CREATE INDEX ix_data_uses_farmer_id ON data_uses (tenant_id, farmer_id);
--
CREATE TABLE accesses (
  tenant_id TEXT NOT NULL,
  access_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  purpose TEXT NOT NULL,
  classes TEXT NOT NULL,
  way TEXT NOT NULL,
  shown TEXT NOT NULL,
  CONSTRAINT pk_accesses PRIMARY KEY (tenant_id, access_id)
);
--
CREATE INDEX ix_accesses_farmer_id_at_ms ON accesses (tenant_id, farmer_id, at_ms);
--
CREATE TRIGGER data_uses_no_update BEFORE UPDATE ON data_uses
BEGIN
  SELECT RAISE(ABORT, 'data_uses is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER data_uses_no_delete BEFORE DELETE ON data_uses
BEGIN
  SELECT RAISE(ABORT, 'data_uses is append-only: DELETE is refused');
END;
--
CREATE TRIGGER accesses_no_update BEFORE UPDATE ON accesses
BEGIN
  SELECT RAISE(ABORT, 'accesses is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER accesses_no_delete BEFORE DELETE ON accesses
BEGIN
  SELECT RAISE(ABORT, 'accesses is append-only: DELETE is refused');
END;
