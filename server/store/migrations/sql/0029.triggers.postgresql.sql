CREATE FUNCTION harvestline_person(tenant TEXT, name TEXT) RETURNS TEXT LANGUAGE sql STABLE AS $$
  SELECT COALESCE((SELECT person_key FROM users WHERE tenant_id = tenant AND username = name), lower(trim(name)))
$$;
--
CREATE FUNCTION harvestline_stranger(tenant TEXT, name TEXT) RETURNS BOOLEAN LANGUAGE sql STABLE AS $$
  SELECT name !~ '^[a-z0-9._-]+$' AND NOT EXISTS (SELECT 1 FROM users WHERE tenant_id = tenant AND username = name)
$$;
--
CREATE FUNCTION harvestline_user_steps_adopted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event = 'adopted' OR NEW.event NOT IN ('founded', 'invited', 'role_raised', 'role_lowered', 'scope_set', 'password_reset', 'password_changed', 'locked', 'unlocked') THEN
    RAISE EXCEPTION 'user_steps: only who was known before two persons were asked for is adopted' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER user_steps_adopted BEFORE INSERT ON user_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_user_steps_adopted();
--
CREATE FUNCTION harvestline_user_steps_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.seq <> COALESCE((
    SELECT MAX(s.seq) FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.username = NEW.username
  ), 0) + 1 OR (NEW.event = 'invited' AND NEW.seq <> 1) OR (NEW.event NOT IN ('invited', 'founded') AND NEW.seq = 1) THEN
    RAISE EXCEPTION 'user_steps: a step of a user follows the last one' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER user_steps_chain BEFORE INSERT ON user_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_user_steps_chain();
--
CREATE FUNCTION harvestline_user_steps_one_thing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event NOT IN ('invited', 'founded') AND EXISTS (
    SELECT 1 FROM user_steps p WHERE p.tenant_id = NEW.tenant_id AND p.username = NEW.username
    AND p.seq = NEW.seq - 1 AND (
      (p.role <> NEW.role AND NEW.event NOT IN ('role_raised', 'role_lowered'))
      OR (p.disabled <> NEW.disabled AND NEW.event NOT IN ('locked', 'unlocked'))
      OR (p.password_mark <> NEW.password_mark AND NEW.event NOT IN ('password_reset', 'password_changed'))
      OR (p.scope <> NEW.scope AND NEW.event <> 'scope_set')
      OR (NEW.event = 'role_lowered' AND (CASE NEW.role WHEN 'supervisor' THEN 2 WHEN 'lender' THEN 1 ELSE 0 END) >= (CASE p.role WHEN 'supervisor' THEN 2 WHEN 'lender' THEN 1 ELSE 0 END))
      OR (NEW.event = 'locked' AND NOT NEW.disabled)
      OR (NEW.event = 'password_changed' AND NEW.actor <> NEW.username))) THEN
    RAISE EXCEPTION 'user_steps: a step changes what it names, and one alone only takes rights away' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER user_steps_one_thing BEFORE INSERT ON user_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_user_steps_one_thing();
--
CREATE FUNCTION harvestline_user_steps_two_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event IN ('invited', 'role_raised', 'scope_set', 'password_reset', 'unlocked')
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
    AND (NEW.event NOT IN ('invited', 'role_raised') OR strpos(w.body, '"role":"' || NEW.role || '"') > 0)
    AND (NEW.event NOT IN ('invited', 'scope_set') OR strpos(w.body, '"scope":"' || NEW.scope || '"') > 0))) THEN
    RAISE EXCEPTION 'user_steps: rights are given by two persons who may log in' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER user_steps_two_persons BEFORE INSERT ON user_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_user_steps_two_persons();
--
CREATE FUNCTION harvestline_user_steps_founded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event = 'founded' AND (
    SELECT COUNT(DISTINCT s.username) FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.role = 'supervisor'
  ) >= 2 THEN
    RAISE EXCEPTION 'user_steps: two supervisors stand, so rights are given by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER user_steps_founded BEFORE INSERT ON user_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_user_steps_founded();
