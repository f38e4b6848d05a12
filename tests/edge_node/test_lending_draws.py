"""Drawdowns inside leases: never over-drawn, refused by reason, settled once."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.decision.quote import Quote
from core.errors import LeaseError
from core.lending.lease import DrawState
from core.lending.limit import Movement
from core.reasons import Reason, ReasonCode
from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.records import Down
from edge_node.decide.closing import RENEWAL_MS, close_given_back, give_back_expiring
from edge_node.decide.debt import debt
from edge_node.decide.draws import (
    PENDING_MS_MAX,
    DrawAsk,
    Receipt,
    begin,
    confirm_payout,
    give_up_abandoned,
    quote_draw,
    quote_sha256,
    recover,
    void,
)
from edge_node.decide.room import rooms, uncounted_draws
from edge_node.faces.kiosk.standing import standing_of
from edge_node.store import leases, lines, logs, village
from edge_node.store.database import open_database
from edge_node.store.decisions import ChangedRequestError
from tests.support.lending_station import (
    Station,
    consent,
    freeze,
    lease,
    status,
)


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


@pytest.fixture
def leased(station):
    """A line with limit KES 20,000 and one lease of KES 10,000."""
    tell(station, status("line-1", 2_000_000, Movement.OPENED))
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    station.take_down()
    return station


def tell(station, *told):
    for one in told:
        station.centre.say(Down.LINE, one, station.at_ms)


def refusal(station, line_id="line-1", amount=100_000):
    begun = station.begin(line_id, amount)
    return begun.code if isinstance(begun, Reason) else None


def draw_records(station):
    rows = logs.read_run(station.db, LogClass.MONEY, 0, 1000, 10**7)
    return [(r.body["draw_id"], r.body["state"]) for r in rows if r.kind == "drawdown"]


def drawable(station, line_id="line-1"):
    line = lines.line(station.db, line_id)
    return max((room.drawable_minor for room in rooms(station.db, line, station.clock)), default=0)


def test_a_draw_goes_pending_then_posted_and_each_is_in_the_log(leased):
    begun = leased.begin("line-1", 300_000)
    assert draw_records(leased) == [(begun.drawdown.draw_id, "pending")]
    receipt = confirm_payout(leased.db, leased.desk, begun.drawdown.draw_id, leased.clock)
    assert receipt.drawdown.state is DrawState.POSTED
    assert draw_records(leased)[1:] == [(begun.drawdown.draw_id, "posted")]
    assert drawable(leased) == 700_000


def test_the_same_draw_again_changes_nothing(leased):
    first = leased.begin("line-1", 300_000, "d-1")
    again = leased.begin("line-1", 300_000, "d-1")
    assert again.drawdown == first.drawdown
    confirm_payout(leased.db, leased.desk, "d-1", leased.clock)
    before = draw_records(leased)
    assert confirm_payout(leased.db, leased.desk, "d-1", leased.clock).drawdown.state.value == (
        "posted"
    )
    assert draw_records(leased) == before


def test_a_draw_id_with_another_amount_is_refused(leased):
    leased.begin("line-1", 300_000, "d-1")
    with pytest.raises(ChangedRequestError):
        leased.begin("line-1", 350_000, "d-1")


def test_a_voided_draw_gives_its_amount_back(leased):
    begun = leased.begin("line-1", 1_000_000)
    assert drawable(leased) == 0
    void(leased.db, leased.desk, begun.drawdown.draw_id, leased.clock)
    assert drawable(leased) == 1_000_000


def test_a_settled_draw_stays_settled(leased):
    begun = leased.begin("line-1", 100_000)
    void(leased.db, leased.desk, begun.drawdown.draw_id, leased.clock)
    with pytest.raises(LeaseError):
        confirm_payout(leased.db, leased.desk, begun.drawdown.draw_id, leased.clock)
    with pytest.raises(sqlite3.IntegrityError, match="settled once"):
        leased.db.execute("UPDATE draws SET state = 'posted'")


REFUSALS = """
amount below a step          | draw_amount_invalid | 10_000
more than the lease          | draw_above_lease    | 1_050_000
frozen                       | draw_frozen         | 100_000
clock set back a year        | draw_clock_unknown  | 100_000
clock of unknown error       | draw_clock_unknown  | 100_000
lease expired                | draw_lease_expired  | 100_000
lease given back             | draw_lease_closed   | 100_000
no lease                     | draw_no_lease       | 100_000
season over                  | draw_season_over    | 100_000
price above the cap          | draw_price_above_cap | 100_000
consent to another price     | draw_consent_missing| 100_000
"""


def _prepare(station, case):
    if case == "frozen":
        station.centre.say(Down.FREEZE, freeze("line-1", frozen=True), station.at_ms)
        station.take_down()
    elif case == "clock set back a year":
        assert station.clock.known
        station.at_ms -= 365 * MS_PER_DAY
    elif case == "clock of unknown error":
        station.error_ms = 3 * MS_PER_DAY
    elif case == "lease expired":
        station.at_ms += 61 * MS_PER_DAY
    elif case == "lease given back":
        tell(station, status("line-1", 900_000, Movement.CUT))
        station.take_down()
    elif case == "no lease":
        tell(station, status("line-2", 2_000_000, Movement.OPENED, subject_ids=()))
        station.take_down()
    elif case in ("season over", "price above the cap"):
        # 15 September is the due day; a fee of 1.5 % over a few days is a yearly fortune.
        station.at_ms += (166 if case == "season over" else 150) * MS_PER_DAY
        expires = station.at_ms + 60 * MS_PER_DAY
        station.centre.say_lease(
            lease("le-2", "line-1", 500_000, signed_at_ms=station.at_ms, expires_at_ms=expires)
        )
        station.take_down()


@pytest.mark.parametrize("row", [row for row in REFUSALS.split("\n") if row])
def test_a_draw_is_refused_by_reason(leased, row):
    case, code, amount = (cell.strip() for cell in row.split("|"))
    _prepare(leased, case)
    line_id = "line-2" if case == "no lease" else "line-1"
    if case == "consent to another price":
        ask = DrawAsk("d", "line-1", int(amount), consent("c", "f-1", "0" * 64, ("drawdown",)))
        begun = begin(leased.db, leased.desk, ask, leased.clock)
        assert isinstance(begun, Reason)
        assert begun.code.value == code
    else:
        assert refusal(leased, line_id, int(amount)) is ReasonCode(code)
    assert draw_records(leased) == []


def test_another_farmers_consent_does_not_count(leased):
    price = quote_draw(leased.db, leased.desk, "line-1", 100_000, leased.clock)
    assert isinstance(price, Quote)
    given_by_other = consent("c", "f-2", quote_sha256(price), ("drawdown",))
    ask = DrawAsk("d", "line-1", 100_000, given_by_other)
    assert begin(leased.db, leased.desk, ask, leased.clock) == Reason(
        ReasonCode.DRAW_CONSENT_MISSING
    )


def test_a_freeze_that_is_lifted_lets_draws_go_on(leased):
    for frozen, expected in ((True, ReasonCode.DRAW_FROZEN), (False, None)):
        leased.centre.say(Down.FREEZE, freeze("line-1", frozen=frozen), leased.at_ms)
        leased.take_down()
        assert refusal(leased) is expected


def test_a_draw_is_taken_from_the_largest_lease_and_never_split(leased):
    leased.centre.say_lease(lease("le-2", "line-1", 600_000))
    leased.take_down()
    assert leased.draw("line-1", 700_000).drawdown.lease_id == "le-1"
    assert leased.draw("line-1", 300_000).drawdown.lease_id == "le-2"
    # 300,000 is left under each: no lease alone carries 350,000.
    assert refusal(leased, amount=350_000) is ReasonCode.DRAW_ABOVE_LEASE


def test_a_cut_gives_the_lease_back_at_once(leased):
    leased.draw("line-1", 300_000)
    tell(leased, status("line-1", 1_200_000, Movement.CUT))
    leased.take_down()
    assert leases.book(leased.db, "le-1").closed
    closed = logs.read_run(leased.db, LogClass.MONEY, 0, 99, 10**7)[-1]
    assert (closed.kind, closed.body["posted_minor"]) == ("lease_closed", 300_000)


def test_a_cut_waits_for_a_pending_draw_and_lets_no_other_begin(leased):
    begun = leased.begin("line-1", 300_000)
    tell(leased, status("line-1", 1_200_000, Movement.CUT))
    leased.take_down()
    assert not leases.book(leased.db, "le-1").closed
    assert refusal(leased) is ReasonCode.DRAW_LEASE_CLOSED
    confirm_payout(leased.db, leased.desk, begun.drawdown.draw_id, leased.clock)
    [closed] = close_given_back(leased.db, leased.desk, leased.clock)
    assert (closed.lease_id, closed.posted_minor) == ("le-1", 300_000)


def test_the_same_cut_told_again_keeps_the_new_lease(leased):
    cut = status("line-1", 1_200_000, Movement.CUT)
    tell(leased, cut)
    leased.centre.say_lease(lease("le-2", "line-1", 800_000, limit_minor=1_200_000))
    tell(leased, cut)
    leased.take_down()
    assert leases.book(leased.db, "le-1").closed
    assert not leases.book(leased.db, "le-2").closed


def test_a_lease_near_its_end_is_given_back(leased):
    leased.at_ms += 60 * MS_PER_DAY - RENEWAL_MS - 2 * MS_PER_DAY
    give_back_expiring(leased.db, leased.clock)
    assert close_given_back(leased.db, leased.desk, leased.clock) == ()
    leased.at_ms += 2 * MS_PER_DAY
    give_back_expiring(leased.db, leased.clock)
    closed = {one.lease_id for one in close_given_back(leased.db, leased.desk, leased.clock)}
    assert closed == {"le-1", "on-1"}


def test_a_known_limit_binds_even_where_a_lease_would_carry_more(leased):
    leased.draw("line-1", 600_000)
    # The centre has counted that draw; the limit it tells leaves 100,000.
    held = status("line-1", 700_000, Movement.HELD, principal_minor=600_000, counted_seq=99)
    tell(leased, held)
    leased.take_down()
    assert refusal(leased, amount=150_000) is ReasonCode.DRAW_ABOVE_LEASE
    assert refusal(leased, amount=100_000) is None


def test_an_opened_line_draws_no_more_than_it_was_opened_with(station):
    kept = station.apply(1, 500_000)
    assert drawable(station, kept.line_id) == 500_000  # the lease would carry 800,000
    station.draw(kept.line_id, 500_000)
    assert refusal(station, kept.line_id) is ReasonCode.DRAW_ABOVE_LEASE


def test_the_store_itself_refuses_to_over_draw_a_lease(leased):
    leased.draw("line-1", 900_000)
    with pytest.raises(sqlite3.IntegrityError, match=r"never (over-drawn|drawn by another)"):
        leased.db.execute(
            "INSERT INTO draws (draw_id, lease_id, line_id, state, amount_minor, fee_minor, "
            "currency, consent_id, apr_ppm, effective_on, began_at_ms) VALUES "
            "('x', 'le-1', 'line-1', 'pending', 100001, 0, 'KES', 'c', 0, '2026-04-02', 1)"
        )


def test_what_is_owed_counts_each_draw_once(leased):
    leased.draw("line-1", 300_000)
    product = village.product(leased.db, "crop-season")
    today = leased.desk.today(leased.clock)

    def principal():
        line = lines.line(leased.db, "line-1")
        return debt(line, uncounted_draws(leased.db, line), product, today).owed.principal_minor

    assert principal() == 300_000
    last = logs.tail(leased.db, LogClass.MONEY).seq
    told = status("line-1", 2_000_000, Movement.HELD, principal_minor=300_000, counted_seq=last)
    tell(leased, told)
    leased.take_down()
    assert principal() == 300_000
    leased.draw("line-1", 100_000)
    assert principal() == 400_000


def test_interest_runs_from_the_day_of_the_draw(leased):
    leased.draw("line-1", 350_000)
    leased.at_ms += 73 * MS_PER_DAY
    [line] = standing_of(leased.db, leased.desk, "f-1", leased.clock).lines
    assert line.owed.interest_minor == 9_800  # 350,000 × 14 % × 73/365
    assert line.owed.fee_minor == 5_250  # 1.5 %


def test_recovery_voids_what_was_not_confirmed_and_posts_what_was(leased):
    unconfirmed = leased.begin("line-1", 100_000).drawdown.draw_id
    confirmed = leased.begin("line-1", 200_000).drawdown.draw_id
    with leased.db.atomic():
        leases.mark_paid_out(leased.db, confirmed, leased.at_ms)
    states = {d.draw_id: d.state for d in recover(leased.db, leased.desk, leased.clock)}
    assert states == {unconfirmed: DrawState.VOIDED, confirmed: DrawState.POSTED}
    assert recover(leased.db, leased.desk, leased.clock) == ()


def test_a_draw_that_nobody_confirms_is_given_up(leased):
    leased.begin("line-1", 100_000)
    leased.at_ms += PENDING_MS_MAX
    assert give_up_abandoned(leased.db, leased.desk, leased.clock) == ()
    leased.at_ms += 1
    [given_up] = give_up_abandoned(leased.db, leased.desk, leased.clock)
    assert given_up.state is DrawState.VOIDED


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "post", "void", "lease", "cut", "raise", "freeze", "thaw"]),
        st.integers(1, 20),
    ),
    max_size=25,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_no_course_of_events_over_draws_a_lease(tmp_path_factory, steps):
    station = Station(tmp_path_factory.mktemp("course"))
    station.populate(1)
    limit = 2_000_000
    tell(station, status("line-1", limit, Movement.OPENED))
    station.centre.say_lease(lease("le-0", "line-1", 1_000_000))
    station.take_down()
    for number, (act, size) in enumerate(steps, start=1):
        pending = leases.pending_draws(station.db)
        if act == "begin":
            station.begin("line-1", size * 50_000)
        elif act in ("post", "void") and pending:
            settle = confirm_payout if act == "post" else void
            settle(station.db, station.desk, pending[0].drawdown.draw_id, station.clock)
        elif act == "lease":
            station.centre.say_lease(lease(f"le-{number}", "line-1", size * 50_000))
            station.take_down()
        elif act in ("cut", "raise"):
            limit = size * 100_000
            movement = Movement.CUT if act == "cut" else Movement.RAISED
            tell(station, status("line-1", limit, movement))
            station.take_down()
        elif act in ("freeze", "thaw"):
            frozen = act == "freeze"
            station.centre.say(Down.FREEZE, freeze("line-1", frozen=frozen), station.at_ms)
            station.take_down()
        for book in leases.books_of_line(station.db, "line-1"):
            assert 0 <= book.used_minor <= book.lease.amount_minor
        assert logs.head_at(station.db, LogClass.MONEY, 0)
    station.close()


def test_a_receipt_tells_the_price_that_was_agreed(leased):
    begun = leased.begin("line-1", 500_000)
    assert isinstance(begun, Receipt)
    assert begun.price.fee_minor == 7_500
    assert begun.drawdown.apr_ppm == begun.price.apr_ppm


def test_a_payout_that_is_confirmed_meanwhile_is_not_given_up(leased):
    """The pages confirm on one connection while the sync gives up what is old on another."""
    begun = leased.begin("line-1", 300_000)
    draw_id, clock = begun.drawdown.draw_id, leased.clock
    pages = open_database(leased.settings.database_path, any_thread=True)
    pages.execute("BEGIN IMMEDIATE")
    leases.mark_paid_out(pages, draw_id, clock.at_ms)
    committing = threading.Timer(0.3, pages.conn.commit)
    committing.start()
    with pytest.raises(LeaseError, match="the payout was confirmed"):
        void(leased.db, leased.desk, draw_id, clock)
    committing.join()
    pages.close()
    posted = confirm_payout(leased.db, leased.desk, draw_id, clock)
    assert posted.drawdown.state is DrawState.POSTED
