-- Parts of this station's own leases that an agent's tablet may draw without it. What a tablet
-- holds is promised: nobody else draws it until the tablet's chain says that it is given back.
CREATE TABLE subleases (
    sublease_id   TEXT PRIMARY KEY,
    tablet_id     TEXT NOT NULL,
    public_key    TEXT NOT NULL,
    agent_id      TEXT NOT NULL,
    serial        INTEGER NOT NULL CHECK (serial > 0),
    lease_id      TEXT NOT NULL REFERENCES leases (lease_id),
    line_id       TEXT NOT NULL,
    amount_minor  INTEGER NOT NULL CHECK (typeof(amount_minor) = 'integer' AND amount_minor > 0),
    expires_at_ms INTEGER NOT NULL,
    document      TEXT NOT NULL,
    recalled      INTEGER NOT NULL DEFAULT 0 CHECK (recalled IN (0, 1)),
    ended         TEXT NOT NULL DEFAULT '' CHECK (ended IN ('', 'ended', 'lost')),
    UNIQUE (public_key, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX subleases_by_lease ON subleases (lease_id, sublease_id);
CREATE INDEX subleases_by_line ON subleases (line_id, sublease_id);
CREATE TRIGGER subleases_stay BEFORE UPDATE ON subleases
WHEN OLD.ended <> '' OR NEW.recalled < OLD.recalled OR NEW.amount_minor <> OLD.amount_minor
    OR NEW.lease_id <> OLD.lease_id OR NEW.line_id <> OLD.line_id
    OR NEW.public_key <> OLD.public_key OR NEW.document <> OLD.document
BEGIN
    SELECT raise(ABORT, 'a sub-lease is never altered and never reopened');
END;
CREATE TRIGGER subleases_remain BEFORE DELETE ON subleases
BEGIN
    SELECT raise(ABORT, 'a sub-lease is never deleted');
END;

-- The sub-lease that a tablet drew under; empty where the station itself did.
ALTER TABLE draws ADD COLUMN sublease_id TEXT NOT NULL DEFAULT '';
CREATE INDEX draws_by_sublease ON draws (sublease_id) WHERE sublease_id <> '';

-- The last guard, now with what tablets hold: draws and open sub-leases never exceed a lease.
CREATE TRIGGER draws_stay_in_sublease BEFORE INSERT ON draws
WHEN NEW.sublease_id <> '' AND NOT EXISTS (
    SELECT 1 FROM subleases s
    WHERE s.sublease_id = NEW.sublease_id AND s.ended = '' AND s.lease_id = NEW.lease_id
        AND s.line_id = NEW.line_id
        AND NEW.amount_minor <= s.amount_minor - coalesce((
            SELECT sum(d.amount_minor) FROM draws d
            WHERE d.sublease_id = s.sublease_id AND d.state <> 'voided'), 0))
BEGIN
    SELECT raise(ABORT, 'a sub-lease is never over-drawn');
END;
CREATE TRIGGER draws_spare_subleases BEFORE INSERT ON draws
WHEN NEW.sublease_id = '' AND NEW.amount_minor + coalesce((
        SELECT sum(amount_minor) FROM draws
        WHERE lease_id = NEW.lease_id AND state <> 'voided'), 0) + coalesce((
        SELECT sum(s.amount_minor - coalesce((
            SELECT sum(d.amount_minor) FROM draws d
            WHERE d.sublease_id = s.sublease_id AND d.state <> 'voided'), 0))
        FROM subleases s WHERE s.lease_id = NEW.lease_id AND s.ended = ''), 0)
    > coalesce((SELECT amount_minor FROM leases WHERE lease_id = NEW.lease_id), 0)
BEGIN
    SELECT raise(ABORT, 'what a tablet holds of a lease is never drawn by another');
END;
CREATE TRIGGER subleases_stay_in_lease BEFORE INSERT ON subleases
WHEN NEW.amount_minor + coalesce((
        SELECT sum(amount_minor) FROM draws
        WHERE lease_id = NEW.lease_id AND state <> 'voided'), 0) + coalesce((
        SELECT sum(s.amount_minor - coalesce((
            SELECT sum(d.amount_minor) FROM draws d
            WHERE d.sublease_id = s.sublease_id AND d.state <> 'voided'), 0))
        FROM subleases s WHERE s.lease_id = NEW.lease_id AND s.ended = ''), 0)
    > coalesce((SELECT amount_minor FROM leases WHERE lease_id = NEW.lease_id), 0)
BEGIN
    SELECT raise(ABORT, 'a lease is never sub-leased beyond what it holds');
END;
CREATE TRIGGER leases_wait_for_subleases BEFORE UPDATE OF closed ON leases
WHEN NEW.closed = 1 AND OLD.closed = 0
    AND EXISTS (SELECT 1 FROM subleases WHERE lease_id = NEW.lease_id AND ended = '')
BEGIN
    SELECT raise(ABORT, 'a lease is not closed while a tablet holds a part of it');
END;

-- Each sub-lease with what its tablet may still draw.
CREATE VIEW sublease_rooms AS
SELECT s.sublease_id, s.tablet_id, s.public_key, s.agent_id, s.serial, s.lease_id, s.line_id,
    s.document, s.recalled, s.ended, s.amount_minor - coalesce((
        SELECT sum(d.amount_minor) FROM draws d
        WHERE d.sublease_id = s.sublease_id AND d.state <> 'voided'), 0) AS left_minor
FROM subleases s;