--
CREATE FUNCTION harvestline_users_as_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.username = NEW.username
    AND s.role = NEW.role AND s.disabled = NEW.disabled AND s.password_mark = right(NEW.password_hash, 16)
    AND s.seq = (SELECT MAX(x.seq) FROM user_steps x WHERE x.tenant_id = NEW.tenant_id AND x.username = NEW.username)) THEN
    RAISE EXCEPTION 'users: a user is as the last step says' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER users_as_said BEFORE INSERT OR UPDATE ON users
FOR EACH ROW EXECUTE FUNCTION harvestline_users_as_said();
--
CREATE FUNCTION harvestline_users_one_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.username !~ '^[a-z0-9._-]{2,}$' OR NEW.person_key <> NEW.username OR EXISTS (
    SELECT 1 FROM users u WHERE u.tenant_id = NEW.tenant_id AND u.person_key = NEW.person_key) THEN
    RAISE EXCEPTION 'users: a name is in small letters, digits, dots, dashes and underscores, and one person''s' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER users_one_person BEFORE INSERT ON users
FOR EACH ROW EXECUTE FUNCTION harvestline_users_one_person();
--
CREATE FUNCTION harvestline_users_same_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.username <> OLD.username OR NEW.person_key <> OLD.person_key OR NEW.tenant_id <> OLD.tenant_id THEN
    RAISE EXCEPTION 'users: a name stays one person''s' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER users_same_person BEFORE UPDATE ON users
FOR EACH ROW EXECUTE FUNCTION harvestline_users_same_person();
--
CREATE FUNCTION harvestline_scopes_as_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.holder_kind = 'user' AND NOT EXISTS (
    SELECT 1 FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.username = NEW.holder
    AND strpos('|' || s.scope, '|' || NEW.dimension || '=' || NEW.value || '|') > 0
    AND s.seq = (SELECT MAX(x.seq) FROM user_steps x WHERE x.tenant_id = NEW.tenant_id AND x.username = NEW.holder)) THEN
    RAISE EXCEPTION 'scopes: a part of the book is as the last step says' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER scopes_as_said BEFORE INSERT ON scopes
FOR EACH ROW EXECUTE FUNCTION harvestline_scopes_as_said();
--
CREATE FUNCTION harvestline_scopes_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.holder_kind = 'user' AND EXISTS (
    SELECT 1 FROM user_steps s WHERE s.tenant_id = OLD.tenant_id AND s.username = OLD.holder
    AND strpos('|' || s.scope, '|' || OLD.dimension || '=' || OLD.value || '|') > 0
    AND s.seq = (SELECT MAX(x.seq) FROM user_steps x WHERE x.tenant_id = OLD.tenant_id AND x.username = OLD.holder)) THEN
    RAISE EXCEPTION 'scopes: a bound is lifted by two persons' USING ERRCODE = 'check_violation';
  END IF;
  RETURN OLD;
END
$$;
--
CREATE TRIGGER scopes_kept BEFORE DELETE ON scopes
FOR EACH ROW EXECUTE FUNCTION harvestline_scopes_kept();
--
CREATE FUNCTION harvestline_scopes_not_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.holder_kind = 'user' OR OLD.holder_kind = 'user' THEN
    RAISE EXCEPTION 'scopes: a bound is not rewritten' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER scopes_not_moved BEFORE UPDATE ON scopes
FOR EACH ROW EXECUTE FUNCTION harvestline_scopes_not_moved();
--
CREATE FUNCTION harvestline_authorities_two_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM authorities o WHERE o.tenant_id = NEW.tenant_id AND o.word_id = NEW.word_id)
  OR NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    JOIN users t ON t.tenant_id = w.tenant_id AND t.username = w.told_by
    JOIN users c ON c.tenant_id = w.tenant_id AND c.username = a.answered_by
    WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind = 'authority'
    AND w.subject_id = NEW.holder || '|' || NEW.product_id || '|' || NEW.currency || '|' || NEW.amount_minor AND a.is_confirmed AND a.answered_by = NEW.actor
    AND NOT t.disabled AND t.role = 'supervisor' AND NOT c.disabled AND c.role IN ('supervisor')
    AND t.person_key <> c.person_key
    AND NEW.holder NOT IN ('user:' || w.told_by, 'user:' || a.answered_by)) THEN
    RAISE EXCEPTION 'authorities: authority is given by two supervisors' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER authorities_two_persons BEFORE INSERT ON authorities
