"""Leases: every refusal, and a state machine that tries to over-draw."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.errors import LeaseError
from core.lending.lease import (
    Clock,
    Draw,
    DrawState,
    Lease,
    LeaseBook,
    LeaseKind,
    available_minor,
    begin_draw,
    close,
    headroom_minor,
    refuse_draw,
    settle_draw,
)
from core.reasons import ReasonCode

DAY_MS = 86_400_000
LINE = Lease("l1", LeaseKind.LINE, "kijani", "p", "KES", 1000, 10 * DAY_MS, 70 * DAY_MS, "a", 1500)
NEW = replace(
    LINE, lease_id="l2", kind=LeaseKind.ONBOARDING, line_id="", per_line_minor=400, lines_max=2
)
NOON = Clock(30 * DAY_MS, 1000, 30 * DAY_MS)


def draw(draw_id: str, amount: int, line: str = "a") -> Draw:
    return Draw(draw_id, line, amount, DrawState.PENDING)


def drawn(book: LeaseBook, *draws: Draw) -> LeaseBook:
    for one in draws:
        found = begin_draw(book, one, NOON)
        assert isinstance(found, LeaseBook)
        book = settle_draw(found, one.draw_id, DrawState.POSTED)
    return book


@pytest.mark.parametrize(
    ("book", "line", "amount", "clock", "refusal"),
    [
        (LeaseBook(LINE), "a", 1000, NOON, None),
        (LeaseBook(LINE), "a", 0, NOON, ReasonCode.DRAW_AMOUNT_INVALID),
        (LeaseBook(LINE), "a", -5, NOON, ReasonCode.DRAW_AMOUNT_INVALID),
        (LeaseBook(LINE), "a", 1001, NOON, ReasonCode.DRAW_ABOVE_LEASE),
        (LeaseBook(LINE, frozen=True), "a", 1, NOON, ReasonCode.DRAW_FROZEN),
        (LeaseBook(LINE, closed=True), "a", 1, NOON, ReasonCode.DRAW_LEASE_CLOSED),
        (LeaseBook(LINE), "b", 1, NOON, ReasonCode.DRAW_NO_LEASE),
        (LeaseBook(LINE), "a", 1, Clock(70 * DAY_MS, 0), ReasonCode.DRAW_LEASE_EXPIRED),
        (LeaseBook(LINE), "a", 1, Clock(70 * DAY_MS - 500, 1000), ReasonCode.DRAW_LEASE_EXPIRED),
        # Set back a year, before the signature, or too uncertain: the clock is not known.
        (LeaseBook(LINE), "a", 1, Clock(30, 0, 40 * DAY_MS), ReasonCode.DRAW_CLOCK_UNKNOWN),
        (LeaseBook(LINE), "a", 1, Clock(9 * DAY_MS, 0), ReasonCode.DRAW_CLOCK_UNKNOWN),
        (LeaseBook(LINE), "a", 1, Clock(30 * DAY_MS, 3 * DAY_MS), ReasonCode.DRAW_CLOCK_UNKNOWN),
        (LeaseBook(NEW), "x", 400, NOON, None),
        (LeaseBook(NEW), "x", 401, NOON, ReasonCode.DRAW_ABOVE_LEASE),
    ],
)
def test_refusals(
    book: LeaseBook, line: str, amount: int, clock: Clock, refusal: ReasonCode | None
) -> None:
    assert refuse_draw(book, line, amount, clock) is refusal


def test_an_onboarding_lease_opens_so_many_lines_so_much_each() -> None:
    book = drawn(LeaseBook(NEW), draw("1", 300, "x"), draw("2", 400, "y"))
    assert available_minor(book, "x") == 100
    assert available_minor(book, "y") == 0
    assert refuse_draw(book, "z", 1, NOON) is ReasonCode.DRAW_LINES_EXHAUSTED


def test_the_same_draw_again_changes_nothing() -> None:
    book = drawn(LeaseBook(LINE), draw("1", 300))
    assert begin_draw(book, draw("1", 300), NOON) == book
    assert settle_draw(book, "1", DrawState.POSTED) == book
    with pytest.raises(LeaseError, match="other content"):
        begin_draw(book, draw("1", 301), NOON)


def test_a_settled_draw_stays_settled() -> None:
    book = drawn(LeaseBook(LINE), draw("1", 300))
    with pytest.raises(LeaseError, match="is posted"):
        settle_draw(book, "1", DrawState.VOIDED)
    with pytest.raises(LeaseError, match="not known"):
        settle_draw(book, "2", DrawState.POSTED)


def test_only_closing_releases_and_only_what_is_unspent() -> None:
    book = drawn(LeaseBook(LINE), draw("1", 300))
    assert book.unspent_minor == 700
    assert headroom_minor(1500, 300, 0, [book]) == 500
    closed = close(book)
    assert closed.unspent_minor == 0
    assert headroom_minor(1500, 300, 0, [closed]) == 1200
    pending = begin_draw(book, draw("2", 1), NOON)
    assert isinstance(pending, LeaseBook)
    with pytest.raises(LeaseError, match="still pending"):
        close(pending)


def test_a_lease_must_make_sense() -> None:
    for broken in (
        {"amount_minor": 0},
        {"expires_at_ms": LINE.signed_at_ms},
        {"line_id": ""},
    ):
        with pytest.raises(LeaseError):
            replace(LINE, **broken)  # type: ignore[arg-type]
    with pytest.raises(LeaseError, match="per_line_minor"):
        replace(NEW, per_line_minor=0)


class TwoStationsOneLine(RuleBasedStateMachine):
    """Two dark stations, one line; the centre cuts and grants; messages come late.

    The centre learns of draws and closures only when a station's log arrives, in
    order, possibly more than once. What is drawn must never exceed any limit that
    was in force when the leases behind it were signed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.limit, self.counter = 1000, 0
        self.station: dict[str, dict[str, LeaseBook]] = {"east": {}, "west": {}}
        self.centre: dict[str, LeaseBook] = {}
        self.log: dict[str, list[tuple[str, LeaseBook]]] = {"east": [], "west": []}
        self.seen = {"east": 0, "west": 0}
        self.signed: list[tuple[int, int]] = []

    def _outstanding(self) -> int:
        return sum(book.posted_minor for book in self.centre.values())

    def _pending(self) -> int:
        return sum(b.used_minor - b.posted_minor for b in self.centre.values())

    @rule(name=st.sampled_from(["east", "west"]), share=st.integers(1, 100))
    def grant(self, name: str, share: int) -> None:
        books = self.centre.values()
        # Pending draws already count inside the unspent part's complement.
        room = headroom_minor(self.limit, self._outstanding(), self._pending(), books)
        amount = room * share // 100
        if amount == 0:
            return
        self.counter += 1
        lease = replace(
            LINE, lease_id=f"g{self.counter}", station=name, amount_minor=amount,
            limit_minor=self.limit,
        )  # fmt: skip
        self.centre[lease.lease_id] = LeaseBook(lease)
        self.station[name][lease.lease_id] = LeaseBook(lease)
        used = self._outstanding() + self._pending()
        self.signed.append((self.limit, used + sum(b.unspent_minor for b in self.centre.values())))

    @rule(limit=st.integers(0, 2000))
    def move_limit(self, limit: int) -> None:
        self.limit = limit

    @precondition(lambda self: self.station["east"] or self.station["west"])
    @rule(data=st.data(), amount=st.integers(1, 1500), post=st.booleans())
    def draw(self, data: st.DataObject, amount: int, post: bool) -> None:
        name = data.draw(st.sampled_from([n for n in self.station if self.station[n]]))
        lease_id = data.draw(st.sampled_from(sorted(self.station[name])))
        self.counter += 1
        found = begin_draw(self.station[name][lease_id], draw(f"d{self.counter}", amount), NOON)
        if isinstance(found, ReasonCode):
            return
        state = DrawState.POSTED if post else DrawState.VOIDED
        self._write(name, lease_id, settle_draw(found, f"d{self.counter}", state))

    @precondition(lambda self: self.station["east"] or self.station["west"])
    @rule(data=st.data())
    def close_lease(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([n for n in self.station if self.station[n]]))
        lease_id = data.draw(st.sampled_from(sorted(self.station[name])))
        self._write(name, lease_id, close(self.station[name][lease_id]))

    @rule(name=st.sampled_from(["east", "west"]), back=st.integers(0, 3), more=st.integers(0, 5))
    def sync(self, name: str, back: int, more: int) -> None:
        start = max(0, self.seen[name] - back)  # repeats what was sent before
        for i, (lease_id, book) in enumerate(self.log[name][start : self.seen[name] + more]):
            if start + i >= self.seen[name]:
                self.centre[lease_id] = book
                self.seen[name] = start + i + 1

    def _write(self, name: str, lease_id: str, book: LeaseBook) -> None:
        self.station[name][lease_id] = book
        self.log[name].append((lease_id, book))

    @invariant()
    def never_a_unit_over(self) -> None:
        for limit, committed in self.signed:
            assert committed <= limit
        for books in self.station.values():
            for book in books.values():
                assert book.used_minor <= book.lease.amount_minor
        drawn_total = sum(b.used_minor for books in self.station.values() for b in books.values())
        highest = max((limit for limit, _ in self.signed), default=0)
        assert drawn_total <= highest


TestTwoStationsOneLine = TwoStationsOneLine.TestCase
TestTwoStationsOneLine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
