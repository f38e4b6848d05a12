CREATE TABLE subsidy_claims (
  tenant_id TEXT NOT NULL,
  claim_id TEXT NOT NULL,
  region TEXT NOT NULL,
  currency TEXT NOT NULL,
  until_on TEXT NOT NULL,
  total_minor BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT ck_subsidy_claims_total_minor_whole CHECK (typeof(total_minor) IN ('integer', 'null')),
  CONSTRAINT pk_subsidy_claims PRIMARY KEY (tenant_id, claim_id)
);
--
CREATE TABLE subsidy_claim_lines (
  tenant_id TEXT NOT NULL,
  claim_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  earned_minor BIGINT NOT NULL,
  claimed_minor BIGINT NOT NULL,
  CONSTRAINT ck_subsidy_claim_lines_earned_minor_whole CHECK (typeof(earned_minor) IN ('integer', 'null')),
  CONSTRAINT ck_subsidy_claim_lines_claimed_minor_whole CHECK (typeof(claimed_minor) IN ('integer', 'null')),
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
  CONSTRAINT ck_subsidy_payments_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null')),
  CONSTRAINT pk_subsidy_payments PRIMARY KEY (tenant_id, payment_id)
);
--
CREATE INDEX ix_subsidy_claim_lines_line_id ON subsidy_claim_lines (tenant_id, line_id);
--
CREATE INDEX ix_subsidy_payments_claim_id ON subsidy_payments (tenant_id, claim_id);
--
CREATE TRIGGER subsidy_claims_no_update BEFORE UPDATE ON subsidy_claims
BEGIN
  SELECT RAISE(ABORT, 'subsidy_claims is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER subsidy_claims_no_delete BEFORE DELETE ON subsidy_claims
BEGIN
  SELECT RAISE(ABORT, 'subsidy_claims is append-only: DELETE is refused');
END;
--
CREATE TRIGGER subsidy_claim_lines_no_update BEFORE UPDATE ON subsidy_claim_lines
BEGIN
  SELECT RAISE(ABORT, 'subsidy_claim_lines is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER subsidy_claim_lines_no_delete BEFORE DELETE ON subsidy_claim_lines
BEGIN
  SELECT RAISE(ABORT, 'subsidy_claim_lines is append-only: DELETE is refused');
END;
--
CREATE TRIGGER subsidy_payments_no_update BEFORE UPDATE ON subsidy_payments
BEGIN
  SELECT RAISE(ABORT, 'subsidy_payments is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER subsidy_payments_no_delete BEFORE DELETE ON subsidy_payments
BEGIN
  SELECT RAISE(ABORT, 'subsidy_payments is append-only: DELETE is refused');
END;
