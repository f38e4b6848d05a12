CREATE TABLE second_factors (
  tenant_id TEXT NOT NULL,
  username TEXT NOT NULL,
  factor_id TEXT NOT NULL,
  sealed BLOB NOT NULL,
  offered_at_ms BIGINT NOT NULL,
  confirmed_at_ms BIGINT,
  last_step BIGINT NOT NULL,
  wrong_count BIGINT NOT NULL,
  ended_at_ms BIGINT,
  word_id TEXT NOT NULL,
  CONSTRAINT pk_second_factors PRIMARY KEY (tenant_id, username, factor_id)
);
--
CREATE TABLE recovery_codes (
  tenant_id TEXT NOT NULL,
  username TEXT NOT NULL,
  factor_id TEXT NOT NULL,
  code_sha256 TEXT NOT NULL,
  used_at_ms BIGINT,
  CONSTRAINT pk_recovery_codes PRIMARY KEY (tenant_id, username, factor_id, code_sha256)
);
--
CREATE TRIGGER second_factors_born BEFORE INSERT ON second_factors
WHEN NEW.confirmed_at_ms IS NOT NULL OR NEW.ended_at_ms IS NOT NULL OR NEW.word_id <> ''
BEGIN
  SELECT RAISE(ABORT, 'second_factors: it is offered first and confirmed by a code');
END;
--
CREATE TRIGGER second_factors_kept BEFORE UPDATE ON second_factors
WHEN NEW.tenant_id <> OLD.tenant_id OR NEW.username <> OLD.username
    OR NEW.factor_id <> OLD.factor_id OR NEW.sealed <> OLD.sealed
    OR NEW.last_step < OLD.last_step
    OR (OLD.confirmed_at_ms IS NOT NULL AND NEW.confirmed_at_ms IS NOT OLD.confirmed_at_ms)
    OR (OLD.ended_at_ms IS NOT NULL AND NEW.ended_at_ms IS NOT OLD.ended_at_ms)
    OR (OLD.ended_at_ms IS NOT NULL AND NEW.word_id <> OLD.word_id)
BEGIN
  SELECT RAISE(ABORT, 'second_factors: a code that was used stays used, and the secret stays');
END;
--
CREATE TRIGGER second_factors_ended BEFORE UPDATE ON second_factors
WHEN NEW.ended_at_ms IS NOT NULL AND OLD.ended_at_ms IS NULL
  AND NOT EXISTS (SELECT 1 FROM second_factors f WHERE f.tenant_id = NEW.tenant_id
    AND f.username = NEW.username AND f.factor_id <> NEW.factor_id
    AND f.confirmed_at_ms IS NOT NULL AND f.ended_at_ms IS NULL)
  AND (EXISTS (SELECT 1 FROM second_factors f WHERE f.tenant_id = NEW.tenant_id
      AND f.word_id = NEW.word_id AND f.factor_id <> NEW.factor_id)
    OR NOT EXISTS (SELECT 1 FROM money_words w
      JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
      WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind = 'user_factor'
      AND w.subject_id = NEW.username AND a.is_confirmed))
BEGIN
  SELECT RAISE(ABORT, 'second_factors: it ends by the next one, or by two');
END;
--
CREATE TRIGGER second_factors_not_deleted BEFORE DELETE ON second_factors
WHEN OLD.confirmed_at_ms IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'second_factors: what was confirmed is not deleted');
END;
--
CREATE TRIGGER recovery_codes_once BEFORE UPDATE ON recovery_codes
WHEN OLD.used_at_ms IS NOT NULL OR NEW.tenant_id <> OLD.tenant_id
    OR NEW.username <> OLD.username OR NEW.factor_id <> OLD.factor_id
    OR NEW.code_sha256 <> OLD.code_sha256
BEGIN
  SELECT RAISE(ABORT, 'recovery_codes: a spare code is used once');
END;
--
CREATE TRIGGER recovery_codes_not_deleted BEFORE DELETE ON recovery_codes
BEGIN
  SELECT RAISE(ABORT, 'recovery_codes: DELETE is refused');
END;
