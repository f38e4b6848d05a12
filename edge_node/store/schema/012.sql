-- Who holds the lender's cash here, as the centre told: agents with a box of their own, and
-- keepers of the lender's safe, who bring cash and take it back. public_key is their card's.
CREATE TABLE cash_people (
    person_id         TEXT NOT NULL PRIMARY KEY,
    name              TEXT NOT NULL,
    role              TEXT NOT NULL CHECK (role IN ('agent', 'keeper')),
    public_key        TEXT NOT NULL,
    card_sha256       TEXT NOT NULL CHECK (length(card_sha256) = 64),
    currency          TEXT NOT NULL,
    hold_max_minor    INTEGER NOT NULL CHECK (hold_max_minor >= 0),
    pay_day_max_minor INTEGER NOT NULL CHECK (pay_day_max_minor >= 0),
    active            INTEGER NOT NULL CHECK (active IN (0, 1))
) STRICT, WITHOUT ROWID;

-- An agent's turn at the desk, from a count to a count; one at a time at a station.
CREATE TABLE cash_shifts (
    shift_id     TEXT NOT NULL PRIMARY KEY,
    person_id    TEXT NOT NULL,
    opened_at_ms INTEGER NOT NULL,
    closed_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX cash_shifts_open ON cash_shifts ((closed_at_ms IS NULL))
    WHERE closed_at_ms IS NULL;
CREATE TRIGGER cash_shifts_stay_closed BEFORE UPDATE ON cash_shifts
WHEN OLD.closed_at_ms IS NOT NULL OR NEW.opened_at_ms <> OLD.opened_at_ms
    OR NEW.person_id <> OLD.person_id BEGIN
    SELECT raise(ABORT, 'a shift is opened once and closed once');
END;
CREATE TRIGGER cash_shifts_remain BEFORE DELETE ON cash_shifts BEGIN
    SELECT raise(ABORT, 'a shift is never deleted');
END;

-- What changed a box [minor units, signed]: handovers, repayments, payouts, and what a
-- count found over or short. A count stands here also where nothing differed.
CREATE TABLE cash_moves (
    place        INTEGER PRIMARY KEY,
    move_id      TEXT NOT NULL,
    person_id    TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('handover', 'repayment', 'payout', 'count')),
    shift_id     TEXT NOT NULL,
    line_id      TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    on_day       TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    body         TEXT NOT NULL,
    UNIQUE (move_id, person_id)
) STRICT;
CREATE INDEX cash_moves_by_person ON cash_moves (person_id, on_day);
CREATE INDEX cash_moves_by_line ON cash_moves (line_id, kind);
CREATE TRIGGER cash_moves_stay BEFORE UPDATE ON cash_moves BEGIN
    SELECT raise(ABORT, 'what moved a box is never altered');
END;
CREATE TRIGGER cash_moves_remain BEFORE DELETE ON cash_moves BEGIN
    SELECT raise(ABORT, 'what moved a box is never deleted');
END;

-- Whose box pays a draw, from the moment that it is pending.
CREATE TABLE draw_payers (
    draw_id   TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL,
    shift_id  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Plans that the lender proposes anew for a line: the farmer sees them and may consent.
CREATE TABLE new_plans (
    proposal_id TEXT NOT NULL PRIMARY KEY,
    line_id     TEXT NOT NULL,
    body        TEXT NOT NULL,
    open        INTEGER NOT NULL CHECK (open IN (0, 1)),
    consent_id  TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX new_plans_by_line ON new_plans (line_id);
