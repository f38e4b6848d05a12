"""What a station needs to reckon a line as the centre does: its terms and its dated facts.

With them both sides call one function, :func:`core.lending.account.account`, on the same
facts, so what is owed is the same to the unit. Repayments of one day travel as one: the
order within a day changes nothing that is owed. Statement C7 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from core.lending.accrual import DayCount
from core.lending.agreed import draw_fact, draw_facts, fee_fact
from core.lending.facts import Fact, FactKind, standing_facts
from core.lending.product import Product
from core.lending.relief import Relief
from core.lending.terms import ArrearsTerms, Part, RebateTerms, Restructured, ScheduleTerms
from core.lending.workdays import CalendarTerms

FACTS_MAX = 4_000  # beyond it a status tells balances only; 130 bytes each stay within a record


@dataclass(frozen=True, slots=True)
class LineDraw:
    """A drawdown that the centre has booked, with its fee [minor units].

    ``rate_ppm`` where it keeps a rate of its own.
    """

    draw_id: str
    on: str
    amount_minor: int
    fee_minor: int
    rate_ppm: int | None = None


@dataclass(frozen=True, slots=True)
class LinePaid:
    """What was repaid on a day [minor units]."""

    on: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LineTerms:
    """How the line is repaid, as it was opened; what is absent is as in a product."""

    day_count: DayCount
    schedule: ScheduleTerms | None = None
    arrears: ArrearsTerms | None = None
    rebate: RebateTerms | None = None
    waterfall: tuple[Part, ...] | None = None
    calendar: CalendarTerms | None = None


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A line's terms, and what happened to it as far as the centre knows."""

    terms: LineTerms
    drawn: tuple[LineDraw, ...]
    paid: tuple[LinePaid, ...]
    relief: Relief | None = None
    restructured: tuple[Restructured, ...] | None = None

    def as_facts(self) -> tuple[Fact, ...]:
        """What happened, for the account."""
        drawn = (
            fact
            for each in self.drawn
            for fact in draw_facts(
                each.draw_id,
                date.fromisoformat(each.on),
                each.amount_minor,
                each.fee_minor,
                each.rate_ppm,
            )
        )
        paid = (
            Fact(f"paid/{each.on}", FactKind.REPAYMENT, date.fromisoformat(each.on),
                 each.amount_minor)
            for each in self.paid
        )  # fmt: skip
        return (*drawn, *paid)

    def priced(self, product: Product, rate_ppm: int, due_on: str) -> Product:
        """A product with the terms of this line: what its draws are priced by."""
        terms = self.terms
        return replace(
            product,
            due_on=due_on,
            credit=replace(product.credit, rate_ppm=rate_ppm, day_count=terms.day_count),
            schedule=terms.schedule,
            arrears=terms.arrears,
            rebate=terms.rebate,
            waterfall=terms.waterfall,
            calendar=terms.calendar,
        )


def line_facts(
    priced_by: Product,
    facts: Iterable[Fact],
    relief: Relief | None = None,
    restructured: tuple[Restructured, ...] = (),
) -> LineFacts | None:
    """What a station is told of a line; nothing if there are more than ``FACTS_MAX`` facts."""
    standing = standing_facts(facts)
    fees = {fact.fact_id: fact.amount_minor for fact in standing if fact.kind is FactKind.FEE}
    drawn, paid = list[LineDraw](), dict[str, int]()
    for fact in standing:
        on = fact.on.isoformat()
        if fact.kind is FactKind.DRAWDOWN:
            draw_id = fact.fact_id.removeprefix(draw_fact(""))
            fee_minor = fees.get(fee_fact(draw_id), 0)
            drawn.append(LineDraw(draw_id, on, fact.amount_minor, fee_minor, fact.rate_ppm))
        elif fact.kind is FactKind.REPAYMENT:
            paid[on] = paid.get(on, 0) + fact.amount_minor
    if len(drawn) + len(paid) > FACTS_MAX:
        return None
    told = tuple(LinePaid(*each) for each in paid.items())
    return LineFacts(_terms(priced_by), tuple(drawn), told, relief, restructured or None)


def _terms(product: Product) -> LineTerms:
    return LineTerms(
        product.credit.day_count,
        product.schedule,
        product.arrears,
        product.rebate,
        product.waterfall,
        product.calendar,
    )
