-- What the station notices by itself, and what it doubts.

-- Alerts for a farmer and flags for the lender's officer, from the day of the first
-- evidence to the day on which it was over. Only one of a kind is open about a thing.
-- kind: edge_node.watch.notices.NoticeKind; params and evidence: canonical JSON.
CREATE TABLE notices (
    notice_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind      TEXT NOT NULL,
    about     TEXT NOT NULL,
    began_on  TEXT NOT NULL,
    seen_on   TEXT NOT NULL CHECK (seen_on >= began_on),
    ended_on  TEXT CHECK (ended_on >= began_on),
    raised_ms INTEGER NOT NULL,
    params    TEXT NOT NULL,
    evidence  TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX notices_open ON notices (kind, about) WHERE ended_on IS NULL;
CREATE INDEX notices_by_thing ON notices (about, began_on);

CREATE TRIGGER ended_notices_stay BEFORE UPDATE ON notices WHEN OLD.ended_on IS NOT NULL BEGIN
    SELECT raise(ABORT, 'a notice that has ended is never altered');
END;

CREATE TRIGGER open_notices_remain BEFORE DELETE ON notices WHEN OLD.ended_on IS NULL BEGIN
    SELECT raise(ABORT, 'a notice that is open is never deleted');
END;

-- A device's readings of a metric and day that are believed only in part: its coverage
-- counts so much of itself. The readings stay as they are.
CREATE TABLE doubts (
    device_id TEXT NOT NULL,
    day       TEXT NOT NULL,
    metric    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    kept_ppm  INTEGER NOT NULL CHECK (kept_ppm BETWEEN 0 AND 1000000),
    PRIMARY KEY (device_id, day, metric, kind)
) STRICT, WITHOUT ROWID;

-- What a device said on a day, as a hash of its values in order: no honest sensor with
-- noise says the same day twice.
CREATE TABLE day_prints (
    device_id  TEXT NOT NULL,
    metric     TEXT NOT NULL,
    day        TEXT NOT NULL,
    print      TEXT NOT NULL CHECK (length(print) = 64),
    PRIMARY KEY (device_id, metric, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX day_prints_by_print ON day_prints (metric, print);

-- Days whose features follow from others (water balance, warmth) and must be computed.
CREATE TABLE underived_days (
    subject_id TEXT NOT NULL,
    day        TEXT NOT NULL,
    PRIMARY KEY (subject_id, day)
) STRICT, WITHOUT ROWID;

-- The share of a day's readings that no device signed; none if all are signed.
ALTER TABLE daily_features ADD COLUMN unsigned_ppm INTEGER
    CHECK (unsigned_ppm BETWEEN 1 AND 1000000);

-- The last civil day on which the watch has looked at everything.
CREATE TABLE watched_until (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    day TEXT NOT NULL
) STRICT;

-- What each rule said of a thing on a day, for as long as a notice's patience looks back.
CREATE TABLE judgements (
    kind  TEXT NOT NULL,
    about TEXT NOT NULL,
    day   TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('clear', 'hold', 'raise')),
    PRIMARY KEY (kind, about, day)
) STRICT, WITHOUT ROWID;

-- The newest weather forecast of each weather station, or (empty) of the whole site.
CREATE TABLE forecasts (
    place     TEXT NOT NULL PRIMARY KEY,
    issued_on TEXT NOT NULL,
    body      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
