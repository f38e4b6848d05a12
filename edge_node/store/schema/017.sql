-- By which model the centre's orders say to decide, and which days were counted by bins.
CREATE TABLE model_orders (
    serial  INTEGER PRIMARY KEY CHECK (serial > 0),
    sha256  TEXT NOT NULL,
    kept_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE counted_days (
    day TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
