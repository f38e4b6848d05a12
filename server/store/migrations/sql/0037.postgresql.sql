CREATE TABLE update_steps (
  tenant_id TEXT NOT NULL,
  path TEXT NOT NULL,
  seq BIGINT NOT NULL,
  event TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  rollout TEXT NOT NULL,
  word_id TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_update_steps PRIMARY KEY (tenant_id, path, seq)
);
--
DROP TRIGGER money_words_before_no_insert ON money_words_before;
--
INSERT INTO money_words_before (tenant_id, kind, subject_id)
SELECT tenant_id, 'policy', policy_version FROM products WHERE state = 'in_force'
UNION ALL
SELECT DISTINCT tenant_id, 'update', object_id FROM audit
WHERE object_kind = 'update' AND action IN ('update_staged', 'update_promoted');
--
CREATE TRIGGER money_words_before_no_insert BEFORE INSERT ON money_words_before
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER update_steps_append_only BEFORE UPDATE OR DELETE ON update_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER update_steps_no_truncate BEFORE TRUNCATE ON update_steps
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER products_no_truncate BEFORE TRUNCATE ON products
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE FUNCTION harvestline_products_by_two_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state <> 'candidate' AND NOT ((
    SELECT COUNT(DISTINCT s.username) FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.role = 'supervisor'
  ) < 2)
  AND NOT EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'policy' AND w.subject_id = NEW.policy_version AND a.is_confirmed) THEN
    RAISE EXCEPTION 'products: what is lent by is said by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER products_by_two_insert BEFORE INSERT ON products
FOR EACH ROW EXECUTE FUNCTION harvestline_products_by_two_insert();
--
CREATE FUNCTION harvestline_products_by_two_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state <> OLD.state AND (OLD.state <> 'candidate' OR NOT ((
    SELECT COUNT(DISTINCT s.username) FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.role = 'supervisor'
  ) < 2)
  AND NOT EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.kind = 'policy' AND w.subject_id = NEW.policy_version AND a.is_confirmed)) THEN
    RAISE EXCEPTION 'products: what is lent by is said by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER products_by_two_update BEFORE UPDATE ON products
FOR EACH ROW EXECUTE FUNCTION harvestline_products_by_two_update();
--
CREATE FUNCTION harvestline_products_as_read() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.policy_version <> OLD.policy_version OR NEW.product_id <> OLD.product_id OR NEW.version <> OLD.version
  OR NEW.content <> OLD.content OR NEW.sha256 <> OLD.sha256 OR NEW.added_at_ms <> OLD.added_at_ms THEN
    RAISE EXCEPTION 'products: a version is not rewritten, a change is a higher version' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER products_as_read BEFORE UPDATE ON products
FOR EACH ROW EXECUTE FUNCTION harvestline_products_as_read();
--
CREATE FUNCTION harvestline_products_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.policy_version IS NOT NULL THEN
    RAISE EXCEPTION 'products: a version is not taken away, decisions replay by it' USING ERRCODE = 'check_violation';
  END IF;
  RETURN OLD;
END
$$;
--
CREATE TRIGGER products_kept BEFORE DELETE ON products
FOR EACH ROW EXECUTE FUNCTION harvestline_products_kept();
--
CREATE FUNCTION harvestline_update_steps_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.event NOT IN ('staged', 'promoted') OR NEW.seq <> COALESCE((
    SELECT MAX(s.seq) FROM update_steps s WHERE s.tenant_id = NEW.tenant_id AND s.path = NEW.path), 0) + 1 THEN
    RAISE EXCEPTION 'update_steps: a step of a version follows the last one' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER update_steps_chain BEFORE INSERT ON update_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_update_steps_chain();
--
CREATE FUNCTION harvestline_update_steps_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT (NEW.word_id = '' AND ((
    SELECT COUNT(DISTINCT s.username) FROM user_steps s WHERE s.tenant_id = NEW.tenant_id AND s.role = 'supervisor'
  ) < 2))
  AND NOT EXISTS (
    SELECT 1 FROM money_words w JOIN money_word_answers a ON a.tenant_id = w.tenant_id AND a.word_id = w.word_id
    WHERE w.tenant_id = NEW.tenant_id AND w.word_id = NEW.word_id AND w.kind IN ('policy', 'update')
    AND w.subject_id = NEW.subject_id AND a.is_confirmed) THEN
    RAISE EXCEPTION 'update_steps: what stations are given is said by two' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
--
CREATE TRIGGER update_steps_by_two BEFORE INSERT ON update_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_update_steps_by_two();