FOR EACH ROW EXECUTE FUNCTION harvestline_authorities_two_persons();
--
CREATE FUNCTION harvestline_money_word_answers_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.is_confirmed AND (harvestline_person(NEW.tenant_id, NEW.told_by) = harvestline_person(NEW.tenant_id, NEW.answered_by) OR harvestline_stranger(NEW.tenant_id, NEW.told_by) OR harvestline_stranger(NEW.tenant_id, NEW.answered_by)) THEN
    RAISE EXCEPTION 'two people: who told it cannot confirm it, however the name is written' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER money_word_answers_persons BEFORE INSERT ON money_word_answers
FOR EACH ROW EXECUTE FUNCTION harvestline_money_word_answers_persons();
--
CREATE FUNCTION harvestline_review_answers_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF harvestline_person(NEW.tenant_id, NEW.made_by) = harvestline_person(NEW.tenant_id, NEW.answered_by) OR harvestline_stranger(NEW.tenant_id, NEW.answered_by) OR (harvestline_stranger(NEW.tenant_id, NEW.made_by) AND NEW.made_by <> 'the rule' AND NEW.made_by NOT LIKE 'the card of %') THEN
    RAISE EXCEPTION 'two people: who made it cannot answer it, however the name is written' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER review_answers_persons BEFORE INSERT ON review_answers
FOR EACH ROW EXECUTE FUNCTION harvestline_review_answers_persons();
--
CREATE FUNCTION harvestline_destroyed_stations_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.confirmed_by <> '' AND (harvestline_person(NEW.tenant_id, NEW.declared_by) = harvestline_person(NEW.tenant_id, NEW.confirmed_by) OR harvestline_stranger(NEW.tenant_id, NEW.declared_by) OR harvestline_stranger(NEW.tenant_id, NEW.confirmed_by)) THEN
    RAISE EXCEPTION 'two people: who declared it cannot confirm it, however the name is written' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER destroyed_stations_persons BEFORE INSERT OR UPDATE ON destroyed_stations
FOR EACH ROW EXECUTE FUNCTION harvestline_destroyed_stations_persons();
--
CREATE FUNCTION harvestline_payees_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event = 'confirmed' AND (harvestline_stranger(NEW.tenant_id, NEW.actor) OR EXISTS (
    SELECT 1 FROM payees p WHERE p.tenant_id = NEW.tenant_id AND p.payee_kind = NEW.payee_kind
    AND p.payee_id = NEW.payee_id AND p.event = 'set' AND p.seq = NEW.seq - 1
    AND (harvestline_person(NEW.tenant_id, p.actor) = harvestline_person(NEW.tenant_id, NEW.actor) OR harvestline_stranger(NEW.tenant_id, p.actor)))) THEN
    RAISE EXCEPTION 'two people: who set it cannot confirm it, however the name is written' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER payees_persons BEFORE INSERT ON payees
FOR EACH ROW EXECUTE FUNCTION harvestline_payees_persons();
--
CREATE FUNCTION harvestline_restructure_answers_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.approved AND (harvestline_person(NEW.tenant_id, NEW.proposed_by) = harvestline_person(NEW.tenant_id, NEW.answered_by) OR harvestline_stranger(NEW.tenant_id, NEW.proposed_by) OR harvestline_stranger(NEW.tenant_id, NEW.answered_by)) THEN
    RAISE EXCEPTION 'two people: who proposed it cannot approve it, however the name is written' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER restructure_answers_persons BEFORE INSERT ON restructure_answers
FOR EACH ROW EXECUTE FUNCTION harvestline_restructure_answers_persons();
--
CREATE FUNCTION harvestline_model_steps_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event = 'approved' AND (harvestline_stranger(NEW.tenant_id, NEW.actor) OR EXISTS (
    SELECT 1 FROM model_steps s WHERE s.tenant_id = NEW.tenant_id AND s.sha256 = NEW.sha256
    AND s.event IN ('registered', 'proposed') AND harvestline_person(NEW.tenant_id, s.actor) = harvestline_person(NEW.tenant_id, NEW.actor))) THEN
    RAISE EXCEPTION 'two people: approved by another person than who registered or proposed it, however the name is written' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER model_steps_persons BEFORE INSERT ON model_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_model_steps_persons();
