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
CREATE TRIGGER data_uses_append_only BEFORE UPDATE OR DELETE ON data_uses
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER data_uses_no_truncate BEFORE TRUNCATE ON data_uses
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER accesses_append_only BEFORE UPDATE OR DELETE ON accesses
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER accesses_no_truncate BEFORE TRUNCATE ON accesses
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
