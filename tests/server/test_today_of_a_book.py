"""The first page of a wide book: counted by the database, as one by one, and only in one's part."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import event, select

from core.lending.cashbox import Move, MoveKind, box_of
from core.units import MS_PER_DAY
from server.console.views.station import read_stations
from server.console.views.today import read_today
from server.services.access import reading
from server.services.cash_people import held
from server.services.centre import Centre
from server.services.orders.fulfilment import flags_of_line
from server.services.review_queue.waiting import Kind, count_waiting, waiting
from server.services.sales_questions import trade_flags
from server.store import application_pages, cash, leases, lines, reports
from server.store.cash_tables import cash_moves
from server.store.scoping import Scope
from server.store.tables import evidence as looks
from server.store.tables import farmers
from tests.support.limit_book import NOW_MS
from tests.support.wide_book import HARVESTED_ON, wide_centre
from tests.support.wide_desk import add_desk

LINES = 240
QUESTIONS_MAX = 130  # of Today, however large the book
TODAY = date(2026, 5, 20)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    folder = tmp_path_factory.mktemp("desk")
    found = wide_centre(folder, f"sqlite:///{folder / 'centre.sqlite'}", LINES)
    add_desk(found.store, trail_lines=50)
    yield found
    found.store.close()


def test_the_first_page_asks_few_questions_and_finds_something_of_each_kind(centre: Centre):
    asked: list[str] = []

    def count(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(centre.store.engine, "before_cursor_execute", count)
    with centre.store.reading() as tx:
        shown = read_today(centre.work(tx, NOW_MS), whole=True)
    event.remove(centre.store.engine, "before_cursor_execute", count)
    found = {need.key: need.count for need in shown.needs}
    kinds = ("raises", "applications", "appeals", "versions", "stale", "held", "leases", "flags",
             "payouts", "cash", "set_aside")  # fmt: skip
    assert [kind for kind in kinds if not found.get(kind)] == []
    assert len(asked) < QUESTIONS_MAX


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_counted_is_what_is_listed(centre: Centre, kind: Kind):
    with centre.store.reading() as tx:
        work = centre.work(tx, NOW_MS)
        listed, counted = waiting(work, kind), count_waiting(work, kind)
    assert counted.count == len(listed)
    assert counted.oldest_ms == min((each.at_ms for each in listed), default=None)


def bring_in(centre: Centre) -> None:
    """A harvest of a line that owes its seed is seen brought in, six weeks ago."""
    with centre.store.reading() as tx:
        found = (line for line in lines.every(tx) if line.product_id == "input-voucher")
        line = next(line for line in found if leases.draws_of_line(tx, line.line_id))
        look = tx.find_row(looks, "-as_of", subject_id=line.subject_ids[0])
    assert look is not None
    brought = {"evidence_id": "ev-brought", "stage": "harvested", "yield_p10": 2_000,
               "received_at_ms": NOW_MS, "stage_observed_on": HARVESTED_ON.isoformat()}  # fmt: skip
    row = {name: value for name, value in look.items() if name != "tenant_id"} | brought
    centre.store.write(lambda tx: tx.insert(looks, **row))


def test_the_questions_about_sales_are_those_of_every_line_by_itself(centre: Centre):
    bring_in(centre)
    with centre.store.reading() as tx:
        alone = [each for line in lines.every(tx) for each in flags_of_line(tx, line, TODAY)]
        assert trade_flags(tx, NOW_MS) == tuple(alone)
    assert alone


def test_what_is_out_at_a_station_is_the_sum_of_its_leases(centre: Centre):
    with centre.store.reading() as tx:
        [row] = [each for each in read_stations(tx, NOW_MS).rows if each.leases]
        signed = [one for one in leases.every(tx) if one.closed_at_ms is None]
        unspent = sum(leases.book(tx, one).unspent_minor for one in signed)
    assert sum(out.unspent_minor for out in row.leases) == unspent
    assert sum(out.count for out in row.leases) == len(signed)


def test_a_box_from_few_sums_is_the_box_from_all_its_moves(centre: Centre):
    """Old counts, old cash, a difference on the first day that still counts, a move to come."""
    told = ((40, "count", -30), (31, "handover", 500), (30, "count", 7), (29, "count", -9),
            (3, "repayment", 80), (0, "payout", -60), (-2, "payout", -5))  # fmt: skip
    for n, (days_ago, kind, amount) in enumerate(told):
        on = date.fromordinal(TODAY.toordinal() - days_ago).isoformat()
        move = {"move_id": f"odd-{n}", "person_id": "agent-st-00000", "kind": kind,
                "other_id": "", "station": "st-00000", "shift_id": "", "line_id": "",
                "amount_minor": amount, "currency": "KES", "effective_on": on, "body": "{}",
                "flag": "odd" if n == 1 else "", "at_ms": NOW_MS - days_ago * MS_PER_DAY,
                "recorded_at_ms": NOW_MS}  # fmt: skip
        centre.store.write(lambda tx, row=move: tx.insert(cash_moves, **row))
    with centre.store.reading() as tx:
        [one] = [each for each in held(tx, TODAY) if each.person.person_id == "agent-st-00000"]
        kept = cash.moves_of(tx, "agent-st-00000")
    moves = [Move(m.kind, date.fromisoformat(m.effective_on), m.amount_minor) for m in kept]
    assert one.box == box_of(moves, TODAY)
    assert one.box.differences == 1
    assert one.flags_count == 1
    assert one.last_heard_on == kept[-1].effective_on
    assert {m.kind for m in kept} == set(MoveKind)


def test_applications_turn_page_by_page_through_all_of_them(centre: Centre):
    with centre.store.reading() as tx:
        every = {one.application.application_id for one in reports.every_application(tx)}
        seen: list[str] = []
        page, before = application_pages.newest_applications(tx, 100), None
        while page:
            seen += [one.application.application_id for one in page]
            before = (page[-1].at_ms, page[-1].application.application_id)
            page = application_pages.newest_applications(tx, 100, "", before)
        approved = application_pages.newest_applications(tx, 1_000, "approve")
        assert application_pages.verdict_counts(tx) == {"approve": len(approved)}
    assert sorted(seen) == sorted(every)


def test_who_sees_one_village_is_told_of_nothing_elsewhere(centre: Centre):
    """All of the first page, for a part of the book in which nobody lives, and for one village."""
    with centre.store.reading() as tx:
        assert tx.rows(select(farmers.c.farmer_id), 1)
    with reading(centre, Scope("olive", villages=frozenset({"site-none"}))) as tx:
        assert read_today(centre.work(tx, NOW_MS), whole=False).needs == ()
        assert trade_flags(tx, NOW_MS) == ()
        assert application_pages.verdict_counts(tx) == {}
    with reading(centre, Scope("olive", villages=frozenset({"site-00000"}))) as tx:
        shown = read_today(centre.work(tx, NOW_MS), whole=False)
    found = {need.key: need.count for need in shown.needs}
    assert found["flags"] > 0
    assert found["raises"] > 0
