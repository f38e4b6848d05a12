CREATE TABLE second_factors (
  tenant_id TEXT NOT NULL,
  username TEXT NOT NULL,
  factor_id TEXT NOT NULL,
  sealed BYTEA NOT NULL,
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
CREATE FUNCTION harvestline_second_factors_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.confirmed_at_ms IS NOT NULL OR NEW.ended_at_ms IS NOT NULL OR NEW.word_id <> '' THEN
    RAISE EXCEPTION 'second_factors: it is offered first and confirmed by a code' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER second_factors_born BEFORE INSERT ON second_factors
FOR EACH ROW EXECUTE FUNCTION harvestline_second_factors_born();
--
CREATE FUNCTION harvestline_second_factors_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.tenant_id <> OLD.tenant_id OR NEW.username <> OLD.username
    OR NEW.factor_id <> OLD.factor_id OR NEW.sealed <> OLD.sealed
    OR NEW.last_step < OLD.last_step
    OR (OLD.confirmed_at_ms IS NOT NULL AND NEW.confirmed_at_ms IS DISTINCT FROM OLD.confirmed_at_ms)
    OR (OLD.ended_at_ms IS NOT NULL AND NEW.ended_at_ms IS DISTINCT FROM OLD.ended_at_ms)
    OR (OLD.ended_at_ms IS NOT NULL AND NEW.word_id <> OLD.word_id) THEN
    RAISE EXCEPTION 'second_factors: a code that was used stays used, and the secret stays' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER second_factors_kept BEFORE UPDATE ON second_factors
FOR EACH ROW EXECUTE FUNCTION harvestline_second_factors_kept();
--
CREATE FUNCTION harvestline_second_factors_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.ended_at_ms IS NOT NULL AND OLD.ended_at_ms IS NULL
  AND NOT EXISTS (SELECT 1 FROM second_factors f WHERE f.tenant_id = NEW.tenant_id
    AND f.username = NEW.username AND f.factor_id <> NEW.factor_id
    AND f.confirmed_at_ms IS NOT NULL AND f.ended_at_ms IS NULL)
  AND (EXISTS (SELECT 1 FROM second_factors f WHERE f.tenant_id = NEW.tenant_id
      AND f.word_id = NEW.word_id AND f.factor_id <> NEW.factor_id)
    OR NOT EXISTS (SELECT 1 FROM money_words w
      JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
      WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind = 'user_factor'
      AND w.subject_id = NEW.username AND a.is_confirmed)) THEN
    RAISE EXCEPTION 'second_factors: it ends by the next one, or by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER second_factors_ended BEFORE UPDATE ON second_factors
FOR EACH ROW EXECUTE FUNCTION harvestline_second_factors_ended();
--
CREATE FUNCTION harvestline_second_factors_not_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.confirmed_at_ms IS NOT NULL THEN
    RAISE EXCEPTION 'second_factors: what was confirmed is not deleted' USING ERRCODE = 'check_violation';
  END IF;
  RETURN OLD;
END
$$;
--
CREATE TRIGGER second_factors_not_deleted BEFORE DELETE ON second_factors
FOR EACH ROW EXECUTE FUNCTION harvestline_second_factors_not_deleted();
--
CREATE FUNCTION harvestline_recovery_codes_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.used_at_ms IS NOT NULL OR NEW.tenant_id <> OLD.tenant_id
    OR NEW.username <> OLD.username OR NEW.factor_id <> OLD.factor_id
    OR NEW.code_sha256 <> OLD.code_sha256 THEN
    RAISE EXCEPTION 'recovery_codes: a spare code is used once' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER recovery_codes_once BEFORE UPDATE ON recovery_codes
FOR EACH ROW EXECUTE FUNCTION harvestline_recovery_codes_once();
--
CREATE FUNCTION harvestline_recovery_codes_not_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TRUE THEN
    RAISE EXCEPTION 'recovery_codes: DELETE is refused' USING ERRCODE = 'check_violation';
  END IF;
  RETURN OLD;
END
$$;
--
CREATE TRIGGER recovery_codes_not_deleted BEFORE DELETE ON recovery_codes
FOR EACH ROW EXECUTE FUNCTION harvestline_recovery_codes_not_deleted();
