-- Readings on their way to the centre: every signed document is written into the raw log
-- once, and what the centre has receipted may go from the log as readings do.

-- logged: the document stands in the raw log, so that it is written there once.
ALTER TABLE telemetry_documents
    ADD COLUMN logged INTEGER NOT NULL DEFAULT 0 CHECK (logged IN (0, 1));
CREATE INDEX documents_unlogged ON telemetry_documents (document_id) WHERE logged = 0;

-- A record of the raw log may go once the centre has receipted one after it; the record
-- at the newest receipt stays, for the chain goes on from it.
DROP TRIGGER log_records_remain;
CREATE TRIGGER log_records_remain BEFORE DELETE ON log_records
WHEN OLD.log <> 'raw' OR OLD.seq >= coalesce(
    (SELECT high_water FROM receipts WHERE log = 'raw' ORDER BY id DESC LIMIT 1), 0)
BEGIN
    SELECT raise(ABORT, 'a log record is never deleted');
END;
DROP TRIGGER log_subjects_remain;
CREATE TRIGGER log_subjects_remain BEFORE DELETE ON log_subjects
WHEN OLD.log <> 'raw' OR OLD.seq >= coalesce(
    (SELECT high_water FROM receipts WHERE log = 'raw' ORDER BY id DESC LIMIT 1), 0)
BEGIN
    SELECT raise(ABORT, 'a log record is never deleted');
END;
