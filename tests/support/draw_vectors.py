"""Draws of every kind of product, for Python and the tablet's JavaScript to agree upon.

Seeded: the same cases on every machine. What Python answers is the vector; the tests hold its
hash, so that a change of a rule is seen here as a change of the vectors.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from core.decision.field_draw import FieldAsk, field_quote, judge, shown_sha256
from core.decision.quote import Quote
from core.errors import PriceError
from core.lending.accrual import DayCount
from core.lending.dated import DatedCap
from core.lending.draw_terms import DrawTerms
from core.lending.lease import (
    CLOCK_ERROR_MS_MAX,
    Clock,
    Draw,
    DrawState,
    Lease,
    LeaseBook,
    LeaseKind,
    available_minor,
    refuse_draw,
)
from core.lending.terms import (
    CashMonth,
    InterestKind,
    MoratoriumInterest,
    ScheduleKind,
    ScheduleTerms,
)
from core.lending.workdays import CalendarTerms, Roll
from core.reasons import ReasonCode
from core.shape import encode
from core.units import MS_PER_DAY, civil_day, day_start_ms
from core.wire.subleases import SubLease

SEED = 20261122
DUE = date(2026, 9, 15)
SIGNED_MS = day_start_ms(date(2026, 4, 1))
CASH = ((CashMonth(9, 1),), (CashMonth(7, 2), CashMonth(9, 3)), (CashMonth(5, 1), CashMonth(9, 1)))
CALENDARS = (
    None,
    CalendarTerms(Roll.FOLLOWING, (6,), ("2026-09-15", "2026-06-01")),
    CalendarTerms(Roll.MODIFIED_FOLLOWING, (5, 6), ("2026-08-31",)),
    CalendarTerms(Roll.PRECEDING, (4, 6)),
    CalendarTerms(Roll.STAY, (6,)),
)
CAPS = (
    None,
    (
        DatedCap("2026-05-01", 250_000, "gazette", "2026-06-30"),
        DatedCap("2026-07-01", 900_000, "g"),
    ),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A sub-lease, what was drawn under it, who asks for what, and what time it is."""

    lease: SubLease
    draws: tuple[Draw, ...]
    ask: FieldAsk
    clock: Clock
    agrees: bool

    def told(self) -> dict[str, Any]:
        """The case as JavaScript reads it."""
        return {
            "sublease": encode(self.lease), "draws": [encode(one) for one in self.draws],
            "ask": encode(self.ask), "clock": encode(self.clock), "agrees": self.agrees,
        }  # fmt: skip

    def answer(self) -> dict[str, Any]:
        """What Python says: a price with its hash, or a reason."""
        ask, quoted = self.ask, None
        if self.agrees:
            today = civil_day(self.clock.at_ms, self.lease.utc_offset_ms)
            try:
                quoted = field_quote(self.lease.terms, max(1, ask.amount_minor), today)
            except PriceError:
                quoted = None
        if quoted is not None:
            ask = replace(ask, agreed_sha256=shown_sha256(quoted))
        found = judge(self.lease, self.draws, ask, self.clock)
        if isinstance(found, Quote):
            return {"price": encode(found), "shown_sha256": shown_sha256(found)}
        return {"reason": found.value}


def schedule(chance: random.Random) -> ScheduleTerms:
    """Any schedule that a product may have."""
    kind = chance.choice(list(ScheduleKind))
    regular = kind not in (ScheduleKind.BULLET, ScheduleKind.CASH_MONTHS, ScheduleKind.AT_WILL)
    capitalising = chance.random() < 0.25
    return ScheduleTerms(
        kind=kind,
        every_months=chance.choice((1, 2, 3)) if regular else 0,
        cash=chance.choice(CASH) if kind is ScheduleKind.CASH_MONTHS else (),
        moratorium_months=chance.choice((0, 0, 1, 2, 4)),
        moratorium_interest=chance.choice(list(MoratoriumInterest)),
        balloon_ppm=chance.choice((0, 0, 100_000, 333_333)),
        interest=InterestKind.CAPITALISING if capitalising else InterestKind.SIMPLE,
        capitalise_months=chance.choice((1, 3)) if capitalising else 0,
        rounding_minor=chance.choice((1, 1, 100, 5_000)),
    )


def terms(chance: random.Random) -> DrawTerms:
    """Any terms of a draw."""
    rate = chance.choice((0, 1, 90_000, 140_000, 365_000, 1_200_000))
    return DrawTerms(
        currency="KES",
        step_minor=chance.choice((1, 50_000, 100_000)),
        fee_ppm=chance.choice((0, 0, 1, 15_000, 33_333)),
        rate_ppm=rate,
        day_count=chance.choice(list(DayCount)),
        due_on=(DUE + timedelta(days=chance.choice((0, 0, 500, 1_500)))).isoformat(),
        schedule=schedule(chance),
        apr_cap_ppm=chance.choice((200_000, 600_000, 5_000_000)),
        told_rate_ppm=chance.choice((None, rate)),
        calendar=chance.choice(CALENDARS),
        apr_caps=chance.choice(CAPS),
    )


