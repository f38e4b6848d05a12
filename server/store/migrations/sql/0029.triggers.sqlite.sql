CREATE TRIGGER user_steps_adopted BEFORE INSERT ON user_steps
WHEN NEW.event = 'adopted' OR NEW.event NOT IN ('founded', 'invited', 'role_raised', 'role_lowered', 'scope_set', 'password_reset', 'password_changed', 'locked', 'unlocked')
BEGIN
  SELECT RAISE(ABORT, 'user_steps: only who was known before two persons were asked for is adopted');
END;
--
CREATE TRIGGER user_steps_chain BEFORE INSERT ON user_steps
WHEN NEW.seq <> COALESCE((
    SELECT MAX(s.seq) FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.username = NEW.username
  ), 0) + 1 OR (NEW.event = 'invited' AND NEW.seq <> 1) OR (NEW.event NOT IN ('invited', 'founded') AND NEW.seq = 1)
BEGIN
  SELECT RAISE(ABORT, 'user_steps: a step of a user follows the last one');
END;
--
CREATE TRIGGER user_steps_one_thing BEFORE INSERT ON user_steps
WHEN NEW.event NOT IN ('invited', 'founded') AND EXISTS (
    SELECT 1 FROM user_steps p WHERE p.tenant_id = NEW.tenant_id AND p.username = NEW.username
    AND p.seq = NEW.seq - 1 AND (
      (p.role <> NEW.role AND NEW.event NOT IN ('role_raised', 'role_lowered'))
      OR (p.disabled <> NEW.disabled AND NEW.event NOT IN ('locked', 'unlocked'))
      OR (p.password_mark <> NEW.password_mark AND NEW.event NOT IN ('password_reset', 'password_changed'))
      OR (p.scope <> NEW.scope AND NEW.event <> 'scope_set')
      OR (NEW.event = 'role_lowered' AND (CASE NEW.role WHEN 'supervisor' THEN 2 WHEN 'lender' THEN 1 ELSE 0 END) >= (CASE p.role WHEN 'supervisor' THEN 2 WHEN 'lender' THEN 1 ELSE 0 END))
      OR (NEW.event = 'locked' AND NOT NEW.disabled)
      OR (NEW.event = 'password_changed' AND NEW.actor <> NEW.username)))
BEGIN
  SELECT RAISE(ABORT, 'user_steps: a step changes what it names, and one alone only takes rights away');
END;
--
CREATE TRIGGER user_steps_two_persons BEFORE INSERT ON user_steps
WHEN NEW.event IN ('invited', 'role_raised', 'scope_set', 'password_reset', 'unlocked')
  AND (EXISTS (SELECT 1 FROM user_steps u WHERE u.tenant_id = NEW.tenant_id AND u.word_id = NEW.word_id)
  OR NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    JOIN users t ON t.tenant_id = w.tenant_id AND t.username = w.told_by
    JOIN users c ON c.tenant_id = w.tenant_id AND c.username = a.answered_by
    WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind = CASE NEW.event WHEN 'invited' THEN 'user_invite' WHEN 'role_raised' THEN 'user_role' WHEN 'scope_set' THEN 'user_scope' WHEN 'password_reset' THEN 'user_password' WHEN 'unlocked' THEN 'user_unlock' END
    AND w.subject_id = NEW.username AND a.is_confirmed AND a.answered_by = NEW.actor
    AND NOT t.disabled AND t.role = 'supervisor' AND NOT c.disabled AND c.role IN ('supervisor', 'lender')
    AND t.person_key <> c.person_key
    AND NEW.username NOT IN (w.told_by, a.answered_by)
    AND (NEW.event NOT IN ('invited', 'role_raised') OR instr(w.body, '"role":"' || NEW.role || '"') > 0)
    AND (NEW.event NOT IN ('invited', 'scope_set') OR instr(w.body, '"scope":"' || NEW.scope || '"') > 0)))
BEGIN
  SELECT RAISE(ABORT, 'user_steps: rights are given by two persons who may log in');
END;
--
CREATE TRIGGER user_steps_founded BEFORE INSERT ON user_steps
WHEN NEW.event = 'founded' AND (
    SELECT COUNT(DISTINCT s.username) FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.role = 'supervisor'
  ) >= 2
