-- Pictures of plots from imagery: the newest in colours and of the index, of each plot or
-- pasture. ``wanted_pictures`` is what the newest evidence names and has not come yet; the
-- picture before it stays until then.
CREATE TABLE wanted_pictures (
    subject_id  TEXT NOT NULL,
    view        TEXT NOT NULL CHECK (view IN ('colour', 'index')),
    kind        TEXT NOT NULL,
    day         TEXT NOT NULL,
    sha256      TEXT NOT NULL CHECK (length(sha256) = 64),
    media_type  TEXT NOT NULL,
    size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 1),
    tries_count INTEGER NOT NULL CHECK (tries_count >= 0),
    tried_at_ms INTEGER NOT NULL,
    PRIMARY KEY (subject_id, view)
) STRICT, WITHOUT ROWID;

CREATE TABLE pictures (
    subject_id  TEXT NOT NULL,
    view        TEXT NOT NULL CHECK (view IN ('colour', 'index')),
    kind        TEXT NOT NULL,
    day         TEXT NOT NULL,
    sha256      TEXT NOT NULL CHECK (length(sha256) = 64),
    media_type  TEXT NOT NULL,
    size_bytes  INTEGER NOT NULL CHECK (size_bytes = length(data)),
    fetched_ms  INTEGER NOT NULL,
    data        BLOB NOT NULL,
    PRIMARY KEY (subject_id, view)
) STRICT;

-- What asking for pictures cost on each civil day of the station, both ways.
CREATE TABLE picture_days (
    day         TEXT NOT NULL PRIMARY KEY,
    moved_bytes INTEGER NOT NULL CHECK (moved_bytes >= 0)
) STRICT, WITHOUT ROWID;
