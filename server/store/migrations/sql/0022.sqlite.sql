CREATE TABLE authorities (
  tenant_id TEXT NOT NULL,
  holder TEXT NOT NULL,
  product_id TEXT NOT NULL,
  currency TEXT NOT NULL,
  version BIGINT NOT NULL,
  amount_minor BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT ck_authorities_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null')),
  CONSTRAINT pk_authorities PRIMARY KEY (tenant_id, holder, product_id, currency, version)
);
--
CREATE TABLE review_items (
  tenant_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  product_id TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  facts TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_at_ms BIGINT NOT NULL,
  CONSTRAINT ck_review_items_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null')),
  CONSTRAINT pk_review_items PRIMARY KEY (tenant_id, item_id),
  CONSTRAINT uq_review_items_tenant_id_item_id_made_by UNIQUE (tenant_id, item_id, made_by)
);
--
CREATE TABLE review_answers (
  tenant_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  made_by TEXT NOT NULL,
  answered_by TEXT NOT NULL,
  answer TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_review_answers PRIMARY KEY (tenant_id, item_id),
  CONSTRAINT ck_review_answers_two_people CHECK (lower(trim(made_by)) <> lower(trim(answered_by))),
  CONSTRAINT fk_review_answers_tenant_id_item_id_made_by FOREIGN KEY (tenant_id, item_id, made_by) REFERENCES review_items (tenant_id, item_id, made_by)
);
--
CREATE TABLE console_visits (
  tenant_id TEXT NOT NULL,
  visit_sha256 TEXT NOT NULL,
  username TEXT NOT NULL,
  browser TEXT NOT NULL,
  began_at_ms BIGINT NOT NULL,
  ended_at_ms BIGINT,
  ended_by TEXT NOT NULL,
  CONSTRAINT pk_console_visits PRIMARY KEY (tenant_id, visit_sha256)
);
--
CREATE TABLE scopes (
  tenant_id TEXT NOT NULL,
  holder_kind TEXT NOT NULL,
  holder TEXT NOT NULL,
  dimension TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_scopes PRIMARY KEY (tenant_id, holder_kind, holder, dimension, value)
);
--
CREATE INDEX ix_review_items_kind_subject_id ON review_items (tenant_id, kind, subject_id);
--
CREATE INDEX ix_review_items_line_id ON review_items (tenant_id, line_id);
--
CREATE INDEX ix_console_visits_username ON console_visits (tenant_id, username);
--
CREATE TRIGGER authorities_no_update BEFORE UPDATE ON authorities
BEGIN
  SELECT RAISE(ABORT, 'authorities is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER authorities_no_delete BEFORE DELETE ON authorities
BEGIN
  SELECT RAISE(ABORT, 'authorities is append-only: DELETE is refused');
END;
--
CREATE TRIGGER review_items_no_update BEFORE UPDATE ON review_items
BEGIN
  SELECT RAISE(ABORT, 'review_items is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER review_items_no_delete BEFORE DELETE ON review_items
BEGIN
  SELECT RAISE(ABORT, 'review_items is append-only: DELETE is refused');
END;
--
CREATE TRIGGER review_answers_no_update BEFORE UPDATE ON review_answers
BEGIN
  SELECT RAISE(ABORT, 'review_answers is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER review_answers_no_delete BEFORE DELETE ON review_answers
BEGIN
  SELECT RAISE(ABORT, 'review_answers is append-only: DELETE is refused');
END;
--
CREATE TRIGGER destroyed_stations_two_people_insert BEFORE INSERT ON destroyed_stations
WHEN NEW.confirmed_by <> '' AND lower(trim(NEW.confirmed_by)) = lower(trim(NEW.declared_by))
BEGIN
  SELECT RAISE(ABORT, 'two people: who made it cannot confirm it');
END;
--
CREATE TRIGGER destroyed_stations_two_people_update BEFORE UPDATE ON destroyed_stations
WHEN NEW.confirmed_by <> '' AND lower(trim(NEW.confirmed_by)) = lower(trim(NEW.declared_by))
BEGIN
  SELECT RAISE(ABORT, 'two people: who made it cannot confirm it');
END;
--
CREATE TRIGGER payees_two_people BEFORE INSERT ON payees
WHEN NEW.event = 'confirmed' AND EXISTS (
  SELECT 1 FROM payees p WHERE p.tenant_id = NEW.tenant_id AND p.payee_kind = NEW.payee_kind
  AND p.payee_id = NEW.payee_id AND p.event = 'set' AND p.seq = NEW.seq - 1
  AND lower(trim(p.actor)) = lower(trim(NEW.actor))
)
BEGIN
  SELECT RAISE(ABORT, 'two people: who made it cannot confirm it');
END;
