"""What is owed from dated facts: stories as tables, and what no order of arrival changes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import LedgerImbalanceError
from core.lending.account import Account, Amounts, account, split_by
from core.lending.accrual import DayCount, PrincipalChange, simple_interest
from core.lending.books import Books, Slot, posted_slots, postings, wanted_slots
from core.lending.facts import Fact, FactKind, reversal_of
from core.lending.ledger import Entry, EntryKind, check_entry
from core.lending.schedule import Due, plan
from core.lending.terms import (
    WATERFALL,
    InterestKind,
    Part,
    RepaymentTerms,
    ScheduleKind,
    ScheduleTerms,
)
from core.lending.turns import principal_turns
from tests.support.lives import ORDERS, lives
from tests.support.repayment import DRAWN_ON as DRAWN
from tests.support.repayment import DUE_ON as DUE
from tests.support.repayment import LATE, PLAIN, RBI, STORIES


def facts_of(story: str) -> list[tuple[date, Fact | None, list[int]]]:
    rows = []
    for number, line in enumerate(story.strip().splitlines()):
        event, _, owed = line.partition("|")
        day, kind, amount = event.split()
        on = date.fromisoformat(day)
        fact = None if kind == "look" else Fact(f"f{number}", FactKind(kind), on, int(amount))
        rows.append((on, fact, [int(each) for each in owed.split()]))
    return rows


def owed_of(found: Account) -> list[int]:
    return [*(found.owed.of(part) for part in Part), found.surplus_minor]


@pytest.mark.parametrize("name", STORIES)
def test_the_story(name: str) -> None:
    terms, story = STORIES[name]
    dues = plan(terms, 1_000_000, DRAWN)
    known: list[Fact] = []
    for on, fact, owed in facts_of(story):
        known += [fact] if fact else []
        assert owed_of(account(terms, known, on, dues)) == owed, (on, fact)


def test_a_prompt_payer_gets_the_reserve_banks_rebate() -> None:
    drawn = Fact("d", FactKind.DRAWDOWN, date(2024, 6, 1), 10_000_000)
    dues = plan(RBI, 10_000_000, drawn.on)
    assert [due.interest_minor for due in dues] == [581_096]
    paid = Fact("r", FactKind.REPAYMENT, RBI.due_on, 10_581_096)
    assert account(RBI, [drawn, paid], RBI.due_on, dues).rebate_minor == 249_041
    late = replace(paid, on=date(2025, 4, 1), amount_minor=10_583_014)
    after = account(RBI, [drawn, late], late.on, dues)
    assert (after.owed.total_minor, after.rebate_minor) == (0, 0)
    assert account(RBI, [drawn], RBI.due_on, dues).rebate_minor == 0


def test_days_past_due_count_from_the_oldest_unpaid_due_date() -> None:
    terms = replace(LATE, schedule=ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=1))
    dues = plan(terms, 600_000, DRAWN)
    drawn = Fact("d", FactKind.DRAWDOWN, DRAWN, 600_000)
    first = Fact("r", FactKind.REPAYMENT, dues[0].on, dues[0].total_minor)
    standing = account(terms, [drawn, first], date(2026, 6, 20), dues)
    assert standing.late_since == date(2026, 5, 15)
    assert standing.late_days == 36
    assert standing.late_minor == dues[1].total_minor + dues[2].total_minor
    ahead = replace(first, amount_minor=first.amount_minor + dues[1].total_minor)
    assert account(terms, [drawn, ahead], date(2026, 6, 14), dues).late_minor == 0


BOOKS = Books("line-1", "KES", "cash/centre")


class Ledger:
    """The entries that were written, in order, as the centre writes them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def square(self, found: Account, cause: str) -> list[Entry]:
        wanted = postings(posted_slots(self.entries), wanted_slots(BOOKS, found), cause)
        new = [
            check_entry(Entry(f"e{n}", p.kind, p.on.isoformat(), 1, p.cause_id, p.lines))
            for n, p in enumerate(wanted, len(self.entries))
        ]
        self.entries += new
        return new

    def slots(self) -> dict[str, Slot]:
        return posted_slots(self.entries)

    def balances(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in (line for entry in self.entries for line in entry.lines):
            found[line.account] = found.get(line.account, 0) + line.amount_minor
        return found


def test_a_late_fact_is_booked_by_reversal_and_replay_and_names_the_cause() -> None:
    drawn = Fact("d", FactKind.DRAWDOWN, DRAWN, 1_000_000)
    june = Fact("repayment/june", FactKind.REPAYMENT, date(2026, 6, 18), 300_000)
    july = Fact("repayment/july", FactKind.REPAYMENT, date(2026, 7, 18), 300_000)
    may = Fact("repayment/may", FactKind.REPAYMENT, date(2026, 5, 19), 400_000)  # arrives last
    books = Ledger()
    books.square(account(PLAIN, [drawn, june], june.on), "repayment/june")
    books.square(account(PLAIN, [drawn, june, july], july.on), "repayment/july")
    written = books.square(account(PLAIN, [may, drawn, june, july], july.on), "repayment/may")
    assert [(e.kind.value, e.effective_on, e.cause_id) for e in written] == [
        ("reversal", "2026-07-18", "repayment/may/undoes/repayment/july"),
        ("reversal", "2026-07-18", "repayment/may/undoes/interest/2026-07-18"),
        ("reversal", "2026-06-18", "repayment/may/undoes/repayment/june"),
        ("reversal", "2026-06-18", "repayment/may/undoes/interest/2026-06-18"),
        ("interest", "2026-05-19", "repayment/may/posts/interest/2026-05-19"),
        ("repayment", "2026-05-19", "repayment/may"),
        ("interest", "2026-06-18", "repayment/may/replays/interest/2026-06-18"),
        ("repayment", "2026-06-18", "repayment/may/replays/repayment/june"),
        ("interest", "2026-07-18", "repayment/may/replays/interest/2026-07-18"),
        ("repayment", "2026-07-18", "repayment/may/replays/repayment/july"),
    ]
    interest = [e.lines[0].amount_minor for e in written if e.kind is EntryKind.INTEREST]
    assert interest == [23_014, 7_169, 3_799]
    assert sum(books.balances().values()) == 0
    assert books.square(account(PLAIN, [july, june, may, drawn], july.on), "again") == []


def test_a_reversed_repayment_is_as_if_it_had_never_been() -> None:
    drawn = Fact("d", FactKind.DRAWDOWN, DRAWN, 1_000_000)
    bounced = Fact("r", FactKind.REPAYMENT, date(2026, 5, 19), 400_000)
    undone = reversal_of(bounced, "x")
    without = account(PLAIN, [drawn], DUE)
    assert account(PLAIN, [undone, bounced, drawn], DUE) == without
    books = Ledger()
    books.square(account(PLAIN, [drawn, replace(bounced, fact_id="repayment/r")], DUE), "r")
    assert books.square(without, "x") != []
    assert set(books.balances().values()) == {0}


def test_a_fact_counts_once_and_never_with_other_content() -> None:
    drawn = Fact("d", FactKind.DRAWDOWN, DRAWN, 1_000_000)
    assert account(PLAIN, [drawn, drawn], DUE) == account(PLAIN, [drawn], DUE)
    with pytest.raises(LedgerImbalanceError, match="fact d exists with other content"):
        account(PLAIN, [drawn, replace(drawn, amount_minor=5)], DUE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": FactKind.REPAYMENT, "amount_minor": 0},
        {"kind": FactKind.DRAWDOWN, "amount_minor": -5},
        {"kind": FactKind.REVERSAL, "amount_minor": 0},
        {"kind": FactKind.REVERSAL, "amount_minor": 5, "reverses": "r"},
        {"kind": FactKind.FEE, "amount_minor": 5, "reverses": "r"},
    ],
)
def test_a_fact_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LedgerImbalanceError, match="fact f: expected"):
        Fact(**{"fact_id": "f", "on": DRAWN, **wrong})


