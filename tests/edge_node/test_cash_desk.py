"""The cash desk of a station without a link: boxes, turns, limits, signatures, records."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.lending.cashbox import CountKind, DifferenceReason
from core.reasons import Reason, ReasonCode
from core.shape import decode
from core.signing import key_id_of
from core.units import MS_PER_DAY
from core.wire import cash as wire
from core.wire.envelope import LogClass
from core.wire.records import Down, Drawdown
from edge_node.decide.cash import CashRefusedError, Counted, Given, count, hand_over, take_repayment
from edge_node.decide.debt import debt, priced
from edge_node.decide.desk import ClockUnknownError
from edge_node.decide.draws import confirm_payout, recover, void
from edge_node.decide.room import uncounted_draws, uncounted_repayments
from edge_node.keys import KeyRing
from edge_node.store import cash, lines, logs, village
from edge_node.store.decisions import ChangedRequestError
from edge_node.sync import returned_cash
from tests.support.cash_desk import (
    PAY_DAY_MAX,
    cash_person,
    counted,
    given,
    holder,
    opened_desk,
    pieces,
    staff,
)
from tests.support.lending_station import APRIL_1, Station

SHORT = DifferenceReason.UNEXPLAINED


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    staff(station)
    yield station
    station.close()


def in_box(station: Station, person_id: str = "akinyi") -> int:
    return cash.box(station.db, person_id, station.desk.today(station.clock)).expected_minor


def records(station: Station, kind: str):
    run = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10_000_000)
    return [record for record in run if record.kind == kind]


def owed(station: Station, line_id: str) -> int:
    line = lines.line(station.db, line_id)
    product = priced(line, village.product(station.db, line.product_id))
    drawn, paid = uncounted_draws(station.db, line), uncounted_repayments(station.db, line)
    today = station.desk.today(station.clock)
    return debt(line, drawn, product, today, paid).owed.total_minor


def repaid(station: Station, line_id: str, amount: int, name: str = "") -> None:
    paid = (name or station.mint(), line_id, amount)
    take_repayment(station.db, station.desk, holder(station, "akinyi"), paid, station.clock)


def test_a_day_at_the_desk_adds_up_and_every_record_is_signed_by_its_card(station):
    line_id = station.opened_line()
    opened_desk(station)
    station.draw(line_id, 400_000)
    before = owed(station, line_id)
    repaid(station, line_id, 150_000)
    given(station, "akinyi", "juma", 250_000)
    closed = counted(station, "akinyi", CountKind.CLOSE, 1_500_000)
    assert in_box(station) == 1_500_000 == closed.count.expected_minor
    assert owed(station, line_id) == before - 150_000
    assert cash.open_shift(station.db) is None
    [taken] = [decode(wire.CashRepayment, r.body) for r in records(station, "cash_repayment")]
    public = bytes.fromhex(cash_person("akinyi").public_key)
    by = (KeyRing([public]), key_id_of(public))
    wire.verify(wire.TAKEN, taken.taken, taken.signature, by)
    handed = [decode(wire.CashHandover, r.body) for r in records(station, "cash_handover")]
    wire.verify(wire.HANDOVER, handed[0].handover, handed[0].receiver_signature, by)
    [posted] = [
        draw for r in records(station, "drawdown")
        if (draw := decode(Drawdown, r.body)).state.value == "posted"
    ]  # fmt: skip
    assert posted.paid_by == "akinyi"


@pytest.mark.parametrize(
    ("float_minor", "asked", "code"),
    [
        (300_000, 350_000, ReasonCode.DRAW_CASH_SHORT),
        (300_000, 300_000, None),
        (3_000_000, 800_000, None),
    ],
)
def test_a_draw_above_the_box_is_refused_before_consent(station, float_minor, asked, code):
    line_id = station.opened_line()
    opened_desk(station, float_minor)
    begun = station.begin(line_id, asked)
    assert (begun.code if isinstance(begun, Reason) else None) is code
    if code is not None:
        assert begun.params == {"available": "KES 3,000.00"}
        assert records(station, "drawdown") == []


def test_a_closed_desk_pays_nobody_out_and_a_station_without_agents_pays_as_ever(tmp_path, station):
    line_id = station.opened_line()
    assert station.begin(line_id, 50_000) == Reason(ReasonCode.DRAW_NO_CASHIER)
    other = Station(tmp_path / "other")
    other.populate()
    drawn = other.draw(other.opened_line(), 50_000).drawdown
    assert (drawn.state.value, drawn.paid_by) == ("posted", None)
    other.close()


def test_no_more_is_paid_out_on_a_day_than_the_agent_may(station):
    opened_desk(station, 3_000_000)
    for number in (1, 2):
        station.draw(station.opened_line(number), 500_000)
    third = station.opened_line(3)
    assert PAY_DAY_MAX == 1_000_000
    assert station.begin(third, 50_000).code is ReasonCode.DRAW_CASH_SHORT
    station.at_ms += MS_PER_DAY
    station.draw(third, 50_000)


def test_what_is_promised_to_one_is_not_promised_to_another(station):
    first, second = station.opened_line(1), station.opened_line(2)
    opened_desk(station, 500_000)
    pending = station.begin(first, 300_000)
    assert station.begin(second, 300_000).code is ReasonCode.DRAW_CASH_SHORT
    with pytest.raises(CashRefusedError, match="no draw that waits"):
        counted(station, "akinyi", CountKind.CLOSE, 500_000)
    with pytest.raises(CashRefusedError, match=r"at most KES 2,000\.00"):
        given(station, "akinyi", "juma", 300_000)
    void(station.db, station.desk, pending.drawdown.draw_id, station.clock)
    station.draw(second, 300_000)
    assert in_box(station) == 200_000


def test_a_crash_after_the_payout_takes_the_cash_out_of_the_box_once(station):
    line_id = station.opened_line()
    opened_desk(station)
    begun = station.begin(line_id, 100_000)
    with station.db.atomic():
        station.db.execute(
            "UPDATE draws SET paid_out_at_ms = 1 WHERE draw_id = ?", [begun.drawdown.draw_id]
        )
    recover(station.db, station.desk, station.clock)
    confirm_payout(station.db, station.desk, begun.drawdown.draw_id, station.clock)
    assert in_box(station) == 1_900_000


def test_a_difference_needs_a_reason_and_is_booked_not_evened_out(station):
    opened_desk(station)
    with pytest.raises(CashRefusedError, match="a reason for a difference of -10000"):
        counted(station, "akinyi", CountKind.DAY, 1_990_000)
    counted(station, "akinyi", CountKind.DAY, 1_990_000, SHORT)
    counted(station, "akinyi", CountKind.DAY, 1_995_000, SHORT)
    box = cash.box(station.db, "akinyi", station.desk.today(station.clock))
    assert (box.expected_minor, box.short_minor, box.over_minor) == (1_995_000, 10_000, 5_000)


@pytest.mark.parametrize(
    ("hands", "amount", "wrong"),
    [
        (("akinyi", "akinyi"), 100, "two people with a card each"),
        (("juma", "rafiki"), 100, "one of the two has the desk"),
        (("juma", "akinyi"), 3_000_001, r"at most KES 50,000\.00 in the box of Akinyi"),
        (("akinyi", "rafiki"), 2_000_001, r"at most KES 20,000\.00 from the box of Akinyi"),
        (("juma", "akinyi"), 0, "a positive amount"),
        (("juma", "akinyi"), -5, "a positive amount"),
    ],
)
def test_a_handover_that_cannot_be(station, hands, amount, wrong):
    opened_desk(station)
    with pytest.raises(CashRefusedError, match=wrong):
        given(station, *hands, amount)
    assert in_box(station) == 2_000_000


def test_one_agent_has_the_desk_at_a_time(station):
    opened_desk(station)
    with pytest.raises(CashRefusedError, match="expected a closed desk, akinyi has it"):
        counted(station, "rafiki", CountKind.OPEN, 0)
    with pytest.raises(CashRefusedError, match="expected an agent with a box"):
        counted(station, "juma", CountKind.OPEN, 0)
    line_id = station.opened_line()
    with pytest.raises(CashRefusedError, match="expected that rafiki has the desk, akinyi has it"):
        take_repayment(
            station.db, station.desk, holder(station, "rafiki"), ("r1", line_id, 100),
            station.clock,
        )  # fmt: skip
    counted(station, "akinyi", CountKind.CLOSE, 2_000_000)
    counted(station, "rafiki", CountKind.OPEN, 0)


def test_nobody_chooses_the_day_of_a_repayment(station):
    line_id = station.opened_line()
    opened_desk(station)
    station.draw(line_id, 100_000)
    today = station.desk.today(station.clock)
    station.at_ms -= 400 * MS_PER_DAY  # set back, to save interest
    repaid(station, line_id, 10_000)
    [record] = records(station, "cash_repayment")
    assert record.body["taken"]["on"] == today.isoformat()
    with pytest.raises(ClockUnknownError):
        counted(station, "akinyi", CountKind.DAY, 1_910_000)


def test_the_same_form_twice_changes_nothing_and_other_content_is_refused(station):
    line_id = station.opened_line()
    opened_desk(station)
    for _ in range(2):
        repaid(station, line_id, 10_000, "r1")
    assert (in_box(station), len(records(station, "cash_repayment"))) == (2_010_000, 1)
    with pytest.raises(ChangedRequestError):
        repaid(station, line_id, 20_000, "r1")
    hands = (holder(station, "juma"), holder(station, "akinyi"))
    with pytest.raises(ChangedRequestError):
        hand_over(station.db, station.desk, hands, Given("r1", 10_000), station.clock)
    said = Counted("c1", CountKind.DAY, pieces(2_010_000))
    for _ in range(2):
        count(station.db, station.desk, holder(station, "akinyi"), said, station.clock)
    assert len(records(station, "cash_count")) == 2  # and the one that opened the desk


def test_a_person_who_was_stopped_or_is_of_another_station_holds_nothing_here(station):
    station.centre.say(Down.CASH_PERSON, cash_person("akinyi", active=False), APRIL_1)
    station.centre.say(Down.CASH_PERSON, cash_person("rafiki", station="elsewhere"), APRIL_1)
    station.take_down()
    assert [each.person_id for each in cash.people(station.db, "kijani")] == ["juma"]


def test_what_moved_a_box_is_never_altered(station):
    opened_desk(station)
    for statement in ("UPDATE cash_moves SET amount_minor = 0", "DELETE FROM cash_moves"):
        with pytest.raises(sqlite3.IntegrityError), station.db.atomic():
            station.db.execute(statement)


def test_a_restored_box_takes_back_all_that_moved(tmp_path, station):
    line_id = station.opened_line()
    opened_desk(station)
    repaid(station, line_id, 10_000)
    counted(station, "akinyi", CountKind.DAY, 2_000_000, SHORT)
    restored = Station(tmp_path / "restored")
    restored.populate()
    staff(restored)
    restored.at_ms = station.at_ms
    for _ in range(2):
        for record in logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10_000_000):
            with restored.db.atomic():
                returned_cash.apply(restored.db, record)
    assert in_box(restored) == in_box(station) == 2_000_000
    assert cash.open_shift(restored.db) == cash.open_shift(station.db)
    restored.close()


class Desk(RuleBasedStateMachine):
    """Any order of acts: the box is what went in less what went out, and never below nothing."""

    folder = None

    @initialize()
    def opens(self):
        type(self).number = getattr(type(self), "number", 0) + 1
        self.station = Station(self.folder / f"desk-{self.number}")
        self.station.populate()
        staff(self.station)
        self.line_id = self.station.opened_line()
        opened_desk(self.station, 0)
        self.held, self.is_open, self.lent = 0, True, 0

    @precondition(lambda self: self.is_open)
    @rule(amount=st.integers(1, 60_000).map(lambda n: n * 100))
    def is_given(self, amount):
        if self.held + amount > 5_000_000:
            with pytest.raises(CashRefusedError):
                given(self.station, "juma", "akinyi", amount)
            return
        given(self.station, "juma", "akinyi", amount)
        self.held += amount

    @precondition(lambda self: self.is_open)
    @rule(amount=st.integers(1, 60_000).map(lambda n: n * 100))
    def gives_back(self, amount):
        if amount > self.held:
            with pytest.raises(CashRefusedError):
                given(self.station, "akinyi", "juma", amount)
            return
        given(self.station, "akinyi", "juma", amount)
        self.held -= amount

    @precondition(lambda self: self.is_open)
    @rule(amount=st.integers(1, 3_000).map(lambda n: n * 100))
    def takes(self, amount):
        repaid(self.station, self.line_id, amount)
        self.held += amount

    @rule(steps=st.integers(1, 4))
    def pays_out(self, steps):
        begun = self.station.begin(self.line_id, steps * 50_000)
        if isinstance(begun, Reason):
            return
        assert self.is_open
        confirm_payout(
            self.station.db, self.station.desk, begun.drawdown.draw_id, self.station.clock
        )
        self.held -= steps * 50_000

    @precondition(lambda self: self.is_open)
    @rule(wrong=st.sampled_from([0, 0, -300, 500]), close=st.booleans())
    def counts(self, wrong, close):
        found = max(0, self.held + wrong)
        kind = CountKind.CLOSE if close else CountKind.DAY
        counted(self.station, "akinyi", kind, found, SHORT if found != self.held else None)
        self.held, self.is_open = found, not close

    @precondition(lambda self: not self.is_open)
    @rule()
    def opens_again(self):
        counted(self.station, "akinyi", CountKind.OPEN, self.held)
        self.is_open = True

    @rule()
    def sleeps(self):
        self.station.at_ms += MS_PER_DAY // 2

    @invariant()
    def adds_up(self):
        if hasattr(self, "station"):
            assert in_box(self.station) == self.held >= 0

    def teardown(self):
        if hasattr(self, "station"):
            self.station.close()


def test_any_order_of_acts_adds_up(tmp_path):
    Desk.folder = tmp_path
    case = Desk.TestCase
    case.settings = settings(
        max_examples=40, stateful_step_count=20, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    case("runTest").runTest()
