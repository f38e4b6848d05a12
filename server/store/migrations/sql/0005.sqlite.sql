CREATE TABLE line_stations (
  tenant_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  station TEXT NOT NULL,
  share_ppm BIGINT NOT NULL,
  since_ms BIGINT NOT NULL,
  CONSTRAINT pk_line_stations PRIMARY KEY (tenant_id, line_id, station)
);
--
CREATE INDEX ix_line_stations_station ON line_stations (tenant_id, station);
--
CREATE TABLE home_moves (
  tenant_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  from_station TEXT NOT NULL,
  to_station TEXT NOT NULL,
  asked_at_ms BIGINT NOT NULL,
  told_seq BIGINT NOT NULL,
  money_seq BIGINT,
  CONSTRAINT pk_home_moves PRIMARY KEY (tenant_id, farmer_id)
);
--
CREATE INDEX ix_home_moves_from_station ON home_moves (tenant_id, from_station);
--
CREATE TABLE destroyed_stations (
  tenant_id TEXT NOT NULL,
  station TEXT NOT NULL,
  proof_sha256 TEXT NOT NULL,
  receipts_sha256 TEXT NOT NULL,
  declared_by TEXT NOT NULL,
  declared_at_ms BIGINT NOT NULL,
  confirmed_by TEXT NOT NULL,
  confirmed_at_ms BIGINT,
  CONSTRAINT pk_destroyed_stations PRIMARY KEY (tenant_id, station)
);
--
CREATE TRIGGER destroyed_stations_stay_gone BEFORE UPDATE ON destroyed_stations
WHEN OLD.confirmed_at_ms IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'a destroyed station stays destroyed: UPDATE is refused');
END;
--
CREATE TRIGGER destroyed_stations_no_delete BEFORE DELETE ON destroyed_stations
WHEN OLD.confirmed_at_ms IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'a destroyed station stays destroyed: DELETE is refused');
END;
