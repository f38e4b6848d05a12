CREATE TABLE payees (
  tenant_id TEXT NOT NULL,
  payee_kind TEXT NOT NULL,
  payee_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  event TEXT NOT NULL,
  rail TEXT NOT NULL,
  masked TEXT NOT NULL,
  content_sha256 TEXT NOT NULL,
  sealed BLOB NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  reason TEXT NOT NULL,
  CONSTRAINT pk_payees PRIMARY KEY (tenant_id, payee_kind, payee_id, seq)
);
--
CREATE TABLE payouts (
  tenant_id TEXT NOT NULL,
  payout_id TEXT NOT NULL,
  draw_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  payee_kind TEXT NOT NULL,
  payee_id TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  effective_on TEXT NOT NULL,
  made_at_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  due_at_ms BIGINT NOT NULL,
  rail TEXT NOT NULL,
  payee_seq BIGINT NOT NULL,
  batch_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  steps_count BIGINT NOT NULL,
  CONSTRAINT pk_payouts PRIMARY KEY (tenant_id, payout_id),
  CONSTRAINT ck_payouts_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_payouts_batch_id ON payouts (tenant_id, batch_id);
--
CREATE INDEX ix_payouts_line_id ON payouts (tenant_id, line_id);
--
CREATE INDEX ix_payouts_state_due_at_ms ON payouts (tenant_id, state, due_at_ms);
--
CREATE UNIQUE INDEX uq_payouts_draw_id ON payouts (tenant_id, draw_id);
--
CREATE TABLE payout_steps (
  tenant_id TEXT NOT NULL,
  payout_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  rail TEXT NOT NULL,
  batch_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  detail TEXT NOT NULL,
  CONSTRAINT pk_payout_steps PRIMARY KEY (tenant_id, payout_id, seq)
);
--
CREATE TABLE payout_batches (
  tenant_id TEXT NOT NULL,
  batch_id TEXT NOT NULL,
  rail TEXT NOT NULL,
  currency TEXT NOT NULL,
  payouts_count BIGINT NOT NULL,
  sum_minor BIGINT NOT NULL,
  file_name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  sealed BLOB NOT NULL,
  made_at_ms BIGINT NOT NULL,
  written_at_ms BIGINT,
  CONSTRAINT pk_payout_batches PRIMARY KEY (tenant_id, batch_id),
  CONSTRAINT ck_payout_batches_sum_minor_whole CHECK (typeof(sum_minor) IN ('integer', 'null'))
);
--
CREATE TABLE rail_answers (
  tenant_id TEXT NOT NULL,
  rail TEXT NOT NULL,
  source_sha256 TEXT NOT NULL,
  item BIGINT NOT NULL,
  kind TEXT NOT NULL,
  instruction_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  amount_minor BIGINT,
  currency TEXT NOT NULL,
  reference TEXT NOT NULL,
  reason TEXT NOT NULL,
  finding TEXT NOT NULL,
  payout_id TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT pk_rail_answers PRIMARY KEY (tenant_id, rail, source_sha256, item),
  CONSTRAINT ck_rail_answers_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_rail_answers_instruction_id ON rail_answers (tenant_id, instruction_id);
--
CREATE TABLE hook_subscriptions (
  tenant_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  name TEXT NOT NULL,
  address TEXT NOT NULL,
  kinds TEXT NOT NULL,
  party TEXT NOT NULL,
  allow_private BOOLEAN NOT NULL,
  sealed BLOB NOT NULL,
  made_at_ms BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  ended_at_ms BIGINT,
  CONSTRAINT pk_hook_subscriptions PRIMARY KEY (tenant_id, subscription_id)
);
--
CREATE UNIQUE INDEX uq_hook_subscriptions_name ON hook_subscriptions (tenant_id, name);
--
CREATE TABLE hook_events (
  tenant_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  party TEXT NOT NULL,
  payload TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_hook_events PRIMARY KEY (tenant_id, event_id)
);
--
CREATE TABLE hook_deliveries (
  tenant_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  state TEXT NOT NULL,
  tries BIGINT NOT NULL,
  due_at_ms BIGINT NOT NULL,
  status BIGINT NOT NULL,
  told TEXT NOT NULL,
  settled_at_ms BIGINT,
  CONSTRAINT pk_hook_deliveries PRIMARY KEY (tenant_id, event_id, subscription_id)
);
--
CREATE INDEX ix_hook_deliveries_state_due_at_ms ON hook_deliveries (tenant_id, state, due_at_ms);
--
CREATE TRIGGER payees_no_update BEFORE UPDATE ON payees
BEGIN
  SELECT RAISE(ABORT, 'payees is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER payees_no_delete BEFORE DELETE ON payees
BEGIN
  SELECT RAISE(ABORT, 'payees is append-only: DELETE is refused');
END;
--
CREATE TRIGGER payout_steps_no_update BEFORE UPDATE ON payout_steps
BEGIN
  SELECT RAISE(ABORT, 'payout_steps is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER payout_steps_no_delete BEFORE DELETE ON payout_steps
BEGIN
  SELECT RAISE(ABORT, 'payout_steps is append-only: DELETE is refused');
END;
--
CREATE TRIGGER rail_answers_no_update BEFORE UPDATE ON rail_answers
BEGIN
  SELECT RAISE(ABORT, 'rail_answers is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER rail_answers_no_delete BEFORE DELETE ON rail_answers
BEGIN
  SELECT RAISE(ABORT, 'rail_answers is append-only: DELETE is refused');
END;
--
CREATE TRIGGER hook_events_no_update BEFORE UPDATE ON hook_events
BEGIN
  SELECT RAISE(ABORT, 'hook_events is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER hook_events_no_delete BEFORE DELETE ON hook_events
BEGIN
  SELECT RAISE(ABORT, 'hook_events is append-only: DELETE is refused');
END;
--
CREATE TRIGGER payouts_no_delete BEFORE DELETE ON payouts
BEGIN
  SELECT RAISE(ABORT, 'payouts is kept: DELETE is refused');
END;
--
CREATE TRIGGER payout_batches_no_delete BEFORE DELETE ON payout_batches
BEGIN
  SELECT RAISE(ABORT, 'payout_batches is kept: DELETE is refused');
END;
--
CREATE TRIGGER payouts_fixed BEFORE UPDATE OF tenant_id, payout_id, draw_id, line_id, payee_kind, payee_id, currency, amount_minor, effective_on, made_at_ms ON payouts
BEGIN
  SELECT RAISE(ABORT, 'a payout''s payee and amount are fixed: UPDATE is refused');
END;
--
CREATE TRIGGER payout_batches_fixed BEFORE UPDATE OF tenant_id, batch_id, rail, currency, payouts_count, sum_minor, file_name, sha256, sealed, made_at_ms ON payout_batches
BEGIN
  SELECT RAISE(ABORT, 'a batch is fixed: UPDATE is refused');
END;
