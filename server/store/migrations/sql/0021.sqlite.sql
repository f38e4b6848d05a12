CREATE TABLE money_words (
  tenant_id TEXT NOT NULL,
  word_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  body TEXT NOT NULL,
  told_by TEXT NOT NULL,
  role TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_money_words PRIMARY KEY (tenant_id, word_id),
  CONSTRAINT uq_money_words_tenant_id_word_id_told_by UNIQUE (tenant_id, word_id, told_by)
);
--
CREATE INDEX ix_money_words_kind_subject_id ON money_words (tenant_id, kind, subject_id);
--
CREATE TABLE money_word_answers (
  tenant_id TEXT NOT NULL,
  word_id TEXT NOT NULL,
  told_by TEXT NOT NULL,
  answered_by TEXT NOT NULL,
  is_confirmed BOOLEAN NOT NULL,
  reason TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_money_word_answers PRIMARY KEY (tenant_id, word_id),
  CONSTRAINT ck_money_word_answers_two_people CHECK (told_by <> answered_by OR NOT is_confirmed),
  CONSTRAINT fk_money_word_answers_tenant_id_word_id_told_by FOREIGN KEY (tenant_id, word_id, told_by) REFERENCES money_words (tenant_id, word_id, told_by)
);
--
CREATE TABLE money_words_before (
  tenant_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  CONSTRAINT pk_money_words_before PRIMARY KEY (tenant_id, kind, subject_id)
);
--
CREATE TABLE cash_logins (
  tenant_id TEXT NOT NULL,
  person_id TEXT NOT NULL,
  username TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT pk_cash_logins PRIMARY KEY (tenant_id, person_id, username)
);
--
CREATE TABLE hook_secrets (
  tenant_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  at_ms BIGINT NOT NULL,
  overlap_until_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT pk_hook_secrets PRIMARY KEY (tenant_id, subscription_id, seq)
);
--
ALTER TABLE rail_answers ADD COLUMN repayment_id TEXT NOT NULL DEFAULT '';
--
CREATE INDEX ix_rail_answers_repayment_id ON rail_answers (tenant_id, repayment_id);
--
INSERT INTO money_words_before (tenant_id, kind, subject_id)
SELECT tenant_id, 'repayment_bounce', repayment_id FROM repayment_bounces
UNION ALL
SELECT tenant_id, 'cash_difference', cause_id FROM ledger_entries WHERE cause_id LIKE 'cash/ended/%'
UNION ALL
SELECT s.tenant_id, 'payout_outcome', s.payout_id || '/' || s.seq FROM payout_steps s
WHERE s.event IN ('confirm', 'reject', 'return') AND NOT EXISTS (
  SELECT 1 FROM rail_answers a WHERE a.tenant_id = s.tenant_id AND a.rail = s.rail
  AND a.source_sha256 = s.detail AND a.payout_id = s.payout_id);
--
CREATE TRIGGER money_words_no_update BEFORE UPDATE ON money_words
BEGIN
  SELECT RAISE(ABORT, 'money_words is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER money_words_no_delete BEFORE DELETE ON money_words
BEGIN
  SELECT RAISE(ABORT, 'money_words is append-only: DELETE is refused');
END;
--
CREATE TRIGGER money_word_answers_no_update BEFORE UPDATE ON money_word_answers
BEGIN
  SELECT RAISE(ABORT, 'money_word_answers is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER money_word_answers_no_delete BEFORE DELETE ON money_word_answers
BEGIN
  SELECT RAISE(ABORT, 'money_word_answers is append-only: DELETE is refused');
END;
--
CREATE TRIGGER money_words_before_no_update BEFORE UPDATE ON money_words_before
BEGIN
  SELECT RAISE(ABORT, 'money_words_before is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER money_words_before_no_delete BEFORE DELETE ON money_words_before
BEGIN
  SELECT RAISE(ABORT, 'money_words_before is append-only: DELETE is refused');
END;
--
CREATE TRIGGER cash_logins_no_update BEFORE UPDATE ON cash_logins
BEGIN
  SELECT RAISE(ABORT, 'cash_logins is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER cash_logins_no_delete BEFORE DELETE ON cash_logins
BEGIN
  SELECT RAISE(ABORT, 'cash_logins is append-only: DELETE is refused');
END;
--
CREATE TRIGGER hook_secrets_no_update BEFORE UPDATE ON hook_secrets
BEGIN
  SELECT RAISE(ABORT, 'hook_secrets is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER hook_secrets_no_delete BEFORE DELETE ON hook_secrets
BEGIN
  SELECT RAISE(ABORT, 'hook_secrets is append-only: DELETE is refused');
END;
--
CREATE TRIGGER money_words_before_no_insert BEFORE INSERT ON money_words_before
BEGIN
  SELECT RAISE(ABORT, 'money_words_before is complete: INSERT is refused');
END;
--
CREATE TRIGGER payout_steps_two_words BEFORE INSERT ON payout_steps
WHEN NEW.event IN ('confirm', 'reject', 'return')
AND NOT EXISTS (
  SELECT 1 FROM rail_answers a WHERE a.tenant_id = NEW.tenant_id AND a.rail = NEW.rail
  AND a.source_sha256 = NEW.detail AND a.payout_id = NEW.payout_id)
AND NOT EXISTS (
  SELECT 1 FROM money_words w JOIN money_word_answers a
  ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
  WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.detail AND w.kind = 'payout_outcome'
  AND w.subject_id = NEW.payout_id AND a.is_confirmed AND a.answered_by = NEW.actor)
BEGIN
  SELECT RAISE(ABORT, 'payout_steps: what people heard of a payout is said by two');
END;
--
CREATE TRIGGER repayment_bounces_two_words BEFORE INSERT ON repayment_bounces
WHEN NOT EXISTS (
  SELECT 1 FROM rail_answers a WHERE a.tenant_id = NEW.tenant_id AND a.rail = NEW.actor
  AND a.repayment_id = NEW.repayment_id AND a.outcome = 'bounced' AND a.finding = 'matched')
AND NOT EXISTS (
  SELECT 1 FROM money_words w
  JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
  JOIN repayments r ON r.tenant_id = w.tenant_id AND r.repayment_id = w.subject_id
  WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'repayment_bounce'
  AND w.subject_id = NEW.repayment_id AND a.is_confirmed AND a.answered_by = NEW.actor
  AND r.received_by NOT IN (w.told_by, a.answered_by)
  AND NOT EXISTS (
    SELECT 1 FROM cash_logins l WHERE l.tenant_id = w.tenant_id
    AND l.person_id = r.received_by AND l.username IN (w.told_by, a.answered_by)))
BEGIN
  SELECT RAISE(ABORT, 'repayment_bounces: a repayment bounces by the word of two, or of a bank');
END;
