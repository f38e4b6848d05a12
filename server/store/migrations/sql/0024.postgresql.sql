CREATE TABLE appeals (
  tenant_id TEXT NOT NULL,
  appeal_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  station TEXT NOT NULL,
  answer_by TEXT NOT NULL,
  body TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_appeals PRIMARY KEY (tenant_id, appeal_id)
);
--
CREATE TABLE appeal_answers (
  tenant_id TEXT NOT NULL,
  appeal_id TEXT NOT NULL,
  body TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_appeal_answers PRIMARY KEY (tenant_id, appeal_id)
);
--
CREATE INDEX ix_appeals_farmer_id ON appeals (tenant_id, farmer_id);
--
CREATE INDEX ix_appeals_answer_by ON appeals (tenant_id, answer_by);
--
CREATE TRIGGER appeals_append_only BEFORE UPDATE OR DELETE ON appeals
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER appeals_no_truncate BEFORE TRUNCATE ON appeals
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER appeal_answers_append_only BEFORE UPDATE OR DELETE ON appeal_answers
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER appeal_answers_no_truncate BEFORE TRUNCATE ON appeal_answers
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
