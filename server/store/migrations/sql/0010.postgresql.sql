CREATE TABLE box_requests (
  tenant_id TEXT NOT NULL,
  station TEXT NOT NULL,
  key_id TEXT NOT NULL,
  generation BIGINT NOT NULL,
  handed_over BOOLEAN NOT NULL,
  came_at_ms BIGINT NOT NULL,
  document BYTEA NOT NULL,
  CONSTRAINT pk_box_requests PRIMARY KEY (tenant_id, station, key_id)
);
