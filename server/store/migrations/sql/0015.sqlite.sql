CREATE TABLE repayment_bounces (
  tenant_id TEXT NOT NULL,
  repayment_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  reason TEXT NOT NULL,
  reference TEXT NOT NULL,
  bounced_on TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT pk_repayment_bounces PRIMARY KEY (tenant_id, repayment_id),
  CONSTRAINT ck_repayment_bounces_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null')),
  CONSTRAINT fk_repayment_bounces_tenant_id_repayment_id FOREIGN KEY (tenant_id, repayment_id) REFERENCES repayments (tenant_id, repayment_id)
);
--
CREATE INDEX ix_repayment_bounces_line_id ON repayment_bounces (tenant_id, line_id);
--
CREATE TRIGGER repayment_bounces_no_update BEFORE UPDATE ON repayment_bounces
BEGIN
  SELECT RAISE(ABORT, 'repayment_bounces is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER repayment_bounces_no_delete BEFORE DELETE ON repayment_bounces
BEGIN
  SELECT RAISE(ABORT, 'repayment_bounces is append-only: DELETE is refused');
END;
--
CREATE TABLE cash_people (
  tenant_id TEXT NOT NULL,
  person_id TEXT NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  station TEXT NOT NULL,
  public_key TEXT NOT NULL,
  card_sha256 TEXT NOT NULL,
  currency TEXT NOT NULL,
  hold_max_minor BIGINT NOT NULL,
  pay_day_max_minor BIGINT NOT NULL,
  active BOOLEAN NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT pk_cash_people PRIMARY KEY (tenant_id, person_id),
  CONSTRAINT ck_cash_people_hold_max_minor_whole CHECK (typeof(hold_max_minor) IN ('integer', 'null')),
  CONSTRAINT ck_cash_people_pay_day_max_minor_whole CHECK (typeof(pay_day_max_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_cash_people_station ON cash_people (tenant_id, station);
--
CREATE UNIQUE INDEX uq_cash_people_public_key ON cash_people (tenant_id, public_key);
--
CREATE TABLE cash_moves (
  tenant_id TEXT NOT NULL,
  move_id TEXT NOT NULL,
  person_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  other_id TEXT NOT NULL,
  station TEXT NOT NULL,
  shift_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  effective_on TEXT NOT NULL,
  body TEXT NOT NULL,
  flag TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  recorded_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_cash_moves PRIMARY KEY (tenant_id, move_id, person_id),
  CONSTRAINT ck_cash_moves_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_cash_moves_person_id ON cash_moves (tenant_id, person_id);
--
CREATE TRIGGER cash_moves_no_update BEFORE UPDATE ON cash_moves
BEGIN
  SELECT RAISE(ABORT, 'cash_moves is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER cash_moves_no_delete BEFORE DELETE ON cash_moves
BEGIN
  SELECT RAISE(ABORT, 'cash_moves is append-only: DELETE is refused');
END;
--
CREATE TABLE restructure_proposals (
  tenant_id TEXT NOT NULL,
  proposal_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  offer TEXT NOT NULL,
  offer_sha256 TEXT NOT NULL,
  proposed_by TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_restructure_proposals PRIMARY KEY (tenant_id, proposal_id),
  CONSTRAINT uq_restructure_proposals_tenant_id_proposal_id_proposed_by UNIQUE (tenant_id, proposal_id, proposed_by)
);
--
CREATE INDEX ix_restructure_proposals_line_id ON restructure_proposals (tenant_id, line_id);
--
CREATE TRIGGER restructure_proposals_no_update BEFORE UPDATE ON restructure_proposals
BEGIN
  SELECT RAISE(ABORT, 'restructure_proposals is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER restructure_proposals_no_delete BEFORE DELETE ON restructure_proposals
BEGIN
  SELECT RAISE(ABORT, 'restructure_proposals is append-only: DELETE is refused');
END;
--
CREATE TABLE restructure_answers (
  tenant_id TEXT NOT NULL,
  proposal_id TEXT NOT NULL,
  proposed_by TEXT NOT NULL,
  answered_by TEXT NOT NULL,
  approved BOOLEAN NOT NULL,
  consent_id TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_restructure_answers PRIMARY KEY (tenant_id, proposal_id),
  CONSTRAINT ck_restructure_answers_two_people CHECK (proposed_by <> answered_by),
  CONSTRAINT fk_restructure_answers_tenant_id_proposal_id_proposed_by FOREIGN KEY (tenant_id, proposal_id, proposed_by) REFERENCES restructure_proposals (tenant_id, proposal_id, proposed_by)
);
--
CREATE TRIGGER restructure_answers_no_update BEFORE UPDATE ON restructure_answers
BEGIN
  SELECT RAISE(ABORT, 'restructure_answers is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER restructure_answers_no_delete BEFORE DELETE ON restructure_answers
BEGIN
  SELECT RAISE(ABORT, 'restructure_answers is append-only: DELETE is refused');
END;
--
ALTER TABLE drawdowns ADD COLUMN paid_by TEXT NOT NULL DEFAULT '';
--
ALTER TABLE repayments ADD COLUMN paid_to TEXT NOT NULL DEFAULT '';
