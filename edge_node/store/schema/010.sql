-- Models, products, prompts and basemaps that came by signed updates: one row a version of
-- a slot (core.wire.update.Slot). cites: what decision cards call it (a model's hash, a
-- product's policy version). A version that failed here, or was rolled back or withdrawn,
-- does not come into use again. starts_count: how often the station started since it came
-- into use, and neither ran steadily nor was stopped in order; counted while it is watched.
CREATE TABLE update_versions (
    slot           TEXT NOT NULL,
    version        INTEGER NOT NULL CHECK (version >= 1),
    state          TEXT NOT NULL
        CHECK (state IN ('staged', 'in_use', 'superseded', 'failed', 'rolled_back', 'withdrawn')),
    sha256         TEXT NOT NULL CHECK (length(sha256) = 64),
    size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
    cites          TEXT NOT NULL,
    reason         TEXT NOT NULL DEFAULT '',
    changed_ms     INTEGER NOT NULL,
    watch_until_ms INTEGER NOT NULL DEFAULT 0,
    starts_count   INTEGER NOT NULL DEFAULT 0 CHECK (starts_count >= 0),
    PRIMARY KEY (slot, version)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX update_versions_in_use ON update_versions (slot) WHERE state = 'in_use';

CREATE TRIGGER refused_versions_stay BEFORE UPDATE ON update_versions
WHEN OLD.state IN ('failed', 'rolled_back', 'withdrawn') AND NEW.state <> OLD.state BEGIN
    SELECT raise(ABORT, 'a version that was refused or taken back stays so');
END;

-- The bytes of small targets (all but basemaps), while a version of theirs may be of use.
CREATE TABLE update_packs (
    sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(sha256) = 64),
    data   BLOB NOT NULL
) STRICT;

-- What was seen last of each role's metadata: nothing older is taken, even if the folder
-- of metadata was lost.
CREATE TABLE update_floors (
    role    TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 1)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER update_floors_rise BEFORE UPDATE ON update_floors
WHEN NEW.version < OLD.version BEGIN
    SELECT raise(ABORT, 'the version of update metadata never falls');
END;

-- When updates were last looked for, and what stood in the way.
CREATE TABLE update_looks (
    one        INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    tried_ms   INTEGER NOT NULL,
    checked_ms INTEGER NOT NULL,
    problem    TEXT NOT NULL,
    more       INTEGER NOT NULL CHECK (more IN (0, 1))
) STRICT;
INSERT INTO update_looks VALUES (1, 0, 0, '', 0);

-- What updates cost on each civil day of the station, both ways.
CREATE TABLE update_days (
    day         TEXT NOT NULL PRIMARY KEY,
    moved_bytes INTEGER NOT NULL CHECK (moved_bytes >= 0)
) STRICT, WITHOUT ROWID;
