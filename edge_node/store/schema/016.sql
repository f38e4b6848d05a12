-- Pictures that a farmer, or a helper of theirs, chose instead of a number: a salted slow hash
-- (scrypt), never the pictures. The newest of a person counts; helper_id is empty for the farmer,
-- agent_id names who was there when they were chosen anew.
CREATE TABLE picture_codes (
    place     INTEGER PRIMARY KEY,
    farmer_id TEXT NOT NULL,
    helper_id TEXT NOT NULL,
    salt      BLOB NOT NULL CHECK (length(salt) = 16),
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    agent_id  TEXT NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX picture_codes_by_farmer ON picture_codes (farmer_id, helper_id, place);
CREATE TRIGGER picture_codes_stay BEFORE UPDATE ON picture_codes BEGIN
    SELECT raise(ABORT, 'what was chosen is never altered: it is chosen anew');
END;
CREATE TRIGGER picture_codes_remain BEFORE DELETE ON picture_codes BEGIN
    SELECT raise(ABORT, 'what was chosen is never deleted');
END;

-- Wrong pictures in a row on a farmer's card. It survives a restart; right ones, or an agent,
-- end it.
CREATE TABLE picture_failures (
    farmer_id TEXT PRIMARY KEY,
    count     INTEGER NOT NULL CHECK (count >= 0)
) STRICT, WITHOUT ROWID;

-- Who may act for a farmer here, act by act; the newest of a helper counts.
CREATE TABLE helper_acts (
    place     INTEGER PRIMARY KEY,
    helper_id TEXT NOT NULL,
    farmer_id TEXT NOT NULL,
    act       TEXT NOT NULL CHECK (act IN ('grant', 'withdraw')),
    at_ms     INTEGER NOT NULL,
    body      TEXT NOT NULL,
    UNIQUE (helper_id, act)
) STRICT;
CREATE INDEX helper_acts_by_farmer ON helper_acts (farmer_id, place);
CREATE TRIGGER helper_acts_stay BEFORE UPDATE ON helper_acts BEGIN
    SELECT raise(ABORT, 'who may act for a farmer is never altered: it is withdrawn');
END;
CREATE TRIGGER helper_acts_remain BEFORE DELETE ON helper_acts BEGIN
    SELECT raise(ABORT, 'who could act for a farmer is never deleted');
END;

-- The helper who drew in the farmer's place; empty where the farmer did.
ALTER TABLE draws ADD COLUMN drawn_by TEXT NOT NULL DEFAULT '';

-- What farmers asked a person to look at, and what was answered.
CREATE TABLE appeals (
    appeal_id TEXT PRIMARY KEY,
    farmer_id TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    body      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX appeals_by_farmer ON appeals (farmer_id, at_ms);
CREATE TRIGGER appeals_stay BEFORE UPDATE ON appeals BEGIN
    SELECT raise(ABORT, 'what a farmer asked is never altered');
END;
CREATE TRIGGER appeals_remain BEFORE DELETE ON appeals BEGIN
    SELECT raise(ABORT, 'what a farmer asked is never deleted');
END;
CREATE TABLE appeal_answers (
    appeal_id TEXT PRIMARY KEY,
    body      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER appeal_answers_stay BEFORE UPDATE ON appeal_answers BEGIN
    SELECT raise(ABORT, 'what was answered is never altered');
END;
CREATE TRIGGER appeal_answers_remain BEFORE DELETE ON appeal_answers BEGIN
    SELECT raise(ABORT, 'what was answered is never deleted');
END;

-- The centre's word that this station's key is this station's: what other stations hold its
-- receipts against. The newest counts.
CREATE TABLE vouch (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    document TEXT NOT NULL
) STRICT;
