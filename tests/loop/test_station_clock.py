"""A station whose clock stands wrong: what it refuses, and how it is put right."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import SignatureError, UnitError
from core.lending.clock import Anchor, Reading
from core.lending.lease import Lease, LeaseBook, LeaseKind, refuse_draw
from core.reasons import ReasonCode
from core.units import MS_PER_DAY
from edge_node.decide.desk import Desk
from edge_node.keys import KeyRing, PeerSealer, create_key_file
from edge_node.store import clocks, outbox
from edge_node.store.database import StationDatabase, open_database
from edge_node.store.schema import migrate as migrate_station
from edge_node.sync import peers
from edge_node.sync.timekeeping import ASK_EVERY_MS, ask_time, keep_time
from edge_node.sync.wires import Answer, CentreUnreachableError
from server.config import Settings
from server.keys import write_secret
from server.services import enrolment
from server.services.centre import Centre
from server.services.timing import answer_time
from server.store.engine import open_store
from tests.support.centre_kit import TESTER, Counter, keys_of
from tests.support.centre_store import lay_out

APRIL = 1_775_000_000_000
LEASE = Lease(
    "l1", LeaseKind.LINE, "st-one", "p", "KES", 1_000, APRIL - MS_PER_DAY, APRIL + 60 * MS_PER_DAY,
    "line-1", 1_000,
)  # fmt: skip


class Box:
    """A station's hardware: a wall clock that may be wrong, a count, a boot."""

    def __init__(self) -> None:
        self.true_ms, self.wrong_ms, self.boot, self.booted_ms = APRIL, 0, 1, APRIL - 5_000

    def read(self) -> Reading:
        wall_ms, ticks_ms = self.true_ms + self.wrong_ms, self.true_ms - self.booted_ms
        return Reading(wall_ms, ticks_ms, f"boot-{self.boot}")

    def reboot(self) -> None:
        self.boot, self.booted_ms = self.boot + 1, self.true_ms


class Wire:
    """A link to a real centre's time; what it does to answers is the test's."""

    def __init__(self, centre: Centre, box: Box) -> None:
        self.centre, self.box = centre, box
        self.spoil: Callable[[bytes], bytes] = bytes
        self.passed_ms, self.up, self.asked = 200, True, 0

    def post(self, path: str, content: bytes, content_type: str) -> Answer:
        assert (path, bool(content_type)) == ("/api/v1/time", True)
        if not self.up:
            raise CentreUnreachableError("no link")
        self.asked += 1
        body = self.spoil(answer_time(self.centre, content))
        self.box.true_ms += self.passed_ms
        return Answer(200, body)


class Station:
    """A station's database and ends, with its box and its wire."""

    def __init__(self, folder: Path) -> None:
        self.box = Box()
        keys = create_key_file(folder / "station.key", "st-one", b"\x0a" * 32, b"\x3c" * 32)
        secret = folder / "session.secret"
        write_secret(secret, b"5" * 64)
        settings = Settings(
            session_secret_file=str(secret), database_url=f"sqlite:///{folder / 'centre.sqlite'}"
        )
        store, ids = open_store(settings.database_url, "lender"), Counter()
        lay_out(store)
        self.centre = Centre(
            settings, store, keys_of(settings.name, 1), lambda: self.box.true_ms, ids.next_id,
            ids.next_token,
        )  # fmt: skip
        enrolment.enroll_station(self.centre, keys.identity, TESTER)
        me = self.centre.keys.identity()
        sealer = PeerSealer([bytes.fromhex(me.seal_key)], bytes)
        centre = peers.Centre(me, KeyRing.of_hex(me.public_key), sealer)
        self.ends = peers.Ends(Desk("st-one", keys.signer, 0), keys.opener, centre)
        self.db: StationDatabase = open_database(folder / "station.sqlite")
        migrate_station(self.db, APRIL)
        self.wire, self._nonces = Wire(self.centre, self.box), 0

    def entropy(self, count: int) -> bytes:
        self._nonces += 1
        return self._nonces.to_bytes(count, "big")

    def ask(self) -> Anchor | None:
        return ask_time(self.db, self.ends, self.wire, self.box.read, self.entropy)  # type: ignore[arg-type]

    def keep(self) -> None:
        keep_time(self.db, self.ends, self.wire, self.box.read, self.entropy)  # type: ignore[arg-type]

    def refusal(self) -> ReasonCode | None:
        clock = clocks.read_clock(self.db, self.box.read())
        return refuse_draw(LeaseBook(LEASE), "line-1", 100, clock)

    def error_of_clock_ms(self) -> int:
        return abs(clocks.read_clock(self.db, self.box.read()).at_ms - self.box.true_ms)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path)
    yield made
    made.db.close()
    made.centre.store.close()


