"""The plan that a line's drawdowns agreed to: what was told with each of them, as one.

Each drawdown was told its own payments before consent; the line's plan is their sum, day
by day. A drawdown on or after the last due date, as a wrong clock may make one, is due at
once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

from core.lending.facts import Fact, FactKind, standing_facts
from core.lending.schedule import Due, due_days, merged, plan
from core.lending.terms import RepaymentTerms

PLANS_KEPT_MAX = 4_096


def draw_fact(draw_id: str) -> str:
    """The fact of a drawdown."""
    return f"draw/{draw_id}"


def fee_fact(draw_id: str) -> str:
    """The fact of a drawdown's fee."""
    return f"{draw_fact(draw_id)}/fee"


def draw_facts(
    draw_id: str, on: date, amount_minor: int, fee_minor: int, rate_ppm: int | None = None
) -> tuple[Fact, ...]:
    """A drawdown and its fee as facts; ``rate_ppm`` where it has a rate of its own."""
    drawn = Fact(draw_fact(draw_id), FactKind.DRAWDOWN, on, amount_minor, rate_ppm=rate_ppm)
    if not fee_minor:
        return (drawn,)
    return (drawn, Fact(fee_fact(draw_id), FactKind.FEE, on, fee_minor))


def agreed(terms: RepaymentTerms, facts: Iterable[Fact]) -> tuple[Due, ...]:
    """What is due when of all drawdowns that stand, each with its fee.

    A fee that belongs to no drawdown is due with the next of the dues, or at once.
    """
    standing = standing_facts(facts)
    fees = {fact.fact_id: fact for fact in standing if fact.kind is FactKind.FEE}
    plans = []
    for drawn in standing:
        if drawn.kind is FactKind.DRAWDOWN:
            fee = fees.pop(f"{drawn.fact_id}/fee", None)
            fee_minor = fee.amount_minor if fee else 0
            own = terms if drawn.rate_ppm is None else replace(terms, rate_ppm=drawn.rate_ppm)
            plans.append(_planned(own, drawn.amount_minor, drawn.on, fee_minor))
    days = sorted({due.on for one in plans for due in one})
    plans += [
        (Due(next((day for day in days if day > fee.on), fee.on), 0, 0, fee.amount_minor),)
        for fee in fees.values()
    ]
    return merged(plans)


@lru_cache(maxsize=PLANS_KEPT_MAX)
def _planned(
    terms: RepaymentTerms, amount_minor: int, drawn_on: date, fee_minor: int
) -> tuple[Due, ...]:
    if due_days(terms, drawn_on):
        return plan(terms, amount_minor, drawn_on, fee_minor)
    return (Due(drawn_on + timedelta(days=1), amount_minor, 0, fee_minor),)