BEGIN
  SELECT RAISE(ABORT, 'user_steps: two supervisors stand, so rights are given by two');
END;
--
CREATE TRIGGER users_as_said_insert BEFORE INSERT ON users
WHEN NOT EXISTS (
    SELECT 1 FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.username = NEW.username
    AND s.role = NEW.role AND s.disabled = NEW.disabled AND s.password_mark = substr(NEW.password_hash, -16)
    AND s.seq = (SELECT MAX(x.seq) FROM user_steps x WHERE x.tenant_id = NEW.tenant_id AND x.username = NEW.username))
BEGIN
  SELECT RAISE(ABORT, 'users: a user is as the last step says');
END;
--
CREATE TRIGGER users_as_said_update BEFORE UPDATE ON users
WHEN NOT EXISTS (
    SELECT 1 FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.username = NEW.username
    AND s.role = NEW.role AND s.disabled = NEW.disabled AND s.password_mark = substr(NEW.password_hash, -16)
    AND s.seq = (SELECT MAX(x.seq) FROM user_steps x WHERE x.tenant_id = NEW.tenant_id AND x.username = NEW.username))
BEGIN
  SELECT RAISE(ABORT, 'users: a user is as the last step says');
END;
--
CREATE TRIGGER users_one_person BEFORE INSERT ON users
WHEN (length(NEW.username) < 2 OR NEW.username GLOB '*[^a-z0-9._-]*') OR NEW.person_key <> NEW.username OR EXISTS (
    SELECT 1 FROM users u WHERE u.tenant_id = NEW.tenant_id AND u.person_key = NEW.person_key)
BEGIN
  SELECT RAISE(ABORT, 'users: a name is in small letters, digits, dots, dashes and underscores, and one person''s');
END;
--
CREATE TRIGGER users_same_person BEFORE UPDATE ON users
WHEN NEW.username <> OLD.username OR NEW.person_key <> OLD.person_key OR NEW.tenant_id <> OLD.tenant_id
BEGIN
  SELECT RAISE(ABORT, 'users: a name stays one person''s');
END;
--
CREATE TRIGGER scopes_as_said BEFORE INSERT ON scopes
WHEN NEW.holder_kind = 'user' AND NOT EXISTS (
    SELECT 1 FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.username = NEW.holder
    AND instr('|' || s.scope, '|' || NEW.dimension || '=' || NEW.value || '|') > 0
    AND s.seq = (SELECT MAX(x.seq) FROM user_steps x WHERE x.tenant_id = NEW.tenant_id AND x.username = NEW.holder))
BEGIN
  SELECT RAISE(ABORT, 'scopes: a part of the book is as the last step says');
END;
--
CREATE TRIGGER scopes_kept BEFORE DELETE ON scopes
WHEN OLD.holder_kind = 'user' AND EXISTS (
    SELECT 1 FROM user_steps s WHERE s.tenant_id = OLD.tenant_id AND s.username = OLD.holder
    AND instr('|' || s.scope, '|' || OLD.dimension || '=' || OLD.value || '|') > 0
    AND s.seq = (SELECT MAX(x.seq) FROM user_steps x WHERE x.tenant_id = OLD.tenant_id AND x.username = OLD.holder))
BEGIN
  SELECT RAISE(ABORT, 'scopes: a bound is lifted by two persons');
END;
--
CREATE TRIGGER scopes_not_moved BEFORE UPDATE ON scopes
WHEN NEW.holder_kind = 'user' OR OLD.holder_kind = 'user'
BEGIN
  SELECT RAISE(ABORT, 'scopes: a bound is not rewritten');
END;
--
CREATE TRIGGER authorities_two_persons BEFORE INSERT ON authorities
WHEN EXISTS (SELECT 1 FROM authorities o WHERE o.tenant_id = NEW.tenant_id AND o.word_id = NEW.word_id)
  OR NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    JOIN users t ON t.tenant_id = w.tenant_id AND t.username = w.told_by
    JOIN users c ON c.tenant_id = w.tenant_id AND c.username = a.answered_by
    WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind = 'authority'
    AND w.subject_id = NEW.holder || '|' || NEW.product_id || '|' || NEW.currency || '|' || NEW.amount_minor AND a.is_confirmed AND a.answered_by = NEW.actor
    AND NOT t.disabled AND t.role = 'supervisor' AND NOT c.disabled AND c.role IN ('supervisor')
    AND t.person_key <> c.person_key
    AND NEW.holder NOT IN ('user:' || w.told_by, 'user:' || a.answered_by))
