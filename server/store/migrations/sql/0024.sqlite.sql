CREATE TABLE appeals (
  tenant_id TEXT NOT NULL,
  appeal_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  station TEXT NOT NULL,
  answer_by TEXT NOT NULL,
  body TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_appeals PRIMARY KEY (tenant_id, appeal_id)
);
--
CREATE TABLE appeal_answers (
  tenant_id TEXT NOT NULL,
  appeal_id TEXT NOT NULL,
  body TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_appeal_answers PRIMARY KEY (tenant_id, appeal_id)
);
--
CREATE INDEX ix_appeals_farmer_id ON appeals (tenant_id, farmer_id);
--
CREATE INDEX ix_appeals_answer_by ON appeals (tenant_id, answer_by);
--
CREATE TRIGGER appeals_no_update BEFORE UPDATE ON appeals
BEGIN
  SELECT RAISE(ABORT, 'appeals is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER appeals_no_delete BEFORE DELETE ON appeals
BEGIN
  SELECT RAISE(ABORT, 'appeals is append-only: DELETE is refused');
END;
--
CREATE TRIGGER appeal_answers_no_update BEFORE UPDATE ON appeal_answers
BEGIN
  SELECT RAISE(ABORT, 'appeal_answers is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER appeal_answers_no_delete BEFORE DELETE ON appeal_answers
BEGIN
  SELECT RAISE(ABORT, 'appeal_answers is append-only: DELETE is refused');
END;
