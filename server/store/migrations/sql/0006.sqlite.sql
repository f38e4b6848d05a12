CREATE TABLE station_boxes (
  tenant_id TEXT NOT NULL,
  station TEXT NOT NULL,
  generation BIGINT NOT NULL,
  public_key TEXT NOT NULL,
  key_id TEXT NOT NULL,
  seal_key TEXT NOT NULL,
  seal_key_id TEXT NOT NULL,
  handed_over BOOLEAN NOT NULL,
  request_sha256 TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  approved_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_station_boxes PRIMARY KEY (tenant_id, station, generation)
);
--
CREATE TABLE held_leases (
  tenant_id TEXT NOT NULL,
  lease_id TEXT NOT NULL,
  station TEXT NOT NULL,
  generation BIGINT NOT NULL,
  CONSTRAINT pk_held_leases PRIMARY KEY (tenant_id, lease_id)
);
--
CREATE INDEX ix_held_leases_station ON held_leases (tenant_id, station);
--
CREATE TRIGGER station_boxes_no_update BEFORE UPDATE ON station_boxes
BEGIN
  SELECT RAISE(ABORT, 'station_boxes is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER station_boxes_no_delete BEFORE DELETE ON station_boxes
BEGIN
  SELECT RAISE(ABORT, 'station_boxes is append-only: DELETE is refused');
END;
