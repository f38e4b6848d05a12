"""Every signed document goes into the raw log once, within bounds, and leaves it when it may."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.canonical import sha256_hex
from core.wire.envelope import LogClass, Receipt
from edge_node.config import Settings
from edge_node.decide.desk import Desk
from edge_node.intake.committer import Arrival, Committer
from edge_node.intake.messages import Heard
from edge_node.store import logs, outbox
from edge_node.store.database import StationDatabase
from edge_node.store.outbox import trust_clock
from edge_node.store.retention import mark_delivered
from edge_node.sync.daily import log_documents, tend_readings
from tests.support.edge_station import (
    NOW_MS,
    STATION,
    STATION_SIGNER,
    batch,
    database,
    settings_for,
    signed_batch,
)

DAY_MS = 86_400_000
DESK = Desk(STATION, STATION_SIGNER, 0)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[StationDatabase]:
    found = database(tmp_path, "probe-1")
    outbox.raise_floor(found, NOW_MS - DAY_MS)
    yield found
    found.close()


def hear(db: StationDatabase, *seqs: int, at_ms: int = NOW_MS) -> list[str]:
    """Store one message a number; the hashes of the documents."""
    raws = [signed_batch(batch("probe-1", seq, oldest=1)) for seq in seqs]
    bodies = [batch("probe-1", seq, oldest=1) for seq in seqs]
    arrivals = [
        Arrival(Heard(body, sha256_hex(raw), raw), "v1/kijani/probe-1/t", at_ms)
        for body, raw in zip(bodies, raws, strict=True)
    ]
    Committer(settings_for(Path())).commit(db, arrivals)
    return [sha256_hex(raw) for raw in raws]


def tend(db: StationDatabase, at_ms: int = NOW_MS, **changes: object) -> None:
    rules: Settings = settings_for(Path(), **changes)
    assert tend_readings(db, rules, DESK, trust_clock(db, at_ms, 0))


def logged(db: StationDatabase) -> list[str]:
    return [
        row[0]
        for row in db.execute("SELECT subject FROM log_subjects WHERE log = 'raw' ORDER BY seq")
    ]


def receipt(db: StationDatabase, upto: int) -> None:
    """What the centre's receipt brings about."""
    head = logs.head_at(db, LogClass.RAW, upto) or ""
    with db.atomic():
        before = outbox.delivered(db, LogClass.RAW).seq
        kept = Receipt(STATION, LogClass.RAW, "", upto, head)
        outbox.keep_receipt(db, kept, "{}", NOW_MS)
        mark_delivered(db, logs.subjects_between(db, LogClass.RAW, before, upto), NOW_MS)


def test_every_document_is_logged_once_in_the_order_in_which_it_came(db: StationDatabase):
    expected = hear(db, 1, 2, 3)
    tend(db)
    tend(db)
    expected += hear(db, 4)
    tend(db)
    assert logged(db) == expected
    bodies = [record.body for record in logs.read_run(db, LogClass.RAW, 0, 10, 10**6)]
    assert [body["body"]["samples"][0]["seq"] for body in bodies] == [1, 2, 3, 4]


def test_a_dark_station_logs_so_many_and_goes_on_when_they_are_receipted(db: StationDatabase):
    expected = hear(db, 1, 2, 3, 4, 5)
    tend(db, raw_waiting_max=2)
    assert logged(db) == expected[:2]
    receipt(db, 1)
    tend(db, raw_waiting_max=2)
    assert logged(db) == expected[:3]
    assert log_documents(db, DESK, trust_clock(db, NOW_MS, 0), 0) == 0


def test_what_was_receipted_leaves_with_its_readings_and_nothing_else_does(db: StationDatabase):
    hear(db, 1, 2, 3, 4)
    tend(db)
    receipt(db, 3)
    later_ms = NOW_MS + 20 * DAY_MS
    tend(db, later_ms, raw_retention_days=10)
    left = db.execute("SELECT seq FROM log_records WHERE log = 'raw' ORDER BY seq").fetchall()
    assert left == [(3,), (4,)]  # the chain goes on from 3, and 4 was never receipted
    assert db.execute("SELECT seq FROM samples ORDER BY seq").fetchall() == [(4,)]
    hear(db, 5, at_ms=later_ms)
    tend(db, later_ms, raw_retention_days=10)
    assert [r.seq for r in logs.read_run(db, LogClass.RAW, 3, 10, 10**6)] == [4, 5]


def test_no_statement_takes_a_record_away_that_has_no_receipt(db: StationDatabase):
    hear(db, 1, 2)
    tend(db)
    receipt(db, 1)
    for sql in (
        "DELETE FROM log_records WHERE log = 'raw' AND seq = 2",
        "DELETE FROM log_records WHERE log = 'raw' AND seq = 1",
        "DELETE FROM log_subjects WHERE log = 'raw' AND seq = 2",
        "UPDATE log_records SET body = '{}' WHERE seq = 1",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="never"), db.atomic():
            db.execute(sql)
