CREATE TABLE store_receipts (
  tenant_id TEXT NOT NULL,
  receipt_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  way TEXT NOT NULL,
  kg BIGINT NOT NULL,
  effective_on TEXT NOT NULL,
  source TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT pk_store_receipts PRIMARY KEY (tenant_id, receipt_id)
);
--
CREATE INDEX ix_store_receipts_subject_id ON store_receipts (tenant_id, subject_id);
--
CREATE TRIGGER store_receipts_append_only BEFORE UPDATE OR DELETE ON store_receipts
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER store_receipts_no_truncate BEFORE TRUNCATE ON store_receipts
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
