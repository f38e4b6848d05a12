CREATE TABLE signed_heads (
  tenant_id TEXT NOT NULL,
  writer TEXT NOT NULL,
  log TEXT NOT NULL,
  stream TEXT NOT NULL,
  seq BIGINT NOT NULL,
  head TEXT NOT NULL,
  header BYTEA NOT NULL,
  signature BYTEA NOT NULL,
  received_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_signed_heads PRIMARY KEY (tenant_id, writer, log, stream, seq)
);
--
CREATE TRIGGER signed_heads_append_only BEFORE UPDATE OR DELETE ON signed_heads
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER signed_heads_no_truncate BEFORE TRUNCATE ON signed_heads
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TABLE day_roots (
  tenant_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  day TEXT NOT NULL,
  root TEXT NOT NULL,
  previous TEXT NOT NULL,
  heads_count BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  signed_at_ms BIGINT NOT NULL,
  document BYTEA NOT NULL,
  CONSTRAINT pk_day_roots PRIMARY KEY (tenant_id, seq)
);
--
CREATE UNIQUE INDEX uq_day_roots_day ON day_roots (tenant_id, day);
--
CREATE TRIGGER day_roots_append_only BEFORE UPDATE OR DELETE ON day_roots
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER day_roots_no_truncate BEFORE TRUNCATE ON day_roots
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TABLE book_rules (
  tenant_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  version BIGINT NOT NULL,
  effective_from TEXT NOT NULL,
  content TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  added_at_ms BIGINT NOT NULL,
  added_by TEXT NOT NULL,
  CONSTRAINT pk_book_rules PRIMARY KEY (tenant_id, kind, version)
);
--
CREATE TRIGGER book_rules_append_only BEFORE UPDATE OR DELETE ON book_rules
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER book_rules_no_truncate BEFORE TRUNCATE ON book_rules
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
