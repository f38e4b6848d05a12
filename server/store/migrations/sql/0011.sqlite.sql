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
CREATE TRIGGER store_receipts_no_update BEFORE UPDATE ON store_receipts
BEGIN
  SELECT RAISE(ABORT, 'store_receipts is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER store_receipts_no_delete BEFORE DELETE ON store_receipts
BEGIN
  SELECT RAISE(ABORT, 'store_receipts is append-only: DELETE is refused');
END;
