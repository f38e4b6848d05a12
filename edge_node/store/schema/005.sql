-- What the uplink carried, and how large a piece it carries well.

-- Bytes sent on each civil day of the station, by what they were for: a metered link's
-- budget is held against them. ``pull`` is asking for the centre's log.
CREATE TABLE uplink_days (
    day        TEXT NOT NULL,
    what       TEXT NOT NULL CHECK (what IN ('money', 'features', 'raw', 'pull')),
    sent_bytes INTEGER NOT NULL CHECK (sent_bytes >= 0),
    PRIMARY KEY (day, what)
) STRICT, WITHOUT ROWID;

-- The size of the next run of records in each direction [bytes before compression],
-- and when the station last asked for the centre's log.
CREATE TABLE link_pace (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    up_bytes    INTEGER NOT NULL CHECK (up_bytes >= 1),
    down_bytes  INTEGER NOT NULL CHECK (down_bytes >= 1),
    asked_at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO link_pace (one, up_bytes, down_bytes, asked_at_ms) VALUES (1, 65536, 65536, 0);
