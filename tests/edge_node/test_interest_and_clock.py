"""What a farmer is shown to owe when the station's clock is unknown, behind, or ahead."""

from __future__ import annotations

import pytest

from core.lending.limit import Movement
from core.units import MS_PER_DAY
from core.wire.records import Down
from edge_node.faces.kiosk.standing import standing_of
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import APRIL_1, CARDS, Station, lease, status

DRAWN = 350_000  # at 14 % a year: 9,800 in 73 days


@pytest.fixture
def drawn(tmp_path):
    """KES 3,500 drawn on 2 April 2026; the station was last sure of 14 June."""
    station = Station(tmp_path)
    station.populate()
    station.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    station.take_down()
    station.draw("line-1", DRAWN)
    station.at_ms += 73 * MS_PER_DAY
    assert shown(station) == (9_800, "")
    yield station
    station.close()


def shown(station):
    [line] = standing_of(station.db, station.desk, "f-1", station.clock).lines
    return line.owed.interest_minor, line.counted_to


def test_on_a_known_clock_interest_is_counted_to_its_day(drawn):
    drawn.at_ms += 73 * MS_PER_DAY
    drawn.error_ms = MS_PER_DAY
    assert shown(drawn) == (19_600, "")


@pytest.mark.parametrize("days", [-5, -400, -20_000])
def test_a_clock_that_was_set_back_takes_no_interest_away(drawn, days):
    drawn.at_ms += days * MS_PER_DAY
    assert shown(drawn) == (9_800, "2026-06-14")


@pytest.mark.parametrize("days", [2 * 365, 40 * 365, 30_000 * 365])
def test_a_clock_that_ran_years_ahead_adds_none(drawn, days):
    drawn.at_ms += days * MS_PER_DAY
    assert shown(drawn) == (9_800, "2026-06-14")
    drawn.at_ms -= days * MS_PER_DAY
    assert shown(drawn) == (9_800, "")


@pytest.mark.parametrize("error_ms", [3 * MS_PER_DAY, -1])
def test_a_clock_that_may_be_days_off_counts_to_the_latest_trusted_day(drawn, error_ms):
    drawn.at_ms += 30 * MS_PER_DAY
    drawn.error_ms = error_ms
    assert shown(drawn) == (9_800, "2026-06-14")


def test_what_the_centre_has_counted_stands_whatever_the_clock_says(drawn):
    told = status(
        "line-1", 2_000_000, Movement.HELD, principal_minor=DRAWN, interest_minor=12_500,
        as_of="2026-07-06", counted_seq=10_000,
    )  # fmt: skip
    drawn.centre.say(Down.LINE, told, APRIL_1)
    drawn.take_down()
    drawn.at_ms -= 400 * MS_PER_DAY
    assert shown(drawn) == (12_500, "2026-07-06")


def test_the_page_says_up_to_which_day_it_counted(drawn):
    with visiting(drawn, Elapsed()) as client:
        client.post("/identify", data={"card": CARDS["f-1"]})
        assert "You owe today" in client.get("/home").text
        drawn.at_ms -= 400 * MS_PER_DAY
        page = client.get("/home").text
        assert "You owe today" not in page
        assert "You owe, counted to 14 June 2026" in page