BEGIN
  SELECT RAISE(ABORT, 'authorities: authority is given by two supervisors');
END;
--
CREATE TRIGGER money_word_answers_persons BEFORE INSERT ON money_word_answers
WHEN NEW.is_confirmed AND (COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.told_by), lower(trim(NEW.told_by))) = COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.answered_by), lower(trim(NEW.answered_by))) OR ((NEW.told_by = '' OR NEW.told_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.told_by)) OR ((NEW.answered_by = '' OR NEW.answered_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.answered_by)))
BEGIN
  SELECT RAISE(ABORT, 'two people: who told it cannot confirm it, however the name is written');
END;
--
CREATE TRIGGER review_answers_persons BEFORE INSERT ON review_answers
WHEN COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.made_by), lower(trim(NEW.made_by))) = COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.answered_by), lower(trim(NEW.answered_by))) OR ((NEW.answered_by = '' OR NEW.answered_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.answered_by)) OR (((NEW.made_by = '' OR NEW.made_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.made_by)) AND NEW.made_by <> 'the rule' AND NEW.made_by NOT LIKE 'the card of %')
BEGIN
  SELECT RAISE(ABORT, 'two people: who made it cannot answer it, however the name is written');
END;
--
CREATE TRIGGER destroyed_stations_persons_insert BEFORE INSERT ON destroyed_stations
WHEN NEW.confirmed_by <> '' AND (COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.declared_by), lower(trim(NEW.declared_by))) = COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.confirmed_by), lower(trim(NEW.confirmed_by))) OR ((NEW.declared_by = '' OR NEW.declared_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.declared_by)) OR ((NEW.confirmed_by = '' OR NEW.confirmed_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.confirmed_by)))
BEGIN
  SELECT RAISE(ABORT, 'two people: who declared it cannot confirm it, however the name is written');
END;
--
CREATE TRIGGER destroyed_stations_persons_update BEFORE UPDATE ON destroyed_stations
WHEN NEW.confirmed_by <> '' AND (COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.declared_by), lower(trim(NEW.declared_by))) = COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.confirmed_by), lower(trim(NEW.confirmed_by))) OR ((NEW.declared_by = '' OR NEW.declared_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.declared_by)) OR ((NEW.confirmed_by = '' OR NEW.confirmed_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.confirmed_by)))
BEGIN
  SELECT RAISE(ABORT, 'two people: who declared it cannot confirm it, however the name is written');
END;
--
CREATE TRIGGER payees_persons BEFORE INSERT ON payees
WHEN NEW.event = 'confirmed' AND (((NEW.actor = '' OR NEW.actor GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.actor)) OR EXISTS (
    SELECT 1 FROM payees p WHERE p.tenant_id = NEW.tenant_id AND p.payee_kind = NEW.payee_kind
    AND p.payee_id = NEW.payee_id AND p.event = 'set' AND p.seq = NEW.seq - 1
    AND (COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = p.actor), lower(trim(p.actor))) = COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.actor), lower(trim(NEW.actor))) OR ((p.actor = '' OR p.actor GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = p.actor)))))
BEGIN
  SELECT RAISE(ABORT, 'two people: who set it cannot confirm it, however the name is written');
END;
--
CREATE TRIGGER restructure_answers_persons BEFORE INSERT ON restructure_answers
WHEN NEW.approved AND (COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.proposed_by), lower(trim(NEW.proposed_by))) = COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.answered_by), lower(trim(NEW.answered_by))) OR ((NEW.proposed_by = '' OR NEW.proposed_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.proposed_by)) OR ((NEW.answered_by = '' OR NEW.answered_by GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.answered_by)))
BEGIN
  SELECT RAISE(ABORT, 'two people: who proposed it cannot approve it, however the name is written');
