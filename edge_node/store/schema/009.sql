-- Which box this station is. Of one station's key there may be copies: a backup, a board
-- that was thought dead. Only the box that the centre confirmed writes (ADR 12).

-- active: writes. restored: put back from a backup, waits for the centre. retired: handed
-- over to another box. replaced: the centre has confirmed another one. generation counts
-- the boxes that the centre confirmed. While a confirmed box takes back what the centre has
-- of its logs, taking_back is 1.
CREATE TABLE box (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    state       TEXT NOT NULL CHECK (state IN ('active', 'restored', 'retired', 'replaced')),
    generation  INTEGER NOT NULL CHECK (generation >= 1),
    since_ms    INTEGER NOT NULL,
    taking_back INTEGER NOT NULL DEFAULT 0 CHECK (taking_back IN (0, 1))
) STRICT;
INSERT INTO box (one, state, generation, since_ms) VALUES (1, 'active', 1, 0);

-- Leases on which a box before this one may have drawn what nobody has reported yet.
CREATE TABLE held_leases (
    lease_id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The last guards: whatever the code does, only the confirmed box writes, and never under
-- a lease that another box may have spent.
CREATE TRIGGER log_records_of_the_box BEFORE INSERT ON log_records
WHEN (SELECT state <> 'active' AND taking_back = 0 FROM box)
BEGIN
    SELECT raise(ABORT, 'this box is not the one that the centre confirmed');
END;
CREATE TRIGGER draws_of_the_box BEFORE INSERT ON draws
WHEN (SELECT taking_back = 0 AND (state <> 'active' OR EXISTS (
    SELECT 1 FROM held_leases WHERE lease_id = NEW.lease_id)) FROM box)
BEGIN
    SELECT raise(ABORT, 'this box may not draw under that lease');
END;
CREATE TRIGGER held_leases_stay_open BEFORE UPDATE ON leases
WHEN NEW.closed = 1 AND OLD.closed = 0 AND EXISTS (
    SELECT 1 FROM held_leases WHERE lease_id = NEW.lease_id)
BEGIN
    SELECT raise(ABORT, 'a lease that another box may have spent is not given back');
END;

-- A confirmed box that takes back the end of its raw log leaps over what it has no use for.
DROP TRIGGER log_records_follow;
CREATE TRIGGER log_records_follow BEFORE INSERT ON log_records
WHEN NEW.seq <> 1 + coalesce((SELECT max(seq) FROM log_records WHERE log = NEW.log), 0)
    AND NOT (NEW.log = 'raw' AND NEW.seq > (
        SELECT coalesce(max(seq), 0) FROM log_records WHERE log = 'raw')
        AND (SELECT taking_back = 1 FROM box))
BEGIN
    SELECT raise(ABORT, 'a log has no holes: expected the next number');
END;
