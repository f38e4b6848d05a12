-- Agents' tablets: who was invited, who is in, what they brought, and what became of it.
CREATE TABLE tablet_invitations (
    tablet_id   TEXT PRIMARY KEY,
    agent_id    TEXT NOT NULL,
    agent_name  TEXT NOT NULL,
    area        TEXT NOT NULL,
    lease_days  INTEGER NOT NULL CHECK (lease_days > 0),
    code_sha256 TEXT NOT NULL UNIQUE,
    made_ms     INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tablet_code_failures (at_ms INTEGER NOT NULL) STRICT;

CREATE TABLE tablets (
    tablet_id      TEXT PRIMARY KEY,
    agent_id       TEXT NOT NULL,
    agent_name     TEXT NOT NULL,
    area           TEXT NOT NULL,
    public_key     TEXT NOT NULL,
    lease_days     INTEGER NOT NULL CHECK (lease_days > 0),
    lease_until_ms INTEGER NOT NULL,
    revoked_ms     INTEGER,
    reason         TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- Operations as they were signed, in the order of each tablet's own chain.
CREATE TABLE tablet_operations (
    operation_id TEXT PRIMARY KEY,
    tablet_id    TEXT NOT NULL,
    public_key   TEXT NOT NULL,
    seq          INTEGER NOT NULL CHECK (seq > 0),
    head         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    taken_ms     INTEGER NOT NULL,
    code         TEXT NOT NULL,
    detail       TEXT NOT NULL,
    log_seq      INTEGER NOT NULL,
    document     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tablet_operations_in_order ON tablet_operations (public_key, seq);
CREATE TRIGGER tablet_operations_stay BEFORE UPDATE ON tablet_operations BEGIN
    SELECT raise(ABORT, 'what a tablet signed is never altered');
END;
CREATE TRIGGER tablet_operations_remain BEFORE DELETE ON tablet_operations BEGIN
    SELECT raise(ABORT, 'what a tablet signed is never deleted');
END;

-- What the centre said of an operation: taken as it is, or what a person must look at.
CREATE TABLE operation_verdicts (
    operation_id TEXT PRIMARY KEY,
    accepted     INTEGER NOT NULL CHECK (accepted IN (0, 1)),
    words        TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE field_visits (
    visit_id     TEXT PRIMARY KEY,
    operation_id TEXT NOT NULL,
    farmer_id    TEXT NOT NULL,
    subject_id   TEXT NOT NULL,
    visited_on   TEXT NOT NULL,
    body         TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX field_visits_by_farmer ON field_visits (farmer_id, visited_on);
CREATE TRIGGER field_visits_stay BEFORE UPDATE ON field_visits BEGIN
    SELECT raise(ABORT, 'a visit is never altered');
END;
CREATE TRIGGER field_visits_remain BEFORE DELETE ON field_visits BEGIN
    SELECT raise(ABORT, 'a visit is never deleted');
END;

-- Boundaries as walked; the newest of a plot counts, by its lower bound.
CREATE TABLE plot_walks (
    walk_id      TEXT PRIMARY KEY,
    operation_id TEXT NOT NULL,
    subject_id   TEXT NOT NULL,
    walked_on    TEXT NOT NULL,
    taken_seq    INTEGER NOT NULL,
    area_m2      INTEGER NOT NULL CHECK (area_m2 > 0),
    sd_m2        INTEGER NOT NULL CHECK (sd_m2 >= 0),
    low_m2       INTEGER NOT NULL CHECK (low_m2 >= 0),
    body         TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX plot_walks_by_subject ON plot_walks (subject_id, walked_on, taken_seq);
CREATE TRIGGER plot_walks_stay BEFORE UPDATE ON plot_walks BEGIN
    SELECT raise(ABORT, 'a walk is never altered');
END;
CREATE TRIGGER plot_walks_remain BEFORE DELETE ON plot_walks BEGIN
    SELECT raise(ABORT, 'a walk is never deleted');
END;

-- Photos of visits: announced, coming in parts, whole once their hash was checked.
CREATE TABLE field_photos (
    sha256     TEXT PRIMARY KEY,
    tablet_id  TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
    whole_ms   INTEGER,
    data       BLOB
) STRICT;
CREATE TABLE field_photo_parts (
    sha256     TEXT NOT NULL,
    start_byte INTEGER NOT NULL CHECK (start_byte >= 0),
    data       BLOB NOT NULL,
    PRIMARY KEY (sha256, start_byte)
) STRICT;
