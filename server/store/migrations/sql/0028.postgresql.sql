CREATE TABLE station_states (
  tenant_id TEXT NOT NULL,
  station TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  software TEXT NOT NULL,
  disk_free_bytes BIGINT NOT NULL,
  database_bytes BIGINT NOT NULL,
  backlog_records BIGINT NOT NULL,
  backlog_bytes BIGINT NOT NULL,
  backlog_age_ms BIGINT NOT NULL,
  clock_error_ms BIGINT NOT NULL,
  CONSTRAINT pk_station_states PRIMARY KEY (tenant_id, station)
)