AMOUNT = st.integers(0, 10**7)


@given(st.builds(Amounts, AMOUNT, AMOUNT, AMOUNT, AMOUNT), st.integers(0, 10**8), ORDERS)
def test_the_waterfall_conserves_money_in_any_order(
    owed: Amounts, paid: int, order: tuple[Part, ...]
) -> None:
    parts, surplus = split_by(order, owed, paid)
    assert parts.total_minor + surplus == paid
    assert surplus == max(0, paid - owed.total_minor)
    assert all(0 <= parts.of(part) <= owed.of(part) for part in Part)
    for earlier, later in itertools.pairwise(order):
        assert parts.of(later) == 0 or parts.of(earlier) == owed.of(earlier)


@settings(max_examples=60, deadline=None)
@given(lives(), st.integers(0, 400), st.randoms(use_true_random=False))
def test_the_order_of_arrival_leaves_no_trace(
    life: tuple[RepaymentTerms, list[Fact], tuple[Due, ...]], days: int, chance: Any
) -> None:
    terms, facts, dues = life
    shuffled = [*facts, *facts[:2]]
    chance.shuffle(shuffled)
    on = DRAWN + timedelta(days=days)
    assert account(terms, shuffled, on, dues) == account(terms, facts, on, dues)


@settings(max_examples=40, deadline=None)
@given(lives(), st.integers(0, 250))
def test_between_the_days_that_are_named_time_moves_no_principal(
    life: tuple[RepaymentTerms, list[Fact], tuple[Due, ...]], days: int
) -> None:
    terms, facts, dues = life
    named, owed = set(principal_turns(terms, facts)), None
    for on in (DRAWN + timedelta(days=n) for n in range(days, days + 90)):
        before, owed = owed, account(terms, facts, on, dues).owed.principal_minor
        assert owed == before or before is None or on in named


