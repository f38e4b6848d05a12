CREATE TABLE rail_files (
  tenant_id TEXT NOT NULL,
  rail TEXT NOT NULL,
  purpose TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  moved_minor BIGINT NOT NULL,
  word_id TEXT NOT NULL,
  brought_by TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_rail_files PRIMARY KEY (tenant_id, rail, purpose, sha256)
);
