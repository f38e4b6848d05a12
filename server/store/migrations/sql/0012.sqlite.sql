CREATE TABLE book_reviews (
  tenant_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  started_by TEXT NOT NULL,
  ended_at_ms BIGINT,
  CONSTRAINT pk_book_reviews PRIMARY KEY (tenant_id, run_id)
);
--
CREATE TABLE book_review_parts (
  tenant_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  part BIGINT NOT NULL,
  from_station TEXT NOT NULL,
  until_station TEXT NOT NULL,
  at_station TEXT NOT NULL,
  at_line TEXT NOT NULL,
  is_done BOOLEAN NOT NULL,
  counts TEXT NOT NULL,
  CONSTRAINT pk_book_review_parts PRIMARY KEY (tenant_id, run_id, part)
);
--
CREATE TABLE line_buckets (
  tenant_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  crop TEXT NOT NULL,
  village TEXT NOT NULL,
  cell TEXT NOT NULL,
  CONSTRAINT pk_line_buckets PRIMARY KEY (tenant_id, line_id)
);
--
CREATE TABLE exposure_snapshots (
  tenant_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  on_day TEXT NOT NULL,
  policy_version TEXT NOT NULL,
  content TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  CONSTRAINT pk_exposure_snapshots PRIMARY KEY (tenant_id, seq)
);
--
CREATE INDEX ix_lines_station_line_id ON lines (tenant_id, station, line_id);
--
CREATE TRIGGER exposure_snapshots_no_update BEFORE UPDATE ON exposure_snapshots
BEGIN
  SELECT RAISE(ABORT, 'exposure_snapshots is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER exposure_snapshots_no_delete BEFORE DELETE ON exposure_snapshots
BEGIN
  SELECT RAISE(ABORT, 'exposure_snapshots is append-only: DELETE is refused');
END;
