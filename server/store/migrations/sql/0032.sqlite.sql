CREATE TRIGGER farmers_stay_erased_insert BEFORE INSERT ON farmers
WHEN (NEW.name <> '' OR NEW.card_sha256 <> '') AND EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a
    ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'erasure' AND w.subject_id = NEW.farmer_id
    AND a.is_confirmed)
BEGIN
  SELECT RAISE(ABORT, 'farmers: whom two erased stays erased');
END;
--
CREATE TRIGGER farmers_stay_erased_update BEFORE UPDATE ON farmers
WHEN (NEW.name <> '' OR NEW.card_sha256 <> '') AND EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a
    ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'erasure' AND w.subject_id = NEW.farmer_id
    AND a.is_confirmed)
BEGIN
  SELECT RAISE(ABORT, 'farmers: whom two erased stays erased');
END;
--
CREATE TRIGGER farmers_erased_by_two BEFORE UPDATE ON farmers
WHEN NEW.name = '' AND OLD.name <> '' AND NOT EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a
    ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'erasure' AND w.subject_id = NEW.farmer_id
    AND a.is_confirmed)
BEGIN
  SELECT RAISE(ABORT, 'farmers: a person is erased by two');
END;