END;
--
CREATE TRIGGER model_steps_persons BEFORE INSERT ON model_steps
WHEN NEW.event = 'approved' AND (((NEW.actor = '' OR NEW.actor GLOB '*[^a-z0-9._-]*') AND NOT EXISTS (SELECT 1 FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.actor)) OR EXISTS (
    SELECT 1 FROM model_steps s WHERE s.tenant_id = NEW.tenant_id AND s.sha256 = NEW.sha256
    AND s.event IN ('registered', 'proposed') AND COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = s.actor), lower(trim(s.actor))) = COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = NEW.actor), lower(trim(NEW.actor)))))
BEGIN
  SELECT RAISE(ABORT, 'two people: approved by another person than who registered or proposed it, however the name is written');
END;
--
CREATE TRIGGER repayment_bounces_persons BEFORE INSERT ON repayment_bounces
WHEN NOT EXISTS (
    SELECT 1 FROM rail_answers a WHERE a.tenant_id = NEW.tenant_id AND a.rail = NEW.actor
    AND a.repayment_id = NEW.repayment_id AND a.outcome = 'bounced' AND a.finding = 'matched')
  AND EXISTS (
    SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    JOIN repayments r ON r.tenant_id = w.tenant_id AND r.repayment_id = w.subject_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'repayment_bounce' AND w.subject_id = NEW.repayment_id
    AND a.is_confirmed AND (COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = r.received_by), lower(trim(r.received_by))) IN (COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = w.told_by), lower(trim(w.told_by))), COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = a.answered_by), lower(trim(a.answered_by))))
    OR EXISTS (SELECT 1 FROM cash_logins l WHERE l.tenant_id = w.tenant_id AND l.person_id = r.received_by
      AND COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = l.username), lower(trim(l.username))) IN (COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = w.told_by), lower(trim(w.told_by))), COALESCE((SELECT k.person_key FROM users k WHERE k.tenant_id = NEW.tenant_id AND k.username = a.answered_by), lower(trim(a.answered_by)))))))
BEGIN
  SELECT RAISE(ABORT, 'two people: who took it says no word of it, however the name is written');
END;
--
CREATE TRIGGER payout_steps_cancel BEFORE INSERT ON payout_steps
WHEN NEW.event = 'cancel' AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.detail AND w.kind = 'payout_cancel'
    AND w.subject_id = NEW.payout_id AND a.is_confirmed AND a.answered_by = NEW.actor)
BEGIN
  SELECT RAISE(ABORT, 'payout_steps: a payout is cancelled by two');
END;
--
CREATE TRIGGER payouts_release BEFORE UPDATE ON payouts
WHEN OLD.due_at_ms >= 9007199254740991 AND OLD.state = 'pending' AND NEW.state = 'pending' AND NEW.due_at_ms < 9007199254740991
  AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'payout_release'
    AND w.subject_id = NEW.payout_id AND a.is_confirmed)
  AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'order_release'
    AND w.subject_id = w.subject_id AND a.is_confirmed
    AND instr(w.body, NEW.payout_id) > 0)
BEGIN
  SELECT RAISE(ABORT, 'payouts: what was held is released by two');
END;
--
CREATE TRIGGER order_steps_release BEFORE INSERT ON order_steps
WHEN NEW.event = 'release' AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'order_release'
    AND w.subject_id = NEW.order_id AND a.is_confirmed AND a.answered_by = NEW.actor)
BEGIN
  SELECT RAISE(ABORT, 'order_steps: what was held is released by two');
END;
--
CREATE TRIGGER agreement_steps_write_off BEFORE INSERT ON agreement_steps
WHEN NEW.event = 'write_off' AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'write_off'
    AND w.subject_id = NEW.line_id AND a.is_confirmed AND a.answered_by = NEW.actor
    AND instr(NEW.detail, w.word_id) > 0)
BEGIN
  SELECT RAISE(ABORT, 'agreement_steps: a line is written off by two');
END;
--
CREATE TRIGGER user_steps_no_update BEFORE UPDATE ON user_steps
BEGIN
  SELECT RAISE(ABORT, 'user_steps is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER user_steps_no_delete BEFORE DELETE ON user_steps
BEGIN
  SELECT RAISE(ABORT, 'user_steps is append-only: DELETE is refused');
END;
--
CREATE TRIGGER users_kept BEFORE DELETE ON users
WHEN OLD.username IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'users: nobody is taken off the list, they are locked out');
END;
