-- The lending half of a station: logs, sync, registry, lines, leases, decisions.
-- Never edited once released; a change is a new numbered file.

-- The station's own logs, one per class. Each record is chained to the one before
-- it; what is written here is never altered and never leaves.
CREATE TABLE log_records (
    log TEXT NOT NULL CHECK (log IN ('money', 'features', 'raw')),
    seq INTEGER NOT NULL CHECK (typeof(seq) = 'integer' AND seq >= 1),
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL CHECK (typeof(at_ms) = 'integer'),
    error_ms INTEGER NOT NULL CHECK (typeof(error_ms) = 'integer'),
    body TEXT NOT NULL,
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    PRIMARY KEY (log, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER log_records_follow BEFORE INSERT ON log_records
WHEN NEW.seq <> 1 + coalesce((SELECT max(seq) FROM log_records WHERE log = NEW.log), 0)
BEGIN
    SELECT raise(ABORT, 'a log has no holes: expected the next number');
END;
CREATE TRIGGER log_records_stay BEFORE UPDATE ON log_records
BEGIN
    SELECT raise(ABORT, 'a log record is never altered');
END;
CREATE TRIGGER log_records_remain BEFORE DELETE ON log_records
BEGIN
    SELECT raise(ABORT, 'a log record is never deleted');
END;

-- What a record was written for, so that one operation is logged once.
CREATE TABLE log_subjects (
    log TEXT NOT NULL,
    subject TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (log, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_subjects_by_seq ON log_subjects (log, seq);
CREATE TRIGGER log_subjects_stay BEFORE UPDATE ON log_subjects
BEGIN
    SELECT raise(ABORT, 'a log subject is never altered');
END;
CREATE TRIGGER log_subjects_remain BEFORE DELETE ON log_subjects
BEGIN
    SELECT raise(ABORT, 'a log subject is never deleted');
END;

-- The centre's log for this station, as it came.
CREATE TABLE down_records (
    writer TEXT NOT NULL,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    error_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    refusal TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (writer, stream, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER down_records_follow BEFORE INSERT ON down_records
WHEN NEW.seq <> 1 + coalesce(
    (SELECT max(seq) FROM down_records WHERE writer = NEW.writer AND stream = NEW.stream), 0)
BEGIN
    SELECT raise(ABORT, 'a log has no holes: expected the next number');
END;
CREATE TRIGGER down_records_stay BEFORE UPDATE ON down_records
BEGIN
    SELECT raise(ABORT, 'a log record is never altered');
END;
CREATE TRIGGER down_records_remain BEFORE DELETE ON down_records
BEGIN
    SELECT raise(ABORT, 'a log record is never deleted');
END;

-- Receipts by the centre, verbatim; the newest of each log says where to go on.
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY,
    log TEXT NOT NULL,
    high_water INTEGER NOT NULL CHECK (high_water >= 0),
    head TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX receipts_by_log ON receipts (log, id);
CREATE TRIGGER receipts_stay BEFORE UPDATE ON receipts
BEGIN
    SELECT raise(ABORT, 'a receipt is never altered');
END;

-- Envelopes that were refused, with the reason; and those that came early.
CREATE TABLE refused_envelopes (
    sha256 TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    carrier TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    envelope BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE held_envelopes (
    writer TEXT NOT NULL,
    stream TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (writer, stream, first, last)
) STRICT, WITHOUT ROWID;

-- How the link has been; one row.
CREATE TABLE link_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    up INTEGER NOT NULL DEFAULT 0 CHECK (up IN (0, 1)),
    tried_at_ms INTEGER NOT NULL DEFAULT 0,
    reached_at_ms INTEGER NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    sent_bytes INTEGER NOT NULL DEFAULT 0,
    received_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO link_state (id) VALUES (1);

-- The latest instant that the station has ever trusted; it only rises.
CREATE TABLE clock_floor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    floor_ms INTEGER NOT NULL
) STRICT;
INSERT INTO clock_floor (id, floor_ms) VALUES (1, 0);
CREATE TRIGGER clock_floor_rises BEFORE UPDATE ON clock_floor
WHEN NEW.floor_ms < OLD.floor_ms
BEGIN
    SELECT raise(ABORT, 'the trusted time never falls');
END;

-- Who and what the lender has registered here, by the newest record of each.
CREATE TABLE farmers (
    farmer_id TEXT PRIMARY KEY,
    card_sha256 TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX farmers_by_card ON farmers (card_sha256);
CREATE TABLE subjects (
    subject_id TEXT PRIMARY KEY,
    farmer_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX subjects_by_farmer ON subjects (farmer_id, subject_id);
CREATE TABLE dossiers (
    farmer_id TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every version of a product that the centre sent; the highest is offered.
CREATE TABLE products (
    product_id TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (product_id, policy_version)
) STRICT, WITHOUT ROWID;

-- Every model that was admitted, as its signed document; the highest version scores.
CREATE TABLE models (
    sha256 TEXT PRIMARY KEY,
    version INTEGER NOT NULL UNIQUE,
    name TEXT NOT NULL,
    valid_to_ms INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence_digests (
    evidence_id TEXT PRIMARY KEY,
    subject_id TEXT NOT NULL,
    as_of TEXT NOT NULL,
    down_seq INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_digests_by_subject ON evidence_digests (subject_id, as_of, down_seq);

-- Lines that are known here: opened here, or told by the centre.
CREATE TABLE lines (
    line_id TEXT PRIMARY KEY,
    farmer_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    opened TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT '',
    status_at_ms INTEGER NOT NULL DEFAULT 0,
    counted_seq INTEGER NOT NULL DEFAULT 0,
    frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1)),
    freeze TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX lines_by_farmer ON lines (farmer_id, line_id);

-- Each limit that was in force, for the farmer to look back on.
CREATE TABLE limit_history (
    line_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    as_of TEXT NOT NULL,
    limit_minor INTEGER NOT NULL CHECK (typeof(limit_minor) = 'integer'),
    movement TEXT NOT NULL,
    reasons TEXT NOT NULL,
    PRIMARY KEY (line_id, step)
) STRICT, WITHOUT ROWID;

-- Leases as the centre signed them. One that is closing takes no new draw and is
-- closed once its pending draws are settled.
CREATE TABLE leases (
    lease_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    product_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    signed_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    closing INTEGER NOT NULL DEFAULT 0 CHECK (closing IN (0, 1)),
    closed INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1)),
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_by_line ON leases (line_id, closed);
CREATE TRIGGER leases_stay_closed BEFORE UPDATE ON leases
WHEN OLD.closed = 1 OR NEW.closing < OLD.closing OR NEW.document <> OLD.document
    OR NEW.amount_minor <> OLD.amount_minor
BEGIN
    SELECT raise(ABORT, 'a lease is never altered and never reopened');
END;

-- Draws under a lease: pending, then posted or voided, once.
CREATE TABLE draws (
    draw_id TEXT PRIMARY KEY,
    lease_id TEXT NOT NULL REFERENCES leases (lease_id),
    line_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'posted', 'voided')),
    amount_minor INTEGER NOT NULL
        CHECK (typeof(amount_minor) = 'integer' AND amount_minor > 0),
    fee_minor INTEGER NOT NULL CHECK (typeof(fee_minor) = 'integer' AND fee_minor >= 0),
    currency TEXT NOT NULL,
    consent_id TEXT NOT NULL,
    apr_ppm INTEGER NOT NULL CHECK (typeof(apr_ppm) = 'integer'),
    effective_on TEXT NOT NULL,
    began_at_ms INTEGER NOT NULL,
    paid_out_at_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX draws_by_lease ON draws (lease_id, draw_id);
CREATE INDEX draws_by_line ON draws (line_id, began_at_ms);
CREATE INDEX draws_pending ON draws (state) WHERE state = 'pending';
CREATE TRIGGER draws_settle_once BEFORE UPDATE ON draws
WHEN OLD.state <> 'pending' OR NEW.amount_minor <> OLD.amount_minor
    OR NEW.lease_id <> OLD.lease_id OR NEW.line_id <> OLD.line_id
BEGIN
    SELECT raise(ABORT, 'a draw is settled once and never altered');
END;
CREATE TRIGGER draws_remain BEFORE DELETE ON draws
BEGIN
    SELECT raise(ABORT, 'a draw is never deleted');
END;
-- The last guard against over-lending: whatever the code does, a lease holds.
CREATE TRIGGER draws_stay_in_lease BEFORE INSERT ON draws
WHEN NEW.amount_minor + coalesce(
        (SELECT sum(amount_minor) FROM draws
         WHERE lease_id = NEW.lease_id AND state <> 'voided'), 0)
    > coalesce(
        (SELECT amount_minor FROM leases WHERE lease_id = NEW.lease_id), 0)
BEGIN
    SELECT raise(ABORT, 'a lease is never over-drawn');
END;

CREATE TABLE consents (
    consent_id TEXT PRIMARY KEY,
    farmer_id TEXT NOT NULL,
    action TEXT NOT NULL,
    shown_sha256 TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_by_farmer ON consents (farmer_id, at_ms);
CREATE TABLE applications (
    application_id TEXT PRIMARY KEY,
    farmer_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    request_sha256 TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX applications_by_farmer ON applications (farmer_id, at_ms);
CREATE TABLE decision_cards (
    card_id TEXT PRIMARY KEY,
    application_id TEXT NOT NULL UNIQUE REFERENCES applications (application_id),
    farmer_id TEXT NOT NULL,
    verdict TEXT NOT NULL,
    line_id TEXT NOT NULL DEFAULT '',
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER decision_cards_stay BEFORE UPDATE ON decision_cards
BEGIN
    SELECT raise(ABORT, 'a decision card is never altered');
END;
