CREATE TABLE agreement_steps (
  tenant_id TEXT NOT NULL,
  agreement_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  line_id TEXT NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  on_day TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  irregular TEXT NOT NULL,
  CONSTRAINT pk_agreement_steps PRIMARY KEY (tenant_id, agreement_id, seq)
);
--
CREATE INDEX ix_agreement_steps_line_id ON agreement_steps (tenant_id, line_id);
--
CREATE TRIGGER agreement_steps_append_only BEFORE UPDATE OR DELETE ON agreement_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER agreement_steps_no_truncate BEFORE TRUNCATE ON agreement_steps
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
