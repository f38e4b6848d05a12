"""A tablet pays out of a part of the station's lease: bounded, once, named where it is wrong."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

import pytest

from core.decision.field_draw import field_quote, shown_sha256
from core.errors import ShapeError
from core.lending.cashbox import CountKind
from core.lending.lease import DrawState
from core.reasons import Reason, ReasonCode
from core.shape import encode
from core.units import MS_PER_DAY, SAFE_INTEGER_MAX, civil_day
from core.wire.envelope import LogClass
from core.wire.fieldwork import OperationKind
from core.wire.records import Down, Recall
from core.wire.subleases import AT_MS_MAX, FieldDraw, SubLease, SubLeaseAct, SubLeaseEnd
from edge_node.decide.cash import CashRefusedError
from edge_node.decide.closing import close_given_back
from edge_node.decide.fieldwork import BrokenChainError, take
from edge_node.decide.room import rooms
from edge_node.decide.subleases import (
    GRACE_MS,
    OPEN_MAX,
    SubLeaseRefusedError,
    TakeAlong,
    grant,
    most_minor,
    recall_closing,
    release_lost,
)
from edge_node.decide.tablets import TabletRefusedError
from edge_node.faces.tablet import payouts
from edge_node.store import box, leases, lines, logs, subleases, tablets
from edge_node.store.decisions import ChangedRequestError
from tests.support.cash_desk import counted, opened_desk, staff
from tests.support.lending_station import Station, lent_station
from tests.support.tablet import FieldTablet, door_of, field_desk, teller_of

LINE = "line-1"


@pytest.fixture
def station(tmp_path):
    station = lent_station(tmp_path / "lent")
    yield station
    station.close()


@pytest.fixture
def tablet(station):
    return enrolled(station)


def enrolled(station: Station, number: int = 9) -> FieldTablet:
    made = FieldTablet(f"tab-{number}", number)
    code, _ = door_of(station).invite(made.tablet_id, ("agent-1", "Juma"), (), 14)
    door_of(station).enrol(code, made.public_key)
    return made


def who(station: Station, tablet: FieldTablet) -> Any:
    return tablets.tablet(station.db, tablet.tablet_id)


def along(station: Station, tablet: FieldTablet, amount: int, name: str = "s-1") -> SubLease:
    ask = TakeAlong(name, LINE, amount)
    return grant(station.db, station.desk, who(station, tablet), ask, station.clock).lease


def paid(lease: SubLease, amount: int, at_ms: int, draw_id: str = "d-1", **changes: Any) -> Any:
    """What a tablet signs when it paid out, as its own rules make it."""
    on = civil_day(at_ms, lease.utc_offset_ms)
    price = field_quote(lease.terms, amount, on)
    fields = {
        "draw_id": draw_id, "sublease_id": lease.sublease_id, "line_id": lease.line_id,
        "farmer_id": lease.farmer_id, "amount_minor": amount, "drawn_on": on.isoformat(),
        "at_ms": at_ms, "error_ms": 1_000, "fee_minor": price.fee_minor,
        "total_minor": price.total_minor, "due_on": price.due_on, "apr_ppm": price.apr_ppm,
        "consent_id": f"c-{draw_id}", "shown_sha256": shown_sha256(price), "language": "sw",
        "spoken": False,
    }  # fmt: skip
    return FieldDraw(**fields | changes)


def bring(station: Station, tablet: FieldTablet, kind: OperationKind, body: Any) -> Any:
    return hand_in(station, tablet, tablet.operation(kind, body))


def hand_in(station: Station, tablet: FieldTablet, document: dict[str, Any]) -> Any:
    field = field_desk(station, teller_of(station))
    return take(station.db, field, who(station, tablet), document, station.clock)


def draw(station: Station, tablet: FieldTablet, lease: SubLease, amount: int, **more: Any) -> Any:
    body = paid(lease, amount, station.at_ms, **more)
    return bring(station, tablet, OperationKind.DRAW, body)


def left_of_station(station: Station) -> int:
    found = rooms(station.db, lines.line(station.db, LINE), station.clock)
    return found[0].drawable_minor


def records(station: Station, kind: str) -> list[dict[str, Any]]:
    run = logs.read_run(station.db, LogClass.MONEY, 0, 500, 10**7)
    return [record.body for record in run if record.kind == kind]


def test_what_a_tablet_holds_nobody_else_draws(station, tablet):
    assert left_of_station(station) == 1_000_000
    along(station, tablet, 600_000)
    assert left_of_station(station) == 400_000
    refused = station.begin(LINE, 450_000)
    assert isinstance(refused, Reason)
    assert refused.code is ReasonCode.DRAW_ABOVE_LEASE
    station.draw(LINE, 400_000)
    with pytest.raises(SubLeaseRefusedError, match="at most KES 0"):
        along(station, enrolled(station, 10), 50_000, "s-2")


def test_a_draw_is_booked_once_with_the_price_that_was_told(station, tablet):
    lease = along(station, tablet, 600_000)
    document = tablet.operation(OperationKind.DRAW, paid(lease, 250_000, station.at_ms))
    first = hand_in(station, tablet, document)
    assert (first.code, hand_in(station, tablet, document)) == ("", first)
    (told,) = records(station, "drawdown")
    assert (told["state"], told["amount_minor"], told["sublease_id"]) == ("posted", 250_000, "s-1")
    assert told["fee_minor"] == 3_750
    kept = leases.draw(station.db, "d-1")
    assert kept is not None
    assert (kept.drawdown.state, kept.drawdown.lease_id) == (DrawState.POSTED, "le-1")
    assert subleases.find(station.db, "s-1").left_minor == 350_000
    assert left_of_station(station) == 400_000  # what was drawn was set aside before
    (consent,) = [one for one in records(station, "consent") if one["consent_id"] == "c-d-1"]
    assert (consent["helped"], consent["helped_by"]) == (True, "agent-1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount_minor": 650_000}, "draw_above_lease"),
        ({"amount_minor": 12_345}, "draw_amount_invalid"),
        ({"line_id": "line-2"}, "draw_no_lease"),
        ({"fee_minor": 0}, "expected the price"),
        ({"shown_sha256": "ab" * 32}, "draw_consent_missing"),
        ({"drawn_on": "2026-04-09"}, "expected the day"),
        ({"farmer_id": "f-2"}, "expected the price"),
        ({"sublease_id": "s-9"}, "expected a sub-lease of tab-9"),
    ],
)
def test_a_draw_that_breaks_its_sub_lease_is_named_and_moves_nothing(
    station, tablet, changes, words
):
    lease = along(station, tablet, 600_000)
    amount = changes.pop("amount_minor", 250_000)
    kept = draw(station, tablet, lease, amount, **changes)
    assert kept.code == "HL-EDGE-046"
    assert words in kept.detail
    assert records(station, "drawdown") == []
    (taken,) = records(station, "tablet_operation")
    assert taken["code"] == "HL-EDGE-046"
    assert not draw(station, tablet, lease, 250_000, draw_id="d-2").code  # its chain goes on


def test_a_draw_counts_by_the_time_at_which_it_was_paid_out(station, tablet):
    lease = along(station, tablet, 600_000)
    early = paid(lease, 100_000, lease.signed_at_ms - 2_000)
    assert "draw_clock_unknown" in bring(station, tablet, OperationKind.DRAW, early).detail
    station.at_ms = lease.expires_at_ms + MS_PER_DAY
    late = paid(lease, 100_000, lease.expires_at_ms)
    assert "draw_lease_expired" in bring(station, tablet, OperationKind.DRAW, late).detail
    in_time = paid(lease, 100_000, lease.expires_at_ms - MS_PER_DAY, "d-2")
    assert not bring(station, tablet, OperationKind.DRAW, in_time).code  # it was paid before


def test_a_station_whose_clock_was_put_right_books_what_was_told_by_the_wrong_one(station, tablet):
    lease = along(station, tablet, 600_000)
    ahead = paid(lease, 100_000, lease.signed_at_ms + 3 * MS_PER_DAY)
    assert not bring(station, tablet, OperationKind.DRAW, ahead).code  # the centre sets its day
    assert records(station, "drawdown")[0]["effective_on"] == ahead.drawn_on


def test_the_same_draw_under_another_operation_is_refused_by_name(station, tablet):
    lease = along(station, tablet, 600_000)
    assert not draw(station, tablet, lease, 100_000).code
    again = draw(station, tablet, lease, 100_000)
    assert "is here already" in again.detail
    assert len(records(station, "drawdown")) == 1


def test_a_fork_of_the_chain_is_refused_by_name(station, tablet):
    lease = along(station, tablet, 600_000)
    twin = FieldTablet(tablet.tablet_id, 9)
    assert not draw(station, tablet, lease, 100_000).code
    fork = twin.operation(
        OperationKind.DRAW, paid(lease, 300_000, station.at_ms, "d-7"), operation_id="op-x"
    )
    with pytest.raises(BrokenChainError, match="expected operation 2"):
        hand_in(station, tablet, fork)
    assert len(records(station, "drawdown")) == 1


def test_one_tablet_draws_nothing_under_anothers(station, tablet):
    lease, other = along(station, tablet, 600_000), enrolled(station, 10)
    kept = draw(station, other, lease, 100_000)
    assert "expected a sub-lease of tab-10" in kept.detail


def test_what_is_given_back_is_the_stations_again_and_nothing_follows(station, tablet):
    lease = along(station, tablet, 600_000)
    draw(station, tablet, lease, 100_000)
    end = SubLeaseEnd("s-1", 100_000)
    assert not bring(station, tablet, OperationKind.SUBLEASE_END, end).code
    assert left_of_station(station) == 900_000
    after = draw(station, tablet, lease, 100_000, draw_id="d-2")
    assert "has ended" in after.detail
    acts = [(one["act"], one["drawn_minor"]) for one in records(station, "sub_lease")]
    assert acts == [("granted", 0), ("ended", 100_000)]
    again = along(station, tablet, 900_000, "s-2")
    assert again.serial == 2


def test_the_same_ask_gives_the_same_and_another_under_its_id_is_refused(station, tablet):
    first = along(station, tablet, 600_000)
    station.at_ms += 1_000
    assert along(station, tablet, 600_000) == first
    with pytest.raises(ChangedRequestError):
        along(station, tablet, 500_000)
    assert len(records(station, "sub_lease")) == 1


def test_a_sub_lease_ends_before_the_lease_and_the_tablets_own(station, tablet):
    lease = along(station, tablet, 100_000)
    assert lease.expires_at_ms == min(
        station.at_ms + 14 * MS_PER_DAY, who(station, tablet).lease_until_ms
    )
    station.at_ms += 55 * MS_PER_DAY
    other = enrolled(station, 10)
    short = along(station, other, 100_000, "s-2")
    assert short.expires_at_ms < leases.lease_of(station.db, "le-1").expires_at_ms


def test_a_lease_that_is_asked_back_waits_for_its_tablet(station, tablet):
    lease = along(station, tablet, 600_000)
    station.centre.say(Down.RECALL, Recall("le-1"), station.at_ms)
    station.take_down()
    with station.db.atomic():
        recall_closing(station.db)
    assert subleases.find(station.db, "s-1").recalled
    assert close_given_back(station.db, station.desk, station.clock) == ()
    with pytest.raises(SubLeaseRefusedError, match="given back"):
        along(station, enrolled(station, 10), 50_000, "s-2")
    assert not draw(station, tablet, lease, 200_000).code  # out before it was asked back
    bring(station, tablet, OperationKind.SUBLEASE_END, SubLeaseEnd("s-1", 200_000))
    (closed,) = close_given_back(station.db, station.desk, station.clock)
    assert closed.posted_minor == 200_000


def test_a_time_that_no_calendar_has_is_named_and_stops_no_chain(station, tablet):
    lease = along(station, tablet, 600_000)
    body = encode(paid(lease, 50_000, station.at_ms))
    for n, at_ms in enumerate((SAFE_INTEGER_MAX, -SAFE_INTEGER_MAX, AT_MS_MAX), 1):
        kept = bring(station, tablet, OperationKind.DRAW, {**body, "at_ms": at_ms})
        assert (kept.seq, bool(kept.code)) == (n, True)
    assert not draw(station, tablet, lease, 50_000).code


def test_what_another_box_may_have_booked_is_asked_back(station, tablet):
    lease = along(station, tablet, 600_000)
    with station.db.atomic():
        box.hold(station.db, ["le-1"])
        recall_closing(station.db)
    assert subleases.find(station.db, "s-1").recalled
    assert "another box" in draw(station, tablet, lease, 200_000).detail
    given = bring(station, tablet, OperationKind.SUBLEASE_END, SubLeaseEnd("s-1", 200_000))
    assert not given.code
    assert rooms(station.db, lines.line(station.db, LINE), station.clock) == ()  # as if drawn


def test_what_a_lost_tablet_held_is_used_again_only_after_its_end_and_grace(station, tablet):
    lease = along(station, tablet, 600_000)
    draw(station, tablet, lease, 100_000)
    door_of(station).revoke(tablet.tablet_id, "lost on the bus")
    desk = station.desk
    for at_ms, released in ((lease.expires_at_ms, 0), (lease.expires_at_ms + GRACE_MS + 1_000, 1)):
        station.at_ms = at_ms
        over, _ = release_lost(station.db, desk, tablet.tablet_id, "lost on the bus", station.clock)
        assert len(over) == released
    assert left_of_station(station) == 900_000
    *_, last = records(station, "sub_lease")
    assert (last["act"], last["drawn_minor"]) == ("lost", 100_000)
    late = paid(lease, 100_000, lease.signed_at_ms + 5, "d-9")
    assert "has ended" in bring(station, tablet, OperationKind.DRAW, late).detail


def test_the_database_itself_refuses_what_would_over_draw(station, tablet):
    lease = along(station, tablet, 600_000)
    made = replace(station.draw(LINE, 50_000).drawdown, draw_id="d-5", amount_minor=400_000)
    for wrong in (
        made,  # 50,000 + 600,000 held + 400,000
        replace(made, amount_minor=650_000, sublease_id="s-1"),
        replace(made, amount_minor=50_000, sublease_id="s-0"),
    ):
        with pytest.raises(sqlite3.IntegrityError, match="never"), station.db.atomic():
            leases.keep_draw(station.db, wrong, 1)
    big = replace(lease, sublease_id="s-2", serial=2, amount_minor=400_000)
    with pytest.raises(sqlite3.IntegrityError, match="never sub-leased"), station.db.atomic():
        subleases.keep(station.db, big, {"body": {}})
    with pytest.raises(sqlite3.IntegrityError, match="tablet holds"), station.db.atomic():
        leases.mark_closed(station.db, "le-1")
    with station.db.atomic():
        subleases.end(station.db, "s-1", SubLeaseAct.ENDED)
    with pytest.raises(sqlite3.IntegrityError, match="never reopened"), station.db.atomic():
        station.db.execute("UPDATE subleases SET ended = ''")


def test_a_line_opened_here_is_paid_out_of_the_leave_it_was_opened_under(tmp_path):
    station = Station(tmp_path)
    station.populate()
    tablet, line_id = enrolled(station), ""
    try:
        line_id = station.opened_line(2)
        line = lines.line(station.db, line_id)
        assert most_minor(station.db, station.desk, who(station, tablet), line, station.clock) == (
            800_000
        )
        ask = TakeAlong("s-1", line_id, 300_000)
        lease = grant(station.db, station.desk, who(station, tablet), ask, station.clock).lease
        assert not draw(station, tablet, lease, 300_000).code
        assert station.draw(line_id, 500_000).drawdown.state is DrawState.POSTED
        assert isinstance(station.begin(line_id, 50_000), Reason)
    finally:
        station.close()


def test_a_tablet_holds_a_bounded_number(station, tablet):
    first = along(station, tablet, 50_000, "s-0")
    with station.db.atomic():
        for number in range(1, OPEN_MAX):
            made = replace(first, sublease_id=f"s-{number}", serial=number + 1, amount_minor=1)
            subleases.keep(station.db, made, {"body": encode(made)})
    with pytest.raises(SubLeaseRefusedError, match="at most 40"):
        along(station, tablet, 50_000, "s-77")


def boxed(station: Station, agent: str) -> FieldTablet:
    made = FieldTablet("tab-7", 7)
    code, _ = door_of(station).invite("tab-7", (agent, agent.title()), (), 14)
    door_of(station).enrol(code, made.public_key)
    return made


def test_what_is_taken_along_is_the_agents_own_cash_and_counted_when_it_came_back(station):
    staff(station)
    opened_desk(station, 300_000)
    tablet = boxed(station, "akinyi")
    with pytest.raises(SubLeaseRefusedError, match="at most KES 3,000"):
        along(station, tablet, 350_000)
    lease = along(station, tablet, 200_000)
    assert lease.paid_by == "akinyi"
    short = station.begin(LINE, 150_000)  # the same notes are not promised twice
    assert isinstance(short, Reason)
    assert short.code is ReasonCode.DRAW_CASH_SHORT
    draw(station, tablet, lease, 150_000)
    with pytest.raises(CashRefusedError, match="expected no draw that waits"):
        counted(station, "akinyi", CountKind.DAY, 150_000)
    bring(station, tablet, OperationKind.SUBLEASE_END, SubLeaseEnd("s-1", 150_000))
    assert counted(station, "akinyi", CountKind.CLOSE, 150_000).count.difference_minor == 0
    (told,) = records(station, "drawdown")
    assert told["paid_by"] == "akinyi"


def test_an_agent_without_a_box_takes_nothing_along_where_there_are_boxes(station, tablet):
    staff(station)
    with pytest.raises(SubLeaseRefusedError, match="has none here"):
        along(station, tablet, 50_000)


def test_the_counter_tells_what_is_held_and_wanted_back(station, tablet):
    along(station, tablet, 600_000)
    station.centre.say(Down.RECALL, Recall("le-1"), station.at_ms)
    station.take_down()
    (told,) = payouts.held(station.db, station.desk, who(station, tablet))["held"]
    assert (told["recalled"], told["document"]["body"]["amount_minor"]) == (True, 600_000)
    asked = {"line_id": LINE}
    room = payouts.room(station.db, station.desk, who(station, tablet), asked, station.clock)
    assert (room["most_minor"], room["code"]) == (0, "draw_lease_closed")
    wrong = asked | {"sublease_id": "s-2", "amount_minor": True}
    with pytest.raises(ShapeError, match="whole number"):
        payouts.take_along(station.db, station.desk, who(station, tablet), wrong, station.clock)


def test_a_tablet_whose_own_lease_ran_out_still_hands_in_what_it_paid_out(station, tablet):
    along(station, tablet, 600_000)
    station.at_ms = who(station, tablet).lease_until_ms + MS_PER_DAY
    with pytest.raises(TabletRefusedError, match="has run out"):
        door_of(station).admit(tablet.tablet_id)
    assert door_of(station).admit(tablet.tablet_id, hands_in=True).tablet_id == tablet.tablet_id
    door_of(station).revoke(tablet.tablet_id, "stolen")
    with pytest.raises(TabletRefusedError, match="turned out"):
        door_of(station).admit(tablet.tablet_id, hands_in=True)
