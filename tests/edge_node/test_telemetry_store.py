"""What devices say is stored once, and the watermark never covers what is not there."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.canonical import sha256_hex
from core.wire.telemetry import Batch, Death, Watermark
from edge_node.config import Settings
from edge_node.decide.desk import Desk
from edge_node.intake.committer import Arrival, Committed, Committer
from edge_node.intake.messages import Heard
from edge_node.keys import StationSigner
from edge_node.store import telemetry
from edge_node.store.database import StationDatabase
from edge_node.store.outbox import raise_floor, trust_clock
from edge_node.store.quarantine import (
    Refusal,
    Refused,
    quarantine,
    quarantine_totals,
    quarantined,
)
from edge_node.store.retention import DOCUMENTS_AT_ONCE_MAX, delete_expired, mark_delivered
from edge_node.sync.daily import tend_readings
from tests.support.edge_station import (
    NOW_MS,
    batch,
    database,
    device,
    sample,
    settings_for,
    signed_batch,
)

DAY_MS = 86_400_000


@pytest.fixture
def db(tmp_path: Path) -> Iterator[StationDatabase]:
    found = database(tmp_path, "probe-1", "probe-2")
    yield found
    found.close()


def heard(body: Batch) -> Heard:
    raw = signed_batch(body)
    return Heard(body, sha256_hex(raw), raw)


def store(db: StationDatabase, *bodies: Batch, at_ms: int = NOW_MS, **changes: object) -> Committed:
    committer = Committer(settings_for(Path(), **changes))
    return committer.commit(db, [Arrival(heard(body), "v1/kijani/x/t", at_ms) for body in bodies])


def seqs(db: StationDatabase, name: str = "probe-1") -> list[int]:
    rows = db.conn.execute(
        "SELECT seq FROM samples JOIN streams USING (stream_id) WHERE device_id = ? ORDER BY seq",
        (name,),
    )
    return [seq for (seq,) in rows]


def gaps(db: StationDatabase) -> list[tuple[int, int]]:
    return db.conn.execute("SELECT first_seq, last_seq FROM gaps ORDER BY first_seq").fetchall()


def upto(db: StationDatabase, epoch: str = "e1") -> int:
    return telemetry.watermark(db, "probe-1", epoch).upto


# Each step: the numbers of a batch and the oldest that the device holds; then the
# watermark and the gaps that the station must answer with.
STORIES: dict[str, list[tuple[list[int], int, int, list[tuple[int, int]]]]] = {
    "in order": [([1, 2], 1, 2, []), ([3], 3, 3, [])],
    "out of order": [([3, 4], 1, 0, []), ([1, 2], 1, 4, [])],
    "three behind a hole": [([1], 1, 1, []), ([5], 1, 1, []), ([3], 1, 1, []), ([2, 4], 1, 5, [])],
    "lost at the start": [([5, 6], 5, 6, [(1, 4)])],
    "lost in the middle": [([1, 2], 1, 2, []), ([6], 6, 6, [(3, 5)])],
    "lost around one that came": [
        ([1], 1, 1, []), ([4], 1, 1, []), ([8], 8, 8, [(2, 3), (5, 7)]),
    ],
    "late after it was counted as lost": [
        ([5], 5, 5, [(1, 4)]), ([2], 2, 5, [(1, 1), (3, 4)]), ([1, 3, 4], 1, 5, []),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_watermark_follows_the_numbers(db: StationDatabase, name: str):
    for numbers, oldest, expected, holes in STORIES[name]:
        done = store(db, batch("probe-1", *numbers, oldest=oldest))
        assert done.watermarks["probe-1"] == Watermark("probe-1", "e1", expected)
        assert (upto(db), gaps(db)) == (expected, holes)


def test_each_epoch_counts_by_itself(db: StationDatabase):
    store(db, batch("probe-1", 1, 2, 3), batch("probe-1", 1, epoch="e2"))
    assert (upto(db), upto(db, "e2"), upto(db, "e3")) == (3, 1, 0)


def test_repeated_batch_changes_nothing_but_is_answered(db: StationDatabase):
    store(db, batch("probe-1", 1, 2, 3))
    before = list(db.conn.iterdump())
    for _ in range(10):
        done = store(db, batch("probe-1", 1, 2, 3))
        assert done.watermarks == {"probe-1": Watermark("probe-1", "e1", 3)}
        assert (done.samples_count, done.known_count) == (0, 3)
    assert list(db.conn.iterdump()) == before


def test_overlapping_batch_adds_only_what_is_new(db: StationDatabase):
    store(db, batch("probe-1", 1, 2))
    done = store(db, batch("probe-1", 2, 3))
    assert (done.samples_count, done.known_count, seqs(db)) == (1, 1, [1, 2, 3])


def test_same_number_with_other_content_is_refused_whole(db: StationDatabase):
    store(db, batch("probe-1", 1, 2))
    other = replace(batch("probe-1", 2, 3), samples=(sample(2, soil_moisture_ppm=1), sample(3)))
    done = store(db, other)
    assert done.refused == {Refusal.CONFLICT: 1}
    assert seqs(db) == [1, 2]
    # The answer tells a device with an old memory that its numbers are taken.
    assert done.watermarks["probe-1"].upto == 2
    assert quarantined(db)[0].reason is Refusal.CONFLICT


def test_same_number_at_another_time_is_refused(db: StationDatabase):
    store(db, batch("probe-1", 1))
    moved = replace(batch("probe-1", 1), samples=(replace(sample(1), at_ms=NOW_MS),))
    assert store(db, moved).refused == {Refusal.CONFLICT: 1}


def test_refused_message_does_not_take_its_neighbours_along(db: StationDatabase):
    store(db, batch("probe-1", 1))
    clash = replace(batch("probe-1", 1), samples=(sample(1, soil_moisture_ppm=1),))
    done = store(db, batch("probe-2", 1), clash, batch("probe-1", 2))
    assert (seqs(db), seqs(db, "probe-2"), done.samples_count) == ([1, 2], [1], 2)


def test_document_is_kept_as_it_was_signed(db: StationDatabase):
    body = batch("probe-1", 1, 2)
    store(db, body)
    raw, sha256 = db.conn.execute("SELECT raw, sha256 FROM telemetry_documents").fetchone()
    assert raw == signed_batch(body)
    assert sha256 == hashlib.sha256(raw).hexdigest()
    readings = db.conn.execute("SELECT seq, metric, value, document_sha256 FROM telemetry_readings")
    assert readings.fetchall() == [
        (1, "soil_moisture_ppm", 200_001, sha256), (2, "soil_moisture_ppm", 200_002, sha256)
    ]  # fmt: skip


def test_late_sample_is_marked_and_keeps_its_time(db: StationDatabase):
    old = replace(batch("probe-1", 1), samples=(sample(1, at_ms=NOW_MS - 40 * DAY_MS),))
    store(db, old)
    row = db.conn.execute("SELECT at_ms, received_ms, late FROM samples").fetchone()
    assert row == (NOW_MS - 40 * DAY_MS, NOW_MS, 1)


@pytest.mark.parametrize(
    ("at_ms", "error_ms", "code"),
    [
        (NOW_MS - 60_000, 0, 0),
        (5_000, 0, 4),  # 1970
        (NOW_MS + DAY_MS - 1, 0, 0),
        (NOW_MS + DAY_MS + 1, 0, 4),
        (NOW_MS - 60_000, DAY_MS, 4),
    ],
)
def test_implausible_clock_is_marked_and_makes_no_feature(
    db: StationDatabase, at_ms: int, error_ms: int, code: int
):
    store(db, replace(batch("probe-1", 1), samples=(sample(1, at_ms, error_ms),)))
    assert db.conn.execute("SELECT qc FROM readings").fetchone() == (code,)
    stale = db.conn.execute("SELECT count(*) FROM stale_days").fetchone()[0]
    assert stale == (0 if code else 1)
    assert upto(db) == 1


def test_station_clock_set_back_a_year_keeps_the_order_and_is_marked(db: StationDatabase):
    store(db, batch("probe-1", 1))
    store(db, batch("probe-1", 2), at_ms=NOW_MS - 365 * DAY_MS)
    store(db, batch("probe-1", 3), at_ms=NOW_MS + 1)
    rows = db.conn.execute("SELECT seq, received_ms, clock_back FROM samples").fetchall()
    assert rows == [(1, NOW_MS, 0), (2, NOW_MS, 1), (3, NOW_MS + 1, 0)]


def test_death_and_birth_tell_a_devices_sessions(db: StationDatabase):
    with db.atomic():
        telemetry.store_death(db, Death("probe-1", "e1", 1), telemetry.Received(NOW_MS, False))
    assert db.conn.execute("SELECT boot, born_ms, died_ms FROM sessions").fetchall() == [
        (1, None, NOW_MS)
    ]


def test_quarantine_counts_repeats_and_is_bounded(db: StationDatabase):
    with db.atomic():
        for i in range(30):
            quarantine(db, Refused(Refusal.MALFORMED, "t", b"%d" % i, "odd"), NOW_MS + i, 5)
            quarantine(db, Refused(Refusal.SIGNATURE, "t", b"same", "x" * 999), NOW_MS + i, 5)
    kept = quarantined(db)
    assert len(kept) == 5
    same = next(entry for entry in kept if entry.reason is Refusal.SIGNATURE)
    assert (same.count, same.first_ms, same.last_ms) == (30, NOW_MS, NOW_MS + 29)
    assert len(same.detail) == 200
    assert quarantine_totals(db) == {Refusal.MALFORMED: 30, Refusal.SIGNATURE: 30}


def test_quarantine_survives_a_topic_that_is_not_text(db: StationDatabase):
    with db.atomic():
        quarantine(db, Refused(Refusal.TOPIC, "v1/\udcff", b"x", "odd"), NOW_MS, 5)
    assert quarantined(db)[0].topic == "v1/?"


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.sets(st.integers(1, 12), min_size=1, max_size=5), st.integers(1, 12)),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 10**9),
)
def test_watermark_covers_only_what_is_stored_or_known_lost(
    db: StationDatabase, steps: Sequence[tuple[set[int], int]], run: int
):
    epoch = f"e{run}"
    highest = 0
    for numbers, oldest in steps:
        held = sorted(numbers)
        store(db, batch("probe-1", *held, epoch=epoch, oldest=min(oldest, held[0])))
        stored = {
            seq
            for (seq,) in db.conn.execute(
                "SELECT seq FROM samples JOIN streams USING (stream_id) WHERE epoch = ?", (epoch,)
            )
        }
        lost = {
            seq
            for first, last in db.conn.execute(
                "SELECT first_seq, last_seq FROM gaps JOIN streams USING (stream_id)"
                " WHERE epoch = ?", (epoch,),
            )
            for seq in range(first, last + 1)
        }  # fmt: skip
        mark = upto(db, epoch)
        assert set(range(1, mark + 1)) <= stored | lost
        assert not stored & lost
        assert mark >= highest
        assert mark + 1 not in stored
        highest = mark


def expired_station(db: StationDatabase) -> Settings:
    bodies = [batch("probe-1", seq, oldest=1) for seq in (1, 2, 3)]
    for days, body in zip((30, 20, 1), bodies, strict=True):
        store(db, body, at_ms=NOW_MS - days * DAY_MS)
    return settings_for(Path(), raw_retention_days=10, raw_age_days_max=25)


def test_retention_deletes_only_what_is_past_the_last_age_or_delivered(db: StationDatabase):
    rules = expired_station(db)
    assert delete_expired(db, rules, NOW_MS) == 1  # 30 days: past the stated last age
    assert seqs(db) == [2, 3]
    assert delete_expired(db, rules, NOW_MS) == 0  # 20 days, but the centre has not got it
    sha256 = sha256_hex(signed_batch(batch("probe-1", 2, oldest=1)))
    mark_delivered(db, [sha256], NOW_MS)
    assert delete_expired(db, rules, NOW_MS) == 1
    assert seqs(db) == [3]
    assert db.conn.execute("SELECT count(*) FROM readings").fetchone() == (1,)
    assert DOCUMENTS_AT_ONCE_MAX > 1


@pytest.mark.parametrize("jump_days", [3_650, -3_650])
def test_clock_that_jumps_deletes_no_acknowledged_reading(db: StationDatabase, jump_days: int):
    rules, desk = expired_station(db), Desk("st", StationSigner(b"7" * 32), 0)
    raise_floor(db, NOW_MS - DAY_MS)
    assert trust_clock(db, NOW_MS, 0).known
    before = seqs(db)
    jumped = trust_clock(db, NOW_MS + jump_days * DAY_MS, 0)
    assert not tend_readings(db, rules, desk, jumped)
    assert seqs(db) == before
    assert tend_readings(db, rules, desk, trust_clock(db, NOW_MS, 0))
    assert seqs(db) == [2, 3]


def test_a_clock_that_the_centre_never_spoke_of_deletes_nothing(db: StationDatabase):
    rules, desk = expired_station(db), Desk("st", StationSigner(b"7" * 32), 0)
    before = seqs(db)
    assert tend_readings(db, rules, desk, trust_clock(db, NOW_MS + 3_650 * DAY_MS, 0))
    assert seqs(db) == before


def test_delivered_but_young_readings_stay(db: StationDatabase):
    rules = expired_station(db)
    mark_delivered(db, [sha256_hex(signed_batch(batch("probe-1", 3, oldest=1)))], NOW_MS)
    delete_expired(db, rules, NOW_MS)
    assert 3 in seqs(db)


def test_sample_that_retention_removed_is_not_taken_for_news(db: StationDatabase):
    rules = expired_station(db)
    delete_expired(db, rules, NOW_MS)
    done = store(db, batch("probe-1", 1))
    assert (done.samples_count, seqs(db), gaps(db)) == (0, [2, 3], [])
    assert done.watermarks["probe-1"].upto == 3


def test_registry_holds_the_devices(db: StationDatabase):
    rows = db.conn.execute("SELECT device_id, public_key FROM devices ORDER BY 1").fetchall()
    assert rows == [(name, device(name).public_key) for name in ("probe-1", "probe-2")]


def test_batch_that_the_store_contradicts_is_refused_alone(db: StationDatabase):
    store(db, batch("probe-2", 1))
    odd = heard(batch("probe-1", 1, 2))
    with db.atomic():
        db.conn.execute(
            "INSERT INTO telemetry_documents (sha256, stream_id, first_seq, last_seq,"
            " received_ms, raw) SELECT ?, stream_id, 1, 2, 0, x'00' FROM streams",
            (odd.sha256,),
        )
    done = store(db, batch("probe-2", 2), odd.body, batch("probe-2", 3), batch("probe-1", 1))
    assert done.refused == {Refusal.CONFLICT: 1}
    assert (seqs(db, "probe-2"), seqs(db)) == ([1, 2, 3], [1])
    assert {name: mark.upto for name, mark in done.watermarks.items()} == {
        "probe-1": 1, "probe-2": 3,
    }  # fmt: skip
    assert done.samples_count == 3


def test_one_commit_of_many_stores_what_many_commits_store(tmp_path: Path):
    folders = [tmp_path / name for name in ("together", "apart")]
    for folder in folders:
        folder.mkdir()
    together, apart = (database(folder, "probe-1", "probe-2") for folder in folders)
    epochs = itertools.count()

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(("probe-1", "probe-2")),
                st.sets(st.integers(1, 12), min_size=1, max_size=4),
                st.integers(1, 12),
            ),
            max_size=12,
        )
    )
    @settings(max_examples=40, deadline=None)
    def holds(sent: list[tuple[str, set[int], int]]) -> None:
        epoch = f"e{next(epochs)}"
        bodies = [
            batch(name, *sorted(s), epoch=epoch, oldest=min(*s, old)) for name, s, old in sent
        ]
        at_once = store(together, *bodies)
        singly = [store(apart, body) for body in bodies]
        for table in ("streams", "gaps", "telemetry_documents", "samples", "readings"):
            ask = f"SELECT * FROM {table}"  # noqa: S608  # constants
            rows = [db.conn.execute(ask).fetchall() for db in (together, apart)]
            assert rows[0] == rows[1]
        told = {name: mark for done in singly for name, mark in done.watermarks.items()}
        assert at_once.watermarks == told
        assert at_once.samples_count == sum(done.samples_count for done in singly)

    holds()
    together.close()
    apart.close()
