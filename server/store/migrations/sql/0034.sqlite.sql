CREATE INDEX ix_audit_object_kind_object_id ON audit (tenant_id, object_kind, object_id);
--
DROP TRIGGER money_words_before_no_insert;
--
INSERT INTO money_words_before (tenant_id, kind, subject_id)
SELECT tenant_id, 'relief', agreement_id || '/' || seq FROM agreement_steps WHERE event = 'grant_relief';
--
CREATE TRIGGER money_words_before_no_insert BEFORE INSERT ON money_words_before
BEGIN
  SELECT RAISE(ABORT, 'money_words_before is complete: INSERT is refused');
END;
--
CREATE TRIGGER agreement_steps_relief BEFORE INSERT ON agreement_steps
WHEN NEW.event = 'grant_relief' AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'relief'
    AND w.subject_id = NEW.line_id AND a.is_confirmed AND a.answered_by = NEW.actor
    AND instr(NEW.detail, w.word_id) > 0)
BEGIN
  SELECT RAISE(ABORT, 'agreement_steps: relief is granted by two');
END;
--
CREATE TRIGGER scopes_token_as_said BEFORE INSERT ON scopes
WHEN NEW.holder_kind = 'token' AND NOT instr(replace(COALESCE((
    SELECT w.body FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'token_scope' AND w.subject_id = NEW.holder
    AND a.is_confirmed ORDER BY a.at_ms DESC, w.word_id DESC LIMIT 1), ''), '"scope":"', '|'), '|' || NEW.dimension || '=' || NEW.value || '|') > 0
  AND EXISTS (SELECT 1 FROM api_tokens t WHERE t.tenant_id = NEW.tenant_id AND t.label = NEW.holder)
BEGIN
  SELECT RAISE(ABORT, 'scopes: what a token sees is said by two, or when it is made');
END;
--
CREATE TRIGGER scopes_token_kept BEFORE DELETE ON scopes
WHEN OLD.holder_kind = 'token' AND (NOT EXISTS (SELECT w.body FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = OLD.tenant_id AND w.kind = 'token_scope' AND w.subject_id = OLD.holder
    AND a.is_confirmed ORDER BY a.at_ms DESC, w.word_id DESC LIMIT 1)
  OR instr(replace(COALESCE((
    SELECT w.body FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = OLD.tenant_id AND w.kind = 'token_scope' AND w.subject_id = OLD.holder
    AND a.is_confirmed ORDER BY a.at_ms DESC, w.word_id DESC LIMIT 1), ''), '"scope":"', '|'), '|' || OLD.dimension || '=' || OLD.value || '|') > 0)
BEGIN
  SELECT RAISE(ABORT, 'scopes: a bound of a token is lifted by two');
END;
--
CREATE TRIGGER scopes_token_not_moved BEFORE UPDATE ON scopes
WHEN NEW.holder_kind = 'token' OR OLD.holder_kind = 'token'
BEGIN
  SELECT RAISE(ABORT, 'scopes: a bound of a token is not rewritten');
END;
