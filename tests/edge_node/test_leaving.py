"""The farmer ends it at the station: an offer not wanted, an agreement that still cools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.lending.limit import Movement
from core.reasons import Reason, ReasonCode
from core.shape import decode
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.records import AgreementLeft, Down, Leaving, Up
from edge_node.decide.desk import RequestError
from edge_node.decide.draws import above_cap
from edge_node.decide.leaving import LeaveAsk, WayOut, leave, way_out, way_out_sha256
from edge_node.faces.kiosk.standing import standing_of
from edge_node.store import leases, lines, logs, village
from tests.support.lending_station import Station, lease, maize, monthly, status

COOLS = {"agreement": {"cooling_off_days": 14, "withdrawn_repay_days": 30}}


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path)
    station.populate()
    product = maize(version=2, **COOLS)
    station.centre.say(Down.PRODUCT, product, station.at_ms)
    station.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    station.take_down()
    yield station
    station.close()


def way(station: Station, line_id: str = "line-1") -> WayOut | None:
    return way_out(station.db, station.desk, lines.line(station.db, line_id), station.clock)


def end(
    station: Station, line_id: str = "line-1", leaving_id: str = "al-1"
) -> AgreementLeft | Reason:
    found = way(station, line_id)
    shown = way_out_sha256(found) if found else "0" * 64
    return leave(station.db, station.desk, LeaveAsk(leaving_id, line_id, shown), station.clock)


def in_log(station: Station) -> list[AgreementLeft]:
    rows = logs.read_run(station.db, LogClass.MONEY, 0, 1000, 10**7)
    return [decode(AgreementLeft, row.body) for row in rows if row.kind == Up.AGREEMENT_LEFT.value]


def refused(station: Station, amount_minor: int = 100_000) -> ReasonCode | None:
    begun = station.begin("line-1", amount_minor)
    return begun.code if isinstance(begun, Reason) else None


def test_an_offer_is_taken_back_without_the_network(station: Station) -> None:
    left = end(station)
    assert isinstance(left, AgreementLeft)
    assert (left.event, left.owed_minor, left.repay_by) == (Leaving.ABANDON, 0, "")
    assert in_log(station) == [left]
    assert standing_of(station.db, station.desk, "f-1", station.clock).lines == ()
    assert refused(station) is ReasonCode.DRAW_LEFT


def test_what_was_drawn_is_to_be_repaid_by_the_day_that_is_told(station: Station) -> None:
    station.draw("line-1", 400_000)
    station.at_ms += 3 * MS_PER_DAY
    found = way(station)
    assert found is not None
    # 400,000 + 3 days of 14 %: 400,000 × 0.14 × 3/365 = 460.27; the fee of 1.5 % is given back
    assert (found.owed_minor, found.until, found.repay_by) == (400_460, "2026-04-16", "2026-05-05")
    [still] = standing_of(station.db, station.desk, "f-1", station.clock).lines
    assert still.owed.fee_minor == 6_000, "who does not leave pays it"
    left = end(station)
    assert isinstance(left, AgreementLeft)
    assert (left.event, left.owed_minor) == (Leaving.WITHDRAW, 400_460)
    [line] = standing_of(station.db, station.desk, "f-1", station.clock).lines
    assert (line.owed.fee_minor, line.owed.total_minor) == (0, 400_460)
    assert refused(station) is ReasonCode.DRAW_LEFT


def test_the_last_day_counts_and_the_day_after_does_not(station: Station) -> None:
    station.draw("line-1", 400_000)
    station.at_ms += 14 * MS_PER_DAY
    assert way(station) is not None
    station.at_ms += MS_PER_DAY
    assert way(station) is None
    late = end(station)
    assert isinstance(late, Reason)
    assert late.code is ReasonCode.LEAVE_TOO_LATE
    assert in_log(station) == []
    assert refused(station) is None


def test_the_first_drawdown_counts_also_if_the_centre_told_of_it(station: Station) -> None:
    """The days run from the first; a second draw does not let them begin anew."""
    told = status("line-1", 2_000_000, Movement.OPENED, principal_minor=100_000,
                  facts=monthly(("d-0", "2026-03-10", 100_000)))  # fmt: skip
    station.centre.say(Down.LINE, told, station.at_ms)
    station.take_down()
    station.draw("line-1", 100_000)
    assert way(station) is None


def test_a_product_without_a_cooling_off_period_has_none_here(station: Station) -> None:
    station.centre.say(Down.PRODUCT, maize(version=3), station.at_ms)
    station.take_down()
    station.draw("line-1", 400_000)
    assert way(station) is None


def test_the_same_ask_again_changes_nothing(station: Station) -> None:
    station.draw("line-1", 400_000)
    first = end(station)
    station.at_ms += 20 * MS_PER_DAY
    again = LeaveAsk("al-1", "line-1", "0" * 64)
    assert leave(station.db, station.desk, again, station.clock) == first
    other = replace(again, leaving_id="al-2")
    assert leave(station.db, station.desk, other, station.clock) == first
    assert len(in_log(station)) == 1


def test_other_words_than_what_holds_now_end_nothing(station: Station) -> None:
    station.draw("line-1", 400_000)
    old = way(station)
    assert old is not None
    station.draw("line-1", 100_000)
    ask = LeaveAsk("al-1", "line-1", way_out_sha256(old))
    with pytest.raises(RequestError):
        leave(station.db, station.desk, ask, station.clock)
    assert in_log(station) == []


def test_a_draw_that_nobody_confirmed_is_void_and_leases_are_given_back(station: Station) -> None:
    station.begin("line-1", 100_000, "d-pending")
    left = end(station)
    assert isinstance(left, AgreementLeft)
    assert left.event is Leaving.ABANDON
    (kept,) = leases.draws_of_line(station.db, "line-1")
    assert kept.drawdown.state.value == "voided"
    assert leases.book(station.db, "le-1").closed


def test_until_the_centre_has_heard_of_it_its_word_does_not_count(station: Station) -> None:
    station.draw("line-1", 100_000)
    end(station)
    seq = logs.tail(station.db, LogClass.MONEY).seq
    before = status("line-1", 2_000_000, Movement.HELD, counted_seq=1)
    after = status("line-1", 2_000_000, Movement.HELD, counted_seq=seq)
    for told, left in ((before, Leaving.WITHDRAW), (after, None)):
        station.centre.say(Down.LINE, told, station.at_ms)
        station.take_down()
        assert lines.line(station.db, "line-1").left is left


def test_a_clock_that_is_behind_gives_the_farmer_no_less(station: Station) -> None:
    """The station does not know the date: it may still be left; the centre looks at the day."""
    station.draw("line-1", 400_000)
    station.at_ms -= 400 * MS_PER_DAY
    left = end(station)
    assert isinstance(left, AgreementLeft)
    assert left.on >= "2026-04-01"


def test_a_price_above_the_cap_says_by_how_much() -> None:
    found = above_cap(apr_ppm=364_501, cap_ppm=360_000)
    assert found.params == {"apr": "36.46", "cap": "36.00", "over": "0.46"}
    assert "0.46%" in found.sentence()


def test_a_refused_draw_says_by_how_much_its_price_is_too_high(station: Station) -> None:
    product = village.product(station.db, "crop-season")
    capped = replace(product, version=3, credit=replace(product.credit, apr_cap_ppm=150_000))
    station.centre.say(Down.PRODUCT, capped, station.at_ms)
    station.take_down()
    begun = station.begin("line-1", 100_000)
    assert isinstance(begun, Reason)
    assert begun.code is ReasonCode.DRAW_PRICE_ABOVE_CAP
    apr, cap, over = (float(begun.params[name]) for name in ("apr", "cap", "over"))
    assert cap == 15.0
    assert over == pytest.approx(apr - cap)
    assert over > 0
