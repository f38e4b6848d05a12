-- Instants that the station was told and may trust: by the centre's signed answer to a
-- question of its own, or by an operator who gives a reason.
CREATE TABLE clock_anchors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL CHECK (source IN ('centre', 'operator')),
    at_ms INTEGER NOT NULL CHECK (typeof(at_ms) = 'integer'),
    error_ms INTEGER NOT NULL CHECK (typeof(error_ms) = 'integer' AND error_ms >= 0),
    wall_ms INTEGER NOT NULL,
    ticks_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    floor_before_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE TRIGGER clock_anchors_stay BEFORE UPDATE ON clock_anchors
BEGIN
    SELECT raise(ABORT, 'a trusted instant is never altered');
END;
-- Routine ones make room; those that took the floor down, and an operator's, remain.
CREATE TRIGGER clock_anchors_remain BEFORE DELETE ON clock_anchors
WHEN OLD.source = 'operator' OR OLD.floor_before_ms > OLD.at_ms - OLD.error_ms
BEGIN
    SELECT raise(ABORT, 'a trusted instant that took the floor down is never deleted');
END;
-- An operator cannot say that it is earlier than the centre has signed already.
CREATE TRIGGER clock_anchors_follow BEFORE INSERT ON clock_anchors
WHEN NEW.source = 'operator' AND NEW.at_ms + NEW.error_ms
    < coalesce((SELECT max(at_ms - error_ms) FROM down_records), 0)
BEGIN
    SELECT raise(ABORT, 'the centre has signed a later instant');
END;

-- The floor rises as before; it falls only to the earliest that a new anchor can mean.
DROP TRIGGER clock_floor_rises;
ALTER TABLE clock_floor ADD COLUMN anchor_id INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER clock_floor_rises BEFORE UPDATE ON clock_floor
WHEN NEW.floor_ms < OLD.floor_ms AND NOT (
    NEW.anchor_id > OLD.anchor_id AND NEW.floor_ms = coalesce(
        (SELECT at_ms - error_ms FROM clock_anchors WHERE id = NEW.anchor_id), -1))
BEGIN
    SELECT raise(ABORT, 'the trusted time falls only to a newer trusted instant');
END;
