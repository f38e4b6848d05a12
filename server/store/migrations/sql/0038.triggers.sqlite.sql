CREATE TRIGGER rail_files_no_update BEFORE UPDATE ON rail_files
BEGIN
  SELECT RAISE(ABORT, 'rail_files is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER rail_files_no_delete BEFORE DELETE ON rail_files
BEGIN
  SELECT RAISE(ABORT, 'rail_files is append-only: DELETE is refused');
END;
--
CREATE TRIGGER rail_files_by_two BEFORE INSERT ON rail_files
WHEN NEW.brought_by = '' OR (NEW.word_id <> '' AND NOT EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind = 'rail_file'
    AND w.subject_id = NEW.rail || '|' || NEW.purpose || '|' || NEW.sha256
    AND a.is_confirmed AND a.answered_by = NEW.brought_by))
BEGIN
  SELECT RAISE(ABORT, 'rail_files: a file that waited is let in by two');
END;
--
CREATE TRIGGER rail_answers_let_in BEFORE INSERT ON rail_answers
WHEN (NEW.kind IN ('call', 'answer') AND NEW.actor <> NEW.rail) OR (NEW.kind NOT IN ('call', 'answer') AND NOT EXISTS (
    SELECT 1 FROM rail_files f WHERE f.tenant_id = NEW.tenant_id AND f.rail = NEW.rail
    AND f.purpose = 'answers' AND f.sha256 = NEW.source_sha256))
BEGIN
  SELECT RAISE(ABORT, 'rail_answers: nobody let this file in');
END;
--
CREATE TRIGGER money_word_answers_exported BEFORE INSERT ON money_word_answers
WHEN NEW.is_confirmed AND EXISTS (
    SELECT 1 FROM money_words w WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind = 'rail_file'
    AND instr(w.body, '|' || COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.answered_by), lower(trim(NEW.answered_by))) || '|') > 0)
BEGIN
  SELECT RAISE(ABORT, 'two people: who exported what was paid does not confirm what came back');
END;
