CREATE TRIGGER rail_files_append_only BEFORE UPDATE OR DELETE ON rail_files
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER rail_files_no_truncate BEFORE TRUNCATE ON rail_files
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE FUNCTION harvestline_rail_files_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.brought_by = '' OR (NEW.word_id <> '' AND NOT EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind = 'rail_file'
    AND w.subject_id = NEW.rail || '|' || NEW.purpose || '|' || NEW.sha256
    AND a.is_confirmed AND a.answered_by = NEW.brought_by)) THEN
    RAISE EXCEPTION 'rail_files: a file that waited is let in by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER rail_files_by_two BEFORE INSERT ON rail_files
FOR EACH ROW EXECUTE FUNCTION harvestline_rail_files_by_two();
--
CREATE FUNCTION harvestline_rail_answers_let_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.kind IN ('call', 'answer') AND NEW.actor <> NEW.rail) OR (NEW.kind NOT IN ('call', 'answer') AND NOT EXISTS (
    SELECT 1 FROM rail_files f WHERE f.tenant_id = NEW.tenant_id AND f.rail = NEW.rail
    AND f.purpose = 'answers' AND f.sha256 = NEW.source_sha256)) THEN
    RAISE EXCEPTION 'rail_answers: nobody let this file in' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER rail_answers_let_in BEFORE INSERT ON rail_answers
FOR EACH ROW EXECUTE FUNCTION harvestline_rail_answers_let_in();
--
CREATE FUNCTION harvestline_money_word_answers_exported() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.is_confirmed AND EXISTS (
    SELECT 1 FROM money_words w WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind = 'rail_file'
    AND strpos(w.body, '|' || COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.answered_by), lower(trim(NEW.answered_by))) || '|') > 0) THEN
    RAISE EXCEPTION 'two people: who exported what was paid does not confirm what came back' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER money_word_answers_exported BEFORE INSERT ON money_word_answers
FOR EACH ROW EXECUTE FUNCTION harvestline_money_word_answers_exported();
