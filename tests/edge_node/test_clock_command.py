"""``harvestline-edge clock``, as an operator without a link would use it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.units import MS_PER_DAY, day_start_ms
from core.wire.envelope import LogClass
from edge_node.app import main
from edge_node.config import load_settings
from edge_node.keys import create_key_file, public_path
from edge_node.store import logs, outbox
from edge_node.store.database import open_database
from edge_node.store.schema import migrate
from tests.support.lending_station import APRIL_1

HOUR_MS = 3_600_000
REASON = "the battery was empty"
AT = "2026-04-21T06:00:00"


@dataclass
class Box:
    """A station's settings; the box's own clocks go on, as they do for an operator."""

    config: Path

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, list(words))

    def tell(self, at: str = AT, error_s: str = "60", reason: str = REASON) -> Result:
        return self.run(
            "clock", "--config", str(self.config), "--at", at, "--error-s", error_s,
            "--reason", reason,
        )  # fmt: skip

    def database(self):
        return open_database(load_settings(self.config, {}).database_path)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    centre = tmp_path / "centre.json"
    create_key_file(centre, "centre", b"\x01" * 32, b"\x02" * 32)
    made = Box(tmp_path / "station" / "station.toml")
    done = made.run(
        "init", "--name", "kijani", "--site", "kijani", "--out", str(tmp_path / "station"),
        "--server-identity", str(public_path(centre)),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return made


def clock_records(box: Box):
    db = box.database()
    migrate(db, APRIL_1)
    found = [r for r in logs.read_run(db, LogClass.MONEY, 0, 100, 10**6) if r.kind == "clock_set"]
    db.close()
    return found


def test_a_station_is_told_the_time_and_writes_down_who_moved_it(box: Box):
    done = box.tell()
    assert done.exit_code == 0, done.output
    told_ms = APRIL_1 + 20 * MS_PER_DAY + 6 * 3_600_000
    told = json.loads(done.stdout)
    assert (told["known"], told["floor_before_ms"]) == (True, 0)
    assert 0 <= told["at_ms"] - told_ms < HOUR_MS, "the count goes on from what was told"
    assert 60_000 <= told["error_ms"] < 61_000
    [record] = clock_records(box)
    assert 0 <= record.at_ms - told_ms < HOUR_MS
    assert record.body == {
        "told_at_ms": told_ms, "error_ms": 60_000, "floor_before_ms": 0, "reason": REASON,
    }  # fmt: skip


def test_a_clock_that_ran_ahead_is_taken_back_and_the_floor_before_is_told(box: Box):
    ahead_ms = APRIL_1 + 300 * MS_PER_DAY
    assert box.tell().exit_code == 0
    db = box.database()
    outbox.raise_floor(db, ahead_ms)
    db.close()
    assert json.loads(box.tell().stdout)["floor_before_ms"] == ahead_ms
    assert [each.body["floor_before_ms"] for each in clock_records(box)] == [0, ahead_ms]


def test_an_offset_in_the_time_is_taken_as_it_is_written(box: Box):
    east, utc = box.tell("2026-04-21T09:00:00+03:00"), box.tell()
    assert abs(json.loads(east.stdout)["at_ms"] - json.loads(utc.stdout)["at_ms"]) < HOUR_MS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"at": "yesterday"}, "such as 2026-04-01T09:30:00"),
        ({"at": "2026-13-01T00:00:00"}, "such as 2026-04-01T09:30:00"),
        ({"reason": "x"}, "3 to 200 characters"),
        ({"reason": "x" * 201}, "3 to 200 characters"),
        ({"error_s": "0"}, "error-s"),
        ({"error_s": "86401"}, "error-s"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(box: Box, change, says):
    done = box.tell(**change)
    assert done.exit_code != 0
    assert says in done.output + str(done.exception)
    assert clock_records(box) == []


def test_a_time_before_what_the_centre_signed_is_refused_and_nothing_is_written(box: Box):
    assert box.tell().exit_code == 0
    db = box.database()
    signed_ms = day_start_ms(date(2026, 6, 1))
    with db.atomic():
        db.execute(
            "INSERT INTO down_records (writer, stream, seq, kind, at_ms, error_ms, body, hash) "
            "VALUES ('centre', 'kijani', 1, 'line', ?, 0, '{}', ?)", [signed_ms, "0" * 64],
        )  # fmt: skip
    db.close()
    done = box.tell()
    assert done.exit_code != 0
    assert "which the centre has signed" in done.output + str(done.exception)
    assert len(clock_records(box)) == 1
