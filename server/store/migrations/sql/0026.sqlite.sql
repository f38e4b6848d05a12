ALTER TABLE subjects ADD COLUMN area_low_m2 BIGINT;
--
CREATE TABLE visit_photos (
  tenant_id TEXT NOT NULL,
  operation_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  station TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  visit_id TEXT NOT NULL,
  about TEXT NOT NULL,
  taken_on TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_visit_photos PRIMARY KEY (tenant_id, operation_id, sha256)
);
--
CREATE TABLE photo_parts (
  tenant_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  start_byte BIGINT NOT NULL,
  station TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  data BLOB NOT NULL,
  CONSTRAINT pk_photo_parts PRIMARY KEY (tenant_id, sha256, start_byte)
);
--
CREATE TABLE photos (
  tenant_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  station TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  data BLOB NOT NULL,
  CONSTRAINT pk_photos PRIMARY KEY (tenant_id, sha256)
);
--
CREATE TABLE field_versions (
  tenant_id TEXT NOT NULL,
  operation_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  field TEXT NOT NULL,
  station TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  noted_on TEXT NOT NULL,
  was TEXT NOT NULL,
  value TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_field_versions PRIMARY KEY (tenant_id, operation_id)
);
--
CREATE TABLE field_choices (
  tenant_id TEXT NOT NULL,
  operation_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  choice_id TEXT NOT NULL,
  chosen BOOLEAN NOT NULL,
  by_policy BOOLEAN NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_field_choices PRIMARY KEY (tenant_id, operation_id)
);
--
CREATE INDEX ix_visit_photos_subject_id ON visit_photos (tenant_id, subject_id);
--
CREATE INDEX ix_visit_photos_farmer_id ON visit_photos (tenant_id, farmer_id);
--
CREATE INDEX ix_visit_photos_sha256 ON visit_photos (tenant_id, sha256);
--
CREATE INDEX ix_photo_parts_station ON photo_parts (tenant_id, station);
--
CREATE INDEX ix_photos_station ON photos (tenant_id, station);
--
CREATE INDEX ix_field_versions_farmer_id ON field_versions (tenant_id, farmer_id);
--
CREATE INDEX ix_field_versions_subject_id ON field_versions (tenant_id, subject_id);
--
CREATE INDEX ix_field_choices_farmer_id ON field_choices (tenant_id, farmer_id);
--
CREATE TRIGGER visit_photos_no_update BEFORE UPDATE ON visit_photos
BEGIN
  SELECT RAISE(ABORT, 'visit_photos is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER visit_photos_no_delete BEFORE DELETE ON visit_photos
BEGIN
  SELECT RAISE(ABORT, 'visit_photos is append-only: DELETE is refused');
END;
--
CREATE TRIGGER field_versions_no_update BEFORE UPDATE ON field_versions
BEGIN
  SELECT RAISE(ABORT, 'field_versions is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER field_versions_no_delete BEFORE DELETE ON field_versions
BEGIN
  SELECT RAISE(ABORT, 'field_versions is append-only: DELETE is refused');
END;
--
CREATE TRIGGER field_choices_no_update BEFORE UPDATE ON field_choices
BEGIN
  SELECT RAISE(ABORT, 'field_choices is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER field_choices_no_delete BEFORE DELETE ON field_choices
BEGIN
  SELECT RAISE(ABORT, 'field_choices is append-only: DELETE is refused');
END;
