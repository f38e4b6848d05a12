-- Consents are facts: whose clock said what when is kept beside the place in the order of
-- writing (at_ms), and none is ever altered.
ALTER TABLE consents ADD COLUMN error_ms INTEGER NOT NULL DEFAULT 0 CHECK (error_ms >= 0);
CREATE TRIGGER consents_stay BEFORE UPDATE ON consents BEGIN
    SELECT raise(ABORT, 'a consent is never altered');
END;
CREATE TRIGGER consents_remain BEFORE DELETE ON consents BEGIN
    SELECT raise(ABORT, 'a consent is never deleted');
END;

-- Consents that were given or taken back elsewhere, as the centre told of them.
CREATE TABLE foreign_consents (
    consent_id TEXT PRIMARY KEY,
    farmer_id  TEXT NOT NULL,
    writer     TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    error_ms   INTEGER NOT NULL CHECK (error_ms >= 0),
    body       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX foreign_consents_by_farmer ON foreign_consents (farmer_id);
CREATE TRIGGER foreign_consents_stay BEFORE UPDATE ON foreign_consents BEGIN
    SELECT raise(ABORT, 'a consent is never altered');
END;
CREATE TRIGGER foreign_consents_remain BEFORE DELETE ON foreign_consents BEGIN
    SELECT raise(ABORT, 'a consent is never deleted');
END;

-- What farmers ended here: an offer that they do not want, an agreement left while it cools.
CREATE TABLE leavings (
    leaving_id TEXT PRIMARY KEY,
    line_id    TEXT NOT NULL,
    event      TEXT NOT NULL CHECK (event IN ('abandon', 'withdraw')),
    at_ms      INTEGER NOT NULL,
    body       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX leavings_once ON leavings (line_id, event);
CREATE TRIGGER leavings_stay BEFORE UPDATE ON leavings BEGIN
    SELECT raise(ABORT, 'what a farmer ended is never altered');
END;
CREATE TRIGGER leavings_remain BEFORE DELETE ON leavings BEGIN
    SELECT raise(ABORT, 'what a farmer ended is never deleted');
END;

-- Who looked at a farmer's data at the centre and for what, by the newest word from there.
CREATE TABLE accesses_told (
    farmer_id TEXT PRIMARY KEY,
    body      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
