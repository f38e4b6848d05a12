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
  sealed BYTEA NOT NULL,
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
CREATE TRIGGER money_words_append_only BEFORE UPDATE OR DELETE ON money_words
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER money_words_no_truncate BEFORE TRUNCATE ON money_words
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER money_word_answers_append_only BEFORE UPDATE OR DELETE ON money_word_answers
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER money_word_answers_no_truncate BEFORE TRUNCATE ON money_word_answers
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER money_words_before_append_only BEFORE UPDATE OR DELETE ON money_words_before
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER money_words_before_no_truncate BEFORE TRUNCATE ON money_words_before
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER cash_logins_append_only BEFORE UPDATE OR DELETE ON cash_logins
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER cash_logins_no_truncate BEFORE TRUNCATE ON cash_logins
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER hook_secrets_append_only BEFORE UPDATE OR DELETE ON hook_secrets
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER hook_secrets_no_truncate BEFORE TRUNCATE ON hook_secrets
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER money_words_before_no_insert BEFORE INSERT ON money_words_before
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE FUNCTION harvestline_payout_steps_two_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event IN ('confirm', 'reject', 'return')
AND NOT EXISTS (
  SELECT 1 FROM rail_answers a WHERE a.tenant_id = NEW.tenant_id AND a.rail = NEW.rail
  AND a.source_sha256 = NEW.detail AND a.payout_id = NEW.payout_id)
AND NOT EXISTS (
  SELECT 1 FROM money_words w JOIN money_word_answers a
  ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
  WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.detail AND w.kind = 'payout_outcome'
  AND w.subject_id = NEW.payout_id AND a.is_confirmed AND a.answered_by = NEW.actor) THEN
    RAISE EXCEPTION 'payout_steps: what people heard of a payout is said by two';
  END IF;
  RETURN NEW;
END;
$$;
--
CREATE TRIGGER payout_steps_two_words BEFORE INSERT ON payout_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_payout_steps_two_words();
--
CREATE FUNCTION harvestline_repayment_bounces_two_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
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
    AND l.person_id = r.received_by AND l.username IN (w.told_by, a.answered_by))) THEN
    RAISE EXCEPTION 'repayment_bounces: a repayment bounces by the word of two, or of a bank';
  END IF;
  RETURN NEW;
END;
$$;
--
CREATE TRIGGER repayment_bounces_two_words BEFORE INSERT ON repayment_bounces
FOR EACH ROW EXECUTE FUNCTION harvestline_repayment_bounces_two_words();
