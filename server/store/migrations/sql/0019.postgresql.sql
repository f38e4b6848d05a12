CREATE TABLE subsidy_claims (
  tenant_id TEXT NOT NULL,
  claim_id TEXT NOT NULL,
  region TEXT NOT NULL,
  currency TEXT NOT NULL,
  until_on TEXT NOT NULL,
  total_minor BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT pk_subsidy_claims PRIMARY KEY (tenant_id, claim_id)
);
--
CREATE TABLE subsidy_claim_lines (
  tenant_id TEXT NOT NULL,
  claim_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  earned_minor BIGINT NOT NULL,
  claimed_minor BIGINT NOT NULL,
  CONSTRAINT pk_subsidy_claim_lines PRIMARY KEY (tenant_id, claim_id, line_id)
);
--
CREATE TABLE subsidy_payments (
  tenant_id TEXT NOT NULL,
  payment_id TEXT NOT NULL,
  claim_id TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  effective_on TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT pk_subsidy_payments PRIMARY KEY (tenant_id, payment_id)
);
--
CREATE INDEX ix_subsidy_claim_lines_line_id ON subsidy_claim_lines (tenant_id, line_id);
--
CREATE INDEX ix_subsidy_payments_claim_id ON subsidy_payments (tenant_id, claim_id);
--
CREATE TRIGGER subsidy_claims_append_only BEFORE UPDATE OR DELETE ON subsidy_claims
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER subsidy_claims_no_truncate BEFORE TRUNCATE ON subsidy_claims
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER subsidy_claim_lines_append_only BEFORE UPDATE OR DELETE ON subsidy_claim_lines
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER subsidy_claim_lines_no_truncate BEFORE TRUNCATE ON subsidy_claim_lines
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER subsidy_payments_append_only BEFORE UPDATE OR DELETE ON subsidy_payments
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER subsidy_payments_no_truncate BEFORE TRUNCATE ON subsidy_payments
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