@settings(max_examples=60, deadline=None)
@given(lives(), st.integers(0, 400))
def test_no_money_is_made_or_lost(
    life: tuple[RepaymentTerms, list[Fact], tuple[Due, ...]], days: int
) -> None:
    terms, facts, dues = life
    on = DRAWN + timedelta(days=days)
    found = account(terms, facts, on, dues)
    undone = {fact.reverses for fact in facts}
    sums = dict.fromkeys(FactKind, 0)
    for fact in facts:
        if fact.on <= on and fact.fact_id not in undone:
            sums[fact.kind] += fact.amount_minor
    came = sums[FactKind.DRAWDOWN] + sums[FactKind.FEE]
    came += found.earned_interest_minor + found.earned_penalty_minor
    assert found.owed.total_minor == came - sums[FactKind.REPAYMENT] + found.surplus_minor
    assert all(found.owed.of(part) >= 0 for part in Part)
    split = sum(each.parts.total_minor + each.surplus_minor for each in found.splits)
    assert split == sums[FactKind.REPAYMENT]
    assert 0 <= found.late_minor <= found.owed.total_minor


@settings(max_examples=60, deadline=None)
@given(lives(), st.integers(0, 7), st.integers(0, 400))
def test_reversal_and_replay_bring_the_books_to_where_a_fresh_replay_stands(
    life: tuple[RepaymentTerms, list[Fact], tuple[Due, ...]], which: int, days: int
) -> None:
    terms, facts, dues = life
    late = facts[which % len(facts)]
    on = DRAWN + timedelta(days=days)
    facts = [_named(fact) for fact in facts]
    early = [fact for fact in facts if fact.fact_id != _named(late).fact_id]
    books = Ledger()
    books.square(account(terms, early, on, dues), "early")
    looks = frozenset(slot.on for slot in books.slots().values())
    after = account(terms, facts, on, dues, looks)
    books.square(after, _named(late).fact_id)
    assert {n: _amounts(s) for n, s in books.slots().items()} == {
        n: _amounts(s) for n, s in wanted_slots(BOOKS, after).items()
    }
    assert replace(account(terms, facts, on, dues), steps=()) == replace(after, steps=())
    _agree(books, after, facts)


def _named(fact: Fact) -> Fact:
    if fact.kind is FactKind.REPAYMENT:
        return replace(fact, fact_id=f"repayment/{fact.fact_id}")
    if fact.reverses:
        return replace(fact, reverses=f"repayment/{fact.reverses}")
    return fact


def _amounts(slot: Slot) -> dict[str, int]:
    return {line.account: line.amount_minor for line in slot.lines}


