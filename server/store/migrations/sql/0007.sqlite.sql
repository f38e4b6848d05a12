ALTER TABLE products ADD COLUMN state TEXT NOT NULL DEFAULT 'in_force';
--
CREATE TABLE station_versions (
  tenant_id TEXT NOT NULL,
  station TEXT NOT NULL,
  slot TEXT NOT NULL,
  version BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  act TEXT NOT NULL,
  in_use_version BIGINT NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  CONSTRAINT pk_station_versions PRIMARY KEY (tenant_id, station, slot, version)
);