--
CREATE FUNCTION harvestline_repayment_bounces_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM rail_answers a WHERE a.tenant_id = NEW.tenant_id AND a.rail = NEW.actor
    AND a.repayment_id = NEW.repayment_id AND a.outcome = 'bounced' AND a.finding = 'matched')
  AND EXISTS (
    SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    JOIN repayments r ON r.tenant_id = w.tenant_id AND r.repayment_id = w.subject_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'repayment_bounce' AND w.subject_id = NEW.repayment_id
    AND a.is_confirmed AND (harvestline_person(NEW.tenant_id, r.received_by) IN (harvestline_person(NEW.tenant_id, w.told_by), harvestline_person(NEW.tenant_id, a.answered_by))
    OR EXISTS (SELECT 1 FROM cash_logins l WHERE l.tenant_id = w.tenant_id AND l.person_id = r.received_by
      AND harvestline_person(NEW.tenant_id, l.username) IN (harvestline_person(NEW.tenant_id, w.told_by), harvestline_person(NEW.tenant_id, a.answered_by))))) THEN
    RAISE EXCEPTION 'two people: who took it says no word of it, however the name is written' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER repayment_bounces_persons BEFORE INSERT ON repayment_bounces
FOR EACH ROW EXECUTE FUNCTION harvestline_repayment_bounces_persons();
--
CREATE FUNCTION harvestline_payout_steps_cancel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event = 'cancel' AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.detail AND w.kind = 'payout_cancel'
    AND w.subject_id = NEW.payout_id AND a.is_confirmed AND a.answered_by = NEW.actor) THEN
    RAISE EXCEPTION 'payout_steps: a payout is cancelled by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER payout_steps_cancel BEFORE INSERT ON payout_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_payout_steps_cancel();
--
CREATE FUNCTION harvestline_payouts_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.due_at_ms >= 9007199254740991 AND OLD.state = 'pending' AND NEW.state = 'pending' AND NEW.due_at_ms < 9007199254740991
  AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'payout_release'
    AND w.subject_id = NEW.payout_id AND a.is_confirmed)
  AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'order_release'
    AND w.subject_id = w.subject_id AND a.is_confirmed
    AND strpos(w.body, NEW.payout_id) > 0) THEN
    RAISE EXCEPTION 'payouts: what was held is released by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER payouts_release BEFORE UPDATE ON payouts
FOR EACH ROW EXECUTE FUNCTION harvestline_payouts_release();
--
CREATE FUNCTION harvestline_order_steps_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event = 'release' AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'order_release'
    AND w.subject_id = NEW.order_id AND a.is_confirmed AND a.answered_by = NEW.actor) THEN
    RAISE EXCEPTION 'order_steps: what was held is released by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER order_steps_release BEFORE INSERT ON order_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_order_steps_release();
--
CREATE FUNCTION harvestline_agreement_steps_write_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event = 'write_off' AND NOT EXISTS (SELECT 1 FROM money_words w
    JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'write_off'
    AND w.subject_id = NEW.line_id AND a.is_confirmed AND a.answered_by = NEW.actor
    AND strpos(NEW.detail, w.word_id) > 0) THEN
    RAISE EXCEPTION 'agreement_steps: a line is written off by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER agreement_steps_write_off BEFORE INSERT ON agreement_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_agreement_steps_write_off();
--
CREATE TRIGGER user_steps_append_only BEFORE UPDATE OR DELETE ON user_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER user_steps_no_truncate BEFORE TRUNCATE ON user_steps
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE FUNCTION harvestline_users_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.username IS NOT NULL THEN
    RAISE EXCEPTION 'users: nobody is taken off the list, they are locked out' USING ERRCODE = 'check_violation';
  END IF;
  RETURN OLD;
END
$$;
--
CREATE TRIGGER users_kept BEFORE DELETE ON users
FOR EACH ROW EXECUTE FUNCTION harvestline_users_kept();
