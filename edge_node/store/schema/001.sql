-- Telemetry: devices, their numbering, what they said, and what follows from it.
-- This file is never edited once it is released; a change is the next number.

-- The devices that this station accepts, as the centre registered them.
CREATE TABLE devices (
    device_id       TEXT NOT NULL PRIMARY KEY,
    kind            TEXT NOT NULL,
    subject_id      TEXT NOT NULL,
    station         TEXT NOT NULL,
    public_key      TEXT NOT NULL CHECK (length(public_key) = 64),
    password_sha256 TEXT NOT NULL CHECK (length(password_sha256) = 64)
) STRICT, WITHOUT ROWID;

CREATE INDEX devices_by_subject ON devices (subject_id);

-- Rises with every change of a device, so that brokers notice without a restart.
CREATE TABLE devices_version (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO devices_version VALUES (1, 1);

CREATE TRIGGER devices_added AFTER INSERT ON devices BEGIN
    UPDATE devices_version SET version = version + 1;
END;

CREATE TRIGGER devices_changed AFTER UPDATE ON devices BEGIN
    UPDATE devices_version SET version = version + 1;
END;

CREATE TRIGGER devices_removed AFTER DELETE ON devices BEGIN
    UPDATE devices_version SET version = version + 1;
END;

-- One numbering of samples: a device and an epoch. Every sample up to upto is
-- stored, or known lost (gaps).
CREATE TABLE streams (
    stream_id INTEGER NOT NULL PRIMARY KEY,
    device_id TEXT NOT NULL,
    epoch     TEXT NOT NULL,
    upto      INTEGER NOT NULL DEFAULT 0 CHECK (upto >= 0),
    UNIQUE (device_id, epoch)
) STRICT;

-- Samples that the device gave up before they were sent.
CREATE TABLE gaps (
    stream_id  INTEGER NOT NULL REFERENCES streams,
    first_seq  INTEGER NOT NULL CHECK (first_seq >= 1),
    last_seq   INTEGER NOT NULL CHECK (last_seq >= first_seq),
    noticed_ms INTEGER NOT NULL,
    PRIMARY KEY (stream_id, first_seq)
) STRICT, WITHOUT ROWID;

-- Signed batches, verbatim: what a decision cites and the centre receives.
CREATE TABLE telemetry_documents (
    document_id  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    sha256       TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    stream_id    INTEGER NOT NULL REFERENCES streams,
    first_seq    INTEGER NOT NULL CHECK (first_seq >= 1),
    last_seq     INTEGER NOT NULL CHECK (last_seq >= first_seq),
    received_ms  INTEGER NOT NULL,
    raw          BLOB NOT NULL,
    delivered_ms INTEGER
) STRICT;

CREATE INDEX documents_by_age ON telemetry_documents (received_ms);

-- One moment of one device. clock_back: the station's own clock stood before a time
-- that it had seen, so received_ms is that earlier time and not the clock's.
CREATE TABLE samples (
    stream_id   INTEGER NOT NULL REFERENCES streams,
    seq         INTEGER NOT NULL CHECK (seq >= 1),
    at_ms       INTEGER NOT NULL,
    error_ms    INTEGER NOT NULL CHECK (error_ms >= 0),
    received_ms INTEGER NOT NULL,
    late        INTEGER NOT NULL CHECK (late IN (0, 1)),
    clock_back  INTEGER NOT NULL CHECK (clock_back IN (0, 1)),
    document_id INTEGER NOT NULL REFERENCES telemetry_documents,
    PRIMARY KEY (stream_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX samples_by_time ON samples (stream_id, at_ms);
CREATE INDEX samples_by_document ON samples (document_id);

-- qc: edge_node.features.quality.Quality; 0 is usable.
CREATE TABLE readings (
    stream_id INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    metric    TEXT NOT NULL,
    value     INTEGER NOT NULL,
    qc        INTEGER NOT NULL DEFAULT 0 CHECK (qc BETWEEN 0 AND 9),
    PRIMARY KEY (stream_id, seq, metric),
    FOREIGN KEY (stream_id, seq) REFERENCES samples
) STRICT, WITHOUT ROWID;

-- For people and for questions: one row a reading, with all that is known of it.
CREATE VIEW telemetry_readings AS
SELECT s.device_id, s.epoch, r.seq, r.metric, r.value, p.at_ms, p.error_ms, p.received_ms,
       p.late, p.clock_back, r.qc, d.sha256 AS document_sha256
FROM readings r
JOIN samples p USING (stream_id, seq)
JOIN streams s USING (stream_id)
JOIN telemetry_documents d USING (document_id);

-- A device from one boot to the next.
CREATE TABLE sessions (
    device_id TEXT NOT NULL,
    epoch     TEXT NOT NULL,
    boot      INTEGER NOT NULL,
    firmware  TEXT,
    metrics   TEXT,
    at_ms     INTEGER,
    error_ms  INTEGER,
    born_ms   INTEGER,
    died_ms   INTEGER,
    PRIMARY KEY (device_id, epoch, boot)
) STRICT, WITHOUT ROWID;

-- Messages that were refused; the oldest make room, the totals stay.
CREATE TABLE quarantine (
    quarantine_id  INTEGER NOT NULL PRIMARY KEY,
    reason         TEXT NOT NULL,
    topic          TEXT NOT NULL,
    payload_sha256 TEXT NOT NULL CHECK (length(payload_sha256) = 64),
    payload_bytes  INTEGER NOT NULL CHECK (payload_bytes >= 0),
    detail         TEXT NOT NULL,
    first_ms       INTEGER NOT NULL,
    last_ms        INTEGER NOT NULL,
    count          INTEGER NOT NULL CHECK (count >= 1),
    UNIQUE (payload_sha256, topic, reason)
) STRICT;

CREATE INDEX quarantine_by_age ON quarantine (last_ms);

CREATE TABLE quarantine_totals (
    reason  TEXT NOT NULL PRIMARY KEY,
    count   INTEGER NOT NULL CHECK (count >= 1),
    last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The latest time that the station has seen: received times never run backwards.
CREATE TABLE station_clock (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    seen_ms INTEGER NOT NULL
) STRICT;

INSERT INTO station_clock VALUES (1, 0);

-- Days whose readings changed since their features were computed.
CREATE TABLE stale_days (
    device_id TEXT NOT NULL,
    day       TEXT NOT NULL,
    PRIMARY KEY (device_id, day)
) STRICT, WITHOUT ROWID;

-- A day's features. A settled version never changes: late data make the next one.
-- final_no counts the versions that are settled, in the order in which they were.
CREATE TABLE daily_features (
    feature_id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    subject_id      TEXT NOT NULL,
    feature         TEXT NOT NULL,
    day             TEXT NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 1),
    value           INTEGER NOT NULL,
    coverage_ppm    INTEGER NOT NULL CHECK (coverage_ppm BETWEEN 0 AND 1000000),
    readings_count  INTEGER NOT NULL CHECK (readings_count >= 1),
    readings_sha256 TEXT NOT NULL CHECK (length(readings_sha256) = 64),
    computed_ms     INTEGER NOT NULL,
    final_no        INTEGER UNIQUE CHECK (final_no >= 1),
    UNIQUE (subject_id, feature, day, version)
) STRICT;

CREATE TRIGGER settled_features_stay BEFORE UPDATE ON daily_features
WHEN OLD.final_no IS NOT NULL BEGIN
    SELECT raise(ABORT, 'a settled feature is never altered');
END;

CREATE TRIGGER settled_features_remain BEFORE DELETE ON daily_features
WHEN OLD.final_no IS NOT NULL BEGIN
    SELECT raise(ABORT, 'a settled feature is never deleted');
END;

CREATE INDEX features_open ON daily_features (day) WHERE final_no IS NULL;
