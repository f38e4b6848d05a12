CREATE FUNCTION harvestline_farmers_stay_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.name <> '' OR NEW.card_sha256 <> '') AND EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a
    ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'erasure' AND w.subject_id = NEW.farmer_id
    AND a.is_confirmed) THEN
    RAISE EXCEPTION 'farmers: whom two erased stays erased' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER farmers_stay_erased BEFORE INSERT OR UPDATE ON farmers
FOR EACH ROW EXECUTE FUNCTION harvestline_farmers_stay_erased();
--
CREATE FUNCTION harvestline_farmers_erased_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.name = '' AND OLD.name <> '' AND NOT EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a
    ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'erasure' AND w.subject_id = NEW.farmer_id
    AND a.is_confirmed) THEN
    RAISE EXCEPTION 'farmers: a person is erased by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER farmers_erased_by_two BEFORE UPDATE ON farmers
FOR EACH ROW EXECUTE FUNCTION harvestline_farmers_erased_by_two();