def case(chance: random.Random) -> Case:
    """Any ask of a farmer at a tablet."""
    found = terms(chance)
    amount = chance.choice((1, 7, 40, 200, 100_000)) * found.step_minor
    lease = SubLease(
        "sub-1", 1, "kijani", "tab-1", "ab" * 32, "agent-1", "le-1", "line-1", "f-1", "maize",
        amount, SIGNED_MS, SIGNED_MS + chance.choice((14, 30, 170)) * MS_PER_DAY,
        chance.choice((0, 3 * 3_600_000, -5 * 3_600_000)), found,
    )  # fmt: skip
    parts = [chance.randrange(1, 2 + amount // 3) for _ in range(chance.randrange(3))]
    draws = tuple(
        Draw(f"d-{n}", "line-1", part, chance.choice(list(DrawState)))
        for n, part in enumerate(parts)
    )
    day = chance.choice((-1, 0, 1, 5, 13, 14, 29, 60, 160, 166, 168, 175))
    at_ms = SIGNED_MS + day * MS_PER_DAY + chance.randrange(MS_PER_DAY)
    error = chance.choice((0, 1_000, 86_400_000, CLOCK_ERROR_MS_MAX, CLOCK_ERROR_MS_MAX + 1))
    floor = chance.choice((0, 0, at_ms - 5, at_ms, at_ms + 500, at_ms + MS_PER_DAY))
    wanted = chance.choice((amount, amount, amount // 2, found.step_minor, 1, 0, amount + 1))
    line = chance.choice(("line-1",) * 9 + ("line-2",))
    ask = FieldAsk(line, wanted, "00" * 32, frozen=chance.random() < 0.05)
    return Case(lease, draws, ask, Clock(at_ms, error, floor), agrees=chance.random() < 0.9)


def priced_case(chance: random.Random) -> Case:
    """A case of which all but the price is in order, so that prices are compared."""
    found = case(chance)
    lease = replace(
        found.lease,
        terms=replace(found.lease.terms, apr_cap_ppm=1_000_000_000, apr_caps=None),
        amount_minor=found.lease.terms.step_minor * chance.choice((1, 40, 3_333, 100_000)),
        expires_at_ms=SIGNED_MS + 400 * MS_PER_DAY,
    )
    at_ms = SIGNED_MS + chance.randrange(150) * MS_PER_DAY
    ask = FieldAsk("line-1", lease.amount_minor, "00" * 32)
    return Case(lease, (), ask, Clock(at_ms, 0), agrees=True)


def cases(count: int, seed: int = SEED) -> list[Case]:
    """So many cases, every other one of them about its price."""
    chance = random.Random(seed)
    return [(priced_case if n % 2 else case)(chance) for n in range(count)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A lease's book, a line, an amount, a time: what the rule of leases alone is asked."""

    book: LeaseBook
    line_id: str
    amount_minor: int
    clock: Clock

    def told(self) -> dict[str, Any]:
        """The question as JavaScript reads it."""
        book = {
            "lease": encode(self.book.lease), "frozen": self.book.frozen,
            "closed": self.book.closed, "draws": [encode(d) for d in self.book.draws.values()],
        }  # fmt: skip
        return {"book": book, "line_id": self.line_id, "amount_minor": self.amount_minor,
                "clock": encode(self.clock)}  # fmt: skip

    def answer(self) -> list[Any]:
        """What Python says: why not, and how much is left."""
        code: ReasonCode | None = refuse_draw(
            self.book, self.line_id, self.amount_minor, self.clock
        )
        return [code.value if code else "", available_minor(self.book, self.line_id)]


def asked(chance: random.Random) -> Asked:
    """Any question about a lease, of a line or of new lines."""
    kind = chance.choice(list(LeaseKind))
    new = kind is LeaseKind.ONBOARDING
    lease = Lease(
        "le-1", kind, "kijani", "maize", "KES", 1_000, SIGNED_MS, SIGNED_MS + 60 * MS_PER_DAY,
        "" if new else "line-1", 2_000, 400 if new else 0, 2 if new else 0,
    )  # fmt: skip
    draws = {
        f"d-{n}": Draw(
            f"d-{n}", chance.choice(("line-1", "line-2")) if new else "line-1",
            chance.randrange(1, 300), chance.choice(list(DrawState)),
        )
        for n in range(chance.randrange(5))
    }  # fmt: skip
    book = LeaseBook(lease, draws, chance.random() < 0.1, chance.random() < 0.1)
    at_ms = SIGNED_MS + chance.choice(
        (-MS_PER_DAY, 0, MS_PER_DAY, 59 * MS_PER_DAY, 60 * MS_PER_DAY)
    )
    clock = Clock(
        at_ms, chance.choice((0, 1, CLOCK_ERROR_MS_MAX + 1)), chance.choice((0, at_ms, at_ms + 2))
    )
    return Asked(
        book, f"line-{chance.randrange(1, 4)}", chance.choice((-1, 0, 1, 100, 300, 900)), clock
    )


def questions(count: int, seed: int = SEED) -> list[Asked]:
    """So many questions about leases."""
    chance = random.Random(seed)
    return [asked(chance) for _ in range(count)]