def test_a_first_boot_years_ahead_does_not_lock_the_station(station: Station):
    station.box.wrong_ms = 5 * 365 * MS_PER_DAY
    clocks.read_clock(station.db, station.box.read())
    assert outbox.clock_floor_ms(station.db) == 0
    outbox.raise_floor(station.db, APRIL)  # as the centre's first records do
    assert station.refusal() is ReasonCode.DRAW_CLOCK_UNKNOWN
    station.box.wrong_ms = 0
    assert station.refusal() is None


def test_the_centres_word_puts_a_wrong_clock_right(station: Station):
    for wrong_days in (-400, -30, 30, 90, 800):
        station.box.wrong_ms = wrong_days * MS_PER_DAY
        assert station.ask() is not None
        assert station.refusal() is None
        assert station.error_of_clock_ms() <= 101


def test_a_floor_that_ran_ahead_falls_by_the_centres_word_alone(station: Station):
    outbox.raise_floor(station.db, APRIL)
    station.box.wrong_ms = 300 * MS_PER_DAY
    clocks.read_clock(station.db, station.box.read())
    assert outbox.clock_floor_ms(station.db) > APRIL + 299 * MS_PER_DAY
    station.box.wrong_ms = 0
    assert station.refusal() is ReasonCode.DRAW_CLOCK_UNKNOWN
    with pytest.raises(sqlite3.IntegrityError, match="only to a newer trusted instant"):
        station.db.execute("UPDATE clock_floor SET floor_ms = ?", [APRIL])
    station.ask()
    assert station.refusal() is None
    kept = station.db.execute("SELECT source, floor_before_ms FROM clock_anchors").fetchall()
    assert kept[0][0] == "centre"
    assert kept[0][1] > APRIL + 299 * MS_PER_DAY
    for statement in ("DELETE FROM clock_anchors", "UPDATE clock_anchors SET at_ms = 1"):
        with pytest.raises(sqlite3.IntegrityError):
            station.db.execute(statement)


def test_a_lease_expires_by_the_count_though_the_wall_clock_was_set_back(station: Station):
    station.ask()
    station.box.true_ms += 61 * MS_PER_DAY
    station.box.wrong_ms = -50 * MS_PER_DAY
    assert station.refusal() is ReasonCode.DRAW_LEASE_EXPIRED


def test_a_reboot_leaves_the_wall_clock_and_what_it_was_off(station: Station):
    station.ask()
    station.box.reboot()
    station.box.true_ms += 10 * MS_PER_DAY
    clock = clocks.read_clock(station.db, station.box.read())
    assert 60_000 < clock.error_ms < 300_000
    assert station.refusal() is None
    station.box.wrong_ms = -20 * MS_PER_DAY  # no battery: it came up where it was written last
    assert station.refusal() is ReasonCode.DRAW_CLOCK_UNKNOWN


def test_an_old_answer_is_refused(station: Station):
    kept: list[bytes] = []
    station.wire.spoil = lambda body: kept.append(body) or body  # type: ignore[func-returns-value]
    station.ask()
    station.box.true_ms += 30 * MS_PER_DAY
    station.wire.spoil = lambda _: kept[0]
    with pytest.raises(SignatureError, match="another's answer"):
        station.ask()
    station.keep()  # the loop goes on, and trusts nothing of it
    assert station.error_of_clock_ms() < 600_000


def test_an_answer_that_took_too_long_changes_nothing(station: Station):
    station.wire.passed_ms = 120_000
    assert station.ask() is None
    assert clocks.newest_anchor(station.db) is None


def test_it_is_asked_when_due_and_only_on_a_good_link(station: Station):
    station.keep()
    outbox.note_link(station.db, APRIL, "", 0, 0)
    for _ in range(3):
        station.keep()
    assert station.wire.asked == 1
    station.box.true_ms += ASK_EVERY_MS
    station.keep()
    station.box.reboot()
    station.keep()
    assert station.wire.asked == 3
    outbox.note_link(station.db, APRIL, "gone", 0, 0)
    station.box.true_ms += ASK_EVERY_MS
    station.keep()
    assert station.wire.asked == 3
    count = station.db.execute("SELECT count(*) FROM clock_anchors").fetchone()[0]
    assert count == 1, "routine answers make room"


def test_an_operator_cannot_go_before_what_the_centre_signed(station: Station):
    station.db.execute(
        "INSERT INTO down_records (writer, stream, seq, kind, at_ms, error_ms, body, hash) "
        "VALUES ('centre', 'st-one', 1, 'line', ?, 0, '{}', ?)", [APRIL, "0" * 64],
    )  # fmt: skip
    early = Anchor(APRIL - 2 * MS_PER_DAY, 60_000, station.box.read())
    with pytest.raises(UnitError, match="which the centre has signed"):
        clocks.take_anchor(station.db, early, clocks.OPERATOR, "the kiosk says 2024")
    late = replace(early, at_ms=APRIL + 1_000)
    assert clocks.take_anchor(station.db, late, clocks.OPERATOR, "the kiosk says 2024") == 0
