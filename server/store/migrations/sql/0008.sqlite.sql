CREATE TABLE signed_heads (
  tenant_id TEXT NOT NULL,
  writer TEXT NOT NULL,
  log TEXT NOT NULL,
  stream TEXT NOT NULL,
  seq BIGINT NOT NULL,
  head TEXT NOT NULL,
  header BLOB NOT NULL,
  signature BLOB NOT NULL,
  received_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_signed_heads PRIMARY KEY (tenant_id, writer, log, stream, seq)
);
--
CREATE TRIGGER signed_heads_no_update BEFORE UPDATE ON signed_heads
BEGIN
  SELECT RAISE(ABORT, 'signed_heads is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER signed_heads_no_delete BEFORE DELETE ON signed_heads
BEGIN
  SELECT RAISE(ABORT, 'signed_heads is append-only: DELETE is refused');
END;
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
  document BLOB NOT NULL,
  CONSTRAINT pk_day_roots PRIMARY KEY (tenant_id, seq)
);
--
CREATE UNIQUE INDEX uq_day_roots_day ON day_roots (tenant_id, day);
--
CREATE TRIGGER day_roots_no_update BEFORE UPDATE ON day_roots
BEGIN
  SELECT RAISE(ABORT, 'day_roots is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER day_roots_no_delete BEFORE DELETE ON day_roots
BEGIN
  SELECT RAISE(ABORT, 'day_roots is append-only: DELETE is refused');
END;
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
CREATE TRIGGER book_rules_no_update BEFORE UPDATE ON book_rules
BEGIN
  SELECT RAISE(ABORT, 'book_rules is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER book_rules_no_delete BEFORE DELETE ON book_rules
BEGIN
  SELECT RAISE(ABORT, 'book_rules is append-only: DELETE is refused');
END;
