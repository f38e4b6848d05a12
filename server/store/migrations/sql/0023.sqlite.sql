ALTER TABLE models ADD COLUMN kind TEXT NOT NULL DEFAULT 'points';
--
CREATE TABLE model_steps (
  tenant_id TEXT NOT NULL,
  serial BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  previous BIGINT NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  CONSTRAINT pk_model_steps PRIMARY KEY (tenant_id, serial)
);
--
CREATE UNIQUE INDEX uq_model_steps_sha256_previous ON model_steps (tenant_id, sha256, previous);
--
CREATE TABLE model_counts (
  tenant_id TEXT NOT NULL,
  station TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  day TEXT NOT NULL,
  seq BIGINT NOT NULL,
  counts TEXT NOT NULL,
  received_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_model_counts PRIMARY KEY (tenant_id, station, sha256, day)
);
--
CREATE INDEX ix_model_counts_sha256_day ON model_counts (tenant_id, sha256, day);
--
CREATE TABLE shadow_scores (
  tenant_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  card_id TEXT NOT NULL,
  risk BIGINT NOT NULL,
  pd_ppm BIGINT NOT NULL,
  would TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_shadow_scores PRIMARY KEY (tenant_id, sha256, card_id)
);
--
INSERT INTO model_steps (tenant_id, serial, sha256, previous, event, state, at_ms, actor, role, reason, detail)
SELECT tenant_id, ROW_NUMBER() OVER (PARTITION BY tenant_id ORDER BY registered_at_ms, sha256), sha256, 0,
  CASE state WHEN 'candidate' THEN 'registered' ELSE 'adopted' END,
  CASE state WHEN 'candidate' THEN 'candidate' WHEN 'active' THEN 'champion' ELSE 'retired' END,
  registered_at_ms, registered_by, 'operator', 'before_life', '{}'
FROM models;
--
CREATE TRIGGER model_steps_no_update BEFORE UPDATE ON model_steps
BEGIN
  SELECT RAISE(ABORT, 'model_steps is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER model_steps_no_delete BEFORE DELETE ON model_steps
BEGIN
  SELECT RAISE(ABORT, 'model_steps is append-only: DELETE is refused');
END;
--
CREATE TRIGGER model_counts_no_update BEFORE UPDATE ON model_counts
BEGIN
  SELECT RAISE(ABORT, 'model_counts is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER model_counts_no_delete BEFORE DELETE ON model_counts
BEGIN
  SELECT RAISE(ABORT, 'model_counts is append-only: DELETE is refused');
END;
--
CREATE TRIGGER shadow_scores_no_update BEFORE UPDATE ON shadow_scores
BEGIN
  SELECT RAISE(ABORT, 'shadow_scores is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER shadow_scores_no_delete BEFORE DELETE ON shadow_scores
BEGIN
  SELECT RAISE(ABORT, 'shadow_scores is append-only: DELETE is refused');
END;
--
CREATE TRIGGER model_steps_adopted BEFORE INSERT ON model_steps
WHEN NEW.event = 'adopted'
BEGIN
  SELECT RAISE(ABORT, 'only models from before their life was kept are adopted');
END;
--
CREATE TRIGGER model_steps_chain BEFORE INSERT ON model_steps
WHEN NEW.previous <> COALESCE((
    SELECT MAX(s.serial) FROM model_steps s WHERE s.tenant_id = NEW.tenant_id AND s.sha256 = NEW.sha256
  ), 0) OR NEW.serial <> COALESCE((
    SELECT MAX(s.serial) FROM model_steps s WHERE s.tenant_id = NEW.tenant_id
  ), 0) + 1
BEGIN
  SELECT RAISE(ABORT, 'a step of a model follows its last one');
END;
--
CREATE TRIGGER model_steps_two_persons BEFORE INSERT ON model_steps
WHEN NEW.event = 'approved' AND (NOT EXISTS (
    SELECT 1 FROM model_steps s WHERE s.tenant_id = NEW.tenant_id AND s.sha256 = NEW.sha256
    AND s.serial = NEW.previous AND s.state = 'proposed'
  ) OR EXISTS (
    SELECT 1 FROM model_steps s WHERE s.tenant_id = NEW.tenant_id AND s.sha256 = NEW.sha256
    AND s.event IN ('registered', 'proposed') AND s.actor = NEW.actor
  ))
BEGIN
  SELECT RAISE(ABORT, 'a proposed model is approved by another person than who registered or proposed it');
END;
--
CREATE TRIGGER model_steps_approved_first BEFORE INSERT ON model_steps
WHEN NEW.state IN ('approved', 'rolling', 'halted', 'champion') AND NEW.event <> 'approved' AND NOT EXISTS (
    SELECT 1 FROM model_steps s WHERE s.tenant_id = NEW.tenant_id AND s.sha256 = NEW.sha256
    AND s.event IN ('approved', 'adopted')
  )
BEGIN
  SELECT RAISE(ABORT, 'a model goes to stations after two persons approved it');
END;
--
CREATE TRIGGER models_approved_insert BEFORE INSERT ON models
WHEN NEW.state = 'active'
BEGIN
  SELECT RAISE(ABORT, 'a model comes into force after it was registered and approved');
END;
--
CREATE TRIGGER models_approved_update BEFORE UPDATE ON models
WHEN NEW.state = 'active' AND (NEW.kind <> 'points' OR NEW.sha256 <> OLD.sha256 OR NEW.document <> OLD.document OR NOT EXISTS (
    SELECT 1 FROM model_steps s WHERE s.tenant_id = NEW.tenant_id AND s.sha256 = NEW.sha256
    AND s.event IN ('approved', 'adopted')
  ))
BEGIN
  SELECT RAISE(ABORT, 'a model comes into force after two persons approved it');
END;