def _agree(books: Ledger, found: Account, facts: list[Fact]) -> None:
    """The ledger's balances and what is owed: up to what ran since the last step."""
    balances, undone = books.balances(), {fact.reverses for fact in facts}
    came = dict.fromkeys(FactKind, 0)
    for fact in facts:
        if fact.on <= found.on and fact.fact_id not in undone:
            came[fact.kind] += fact.amount_minor
    ran = dict.fromkeys((EntryKind.INTEREST, EntryKind.PENALTY), 0)
    for step in found.steps:
        if step.kind in ran:
            ran[step.kind] += step.amount_minor
    since_interest = found.earned_interest_minor - ran[EntryKind.INTEREST]
    since_penalty = found.earned_penalty_minor - ran[EntryKind.PENALTY]
    held = {name: balances.get(f"loan/{name}/line-1", 0) for name in
            ("principal", "fee", "interest", "penalty")}  # fmt: skip
    assert found.owed == Amounts(
        penalty_minor=held["penalty"] + since_penalty,
        fee_minor=held["fee"] + came[FactKind.FEE],
        interest_minor=held["interest"] + since_interest,
        principal_minor=held["principal"] + came[FactKind.DRAWDOWN],
    )
    assert balances.get("payable/line-1", 0) == -found.surplus_minor - found.rebate_minor
    assert sum(balances.values()) == 0


def days_by_hand(count: DayCount, since: date, until: date) -> int:
    """The days between, by the conventions' own words (ISDA 2006 Definitions, 4.16)."""
    if count is not DayCount.THIRTY_E_360:
        return (until - since).days
    months = 12 * (until.year - since.year) + until.month - since.month
    return 30 * months + min(until.day, 30) - min(since.day, 30)


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 10**8)), min_size=1, max_size=6),
    st.integers(0, 400_000),
    st.sampled_from(DayCount),
    st.tuples(st.integers(200, 500), st.integers(0, 400)),
)
def test_simple_interest_is_additive_over_split_periods(
    draws: list[tuple[int, int]], rate: int, count: DayCount, days: tuple[int, int]
) -> None:
    changes = [PrincipalChange(DRAWN + timedelta(days=d), a) for d, a in draws]
    middle = DRAWN + timedelta(days=days[0] + 1)
    end = middle + timedelta(days=days[1])
    total = simple_interest(changes, rate, end, count)
    first = simple_interest(changes, rate, middle, count)
    owed = sum(amount for _, amount in draws)
    second = simple_interest([PrincipalChange(middle, owed)], rate, end, count)
    assert abs(total - first - second) <= 1  # two roundings against one; exactly, none
    year_days = 365 if count is DayCount.ACT_365F else 360
    for interest, until in ((total, end), (first, middle)):
        exact = sum(Fraction(a * days_by_hand(count, c.on, until)) for (_, a), c in zip(
            draws, changes, strict=True
        )) * rate / (1_000_000 * year_days)  # fmt: skip
        assert interest == round(exact)  # half to even


@settings(max_examples=60, deadline=None)
@given(lives(), st.integers(1, 7), st.integers(1, 300))
def test_prepaying_never_raises_the_interest(
    life: tuple[RepaymentTerms, list[Fact], tuple[Due, ...]], which: int, earlier_days: int
) -> None:
    terms, facts, dues = life
    terms = replace(terms, waterfall=WATERFALL)
    paid = [fact for fact in facts if fact.kind is FactKind.REPAYMENT]
    if not paid:
        return
    moved = paid[which % len(paid)]
    on = max(DRAWN, moved.on - timedelta(days=earlier_days))
    sooner = [replace(fact, on=on) if fact == moved else fact for fact in facts]
    last = DRAWN + timedelta(days=400)
    late, early = account(terms, facts, last, dues), account(terms, sooner, last, dues)
    if early.surplus_minor == late.surplus_minor:  # else it was paid before it was owed
        assert early.earned_interest_minor <= late.earned_interest_minor
        if terms.schedule.interest is InterestKind.SIMPLE:
            assert early.earned_penalty_minor <= late.earned_penalty_minor


def test_looking_every_week_changes_nothing() -> None:
    drawn = Fact("d", FactKind.DRAWDOWN, DRAWN, 1_000_000)
    looks = [account(PLAIN, [drawn], DRAWN + timedelta(days=d)) for d in range(0, 400, 7)]
    interest = [look.owed.interest_minor for look in looks]
    assert interest == sorted(interest)
    assert interest[10] == simple_interest(
        [PrincipalChange(DRAWN, 1_000_000)], 140_000, DRAWN + timedelta(days=70), PLAIN.day_count
    )


def test_the_default_order_is_todays() -> None:
    assert WATERFALL == (Part.PENALTY, Part.FEE, Part.INTEREST, Part.PRINCIPAL)
