CREATE TABLE user_steps (
  tenant_id TEXT NOT NULL,
  username TEXT NOT NULL,
  seq BIGINT NOT NULL,
  event TEXT NOT NULL,
  role TEXT NOT NULL,
  disabled BOOLEAN NOT NULL,
  password_mark TEXT NOT NULL,
  scope TEXT NOT NULL,
  word_id TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_user_steps PRIMARY KEY (tenant_id, username, seq)
);
--
ALTER TABLE users ADD COLUMN person_key TEXT NOT NULL DEFAULT '';
--
ALTER TABLE authorities ADD COLUMN word_id TEXT NOT NULL DEFAULT '';
--
DROP TRIGGER money_words_before_no_insert;
--
INSERT INTO money_words_before (tenant_id, kind, subject_id)
SELECT tenant_id, 'write_off', agreement_id || '/' || seq FROM agreement_steps WHERE event = 'write_off'
UNION ALL
SELECT tenant_id, 'payout_cancel', payout_id || '/' || seq FROM payout_steps WHERE event = 'cancel'
UNION ALL
SELECT tenant_id, 'order_release', order_id || '/' || seq FROM order_steps WHERE event = 'release'
UNION ALL
SELECT tenant_id, 'payout_release', CAST(seq AS TEXT) FROM audit WHERE action = 'payout_released'
UNION ALL
SELECT tenant_id, 'authority', holder || '|' || product_id || '|' || currency || '|' || version FROM authorities;
--
CREATE TRIGGER money_words_before_no_insert BEFORE INSERT ON money_words_before
BEGIN
  SELECT RAISE(ABORT, 'money_words_before is complete: INSERT is refused');
END;
--
INSERT INTO user_steps (tenant_id, username, seq, event, role, disabled, password_mark, scope, word_id, actor, at_ms)
SELECT u.tenant_id, u.username, 1, 'adopted', u.role, u.disabled, substr(u.password_hash, -16),
  COALESCE((SELECT group_concat(part, '') FROM (
    SELECT s.dimension || '=' || s.value || '|' AS part FROM scopes s
    WHERE s.tenant_id = u.tenant_id AND s.holder_kind = 'user' AND s.holder = u.username
    ORDER BY s.dimension, s.value) parts), ''),
  '', 'migration', u.created_at_ms
FROM users u;
