-- Photos' way to the centre: how much it has of each, when it had all of it, what was tried.
CREATE TABLE photo_sends (
    sha256         TEXT PRIMARY KEY,
    received_bytes INTEGER NOT NULL CHECK (received_bytes >= 0),
    delivered_ms   INTEGER,
    tries_count    INTEGER NOT NULL CHECK (tries_count >= 0),
    tried_at_ms    INTEGER NOT NULL,
    problem        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE photo_days (
    day        TEXT PRIMARY KEY,
    sent_bytes INTEGER NOT NULL CHECK (sent_bytes >= 0)
) STRICT, WITHOUT ROWID;

-- What agents say is otherwise than registered: each version as it was taken, never altered.
CREATE TABLE field_corrections (
    operation_id TEXT PRIMARY KEY,
    farmer_id    TEXT NOT NULL,
    subject_id   TEXT NOT NULL,
    field        TEXT NOT NULL,
    agent_id     TEXT NOT NULL,
    noted_on     TEXT NOT NULL,
    taken_seq    INTEGER NOT NULL,
    was          TEXT NOT NULL,
    value        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX field_corrections_by_farmer ON field_corrections (farmer_id, taken_seq);
CREATE TRIGGER field_corrections_stay BEFORE UPDATE ON field_corrections BEGIN
    SELECT raise(ABORT, 'what an agent wrote is never altered');
END;
CREATE TRIGGER field_corrections_remain BEFORE DELETE ON field_corrections BEGIN
    SELECT raise(ABORT, 'what an agent wrote is never deleted');
END;
