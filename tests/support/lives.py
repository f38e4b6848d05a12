"""Lives of lines by chance: terms, facts and the plan of the first drawdown."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from core.lending.accrual import DayCount
from core.lending.facts import Fact, FactKind, reversal_of
from core.lending.schedule import Due, plan
from core.lending.terms import (
    ArrearsTerms,
    InterestKind,
    Part,
    RebateTerms,
    RepaymentTerms,
    ScheduleKind,
    ScheduleTerms,
)
from tests.support.repayment import DRAWN_ON as DRAWN
from tests.support.repayment import DUE_ON as DUE

ORDERS = st.permutations(list(Part)).map(tuple)


@st.composite
def lives(draw: st.DrawFn) -> tuple[RepaymentTerms, list[Fact], tuple[Due, ...]]:
    """A line's terms, some facts of its life, and the plan of its first drawdown."""
    capitalise = draw(st.integers(0, 3))
    schedule = ScheduleTerms(
        draw(st.sampled_from([ScheduleKind.BULLET, ScheduleKind.EQUAL_INSTALMENTS])),
        every_months=2,
        interest=InterestKind.CAPITALISING if capitalise else InterestKind.SIMPLE,
        capitalise_months=capitalise,
    )
    terms = RepaymentTerms(
        rate_ppm=draw(st.integers(0, 400_000)),
        day_count=draw(st.sampled_from(DayCount)),
        due_on=DUE,
        schedule=schedule,
        arrears=ArrearsTerms(draw(st.integers(0, 40)), draw(st.integers(0, 200_000))),
        rebate=RebateTerms(draw(st.integers(0, 30_000))),
        waterfall=draw(ORDERS),
    )
    kinds = st.sampled_from([FactKind.DRAWDOWN, FactKind.FEE, *[FactKind.REPAYMENT] * 3])
    events = draw(
        st.lists(st.tuples(st.integers(0, 300), kinds, st.integers(1, 10**6)), max_size=7)
    )
    facts = [Fact("f0", FactKind.DRAWDOWN, DRAWN, draw(st.integers(1, 10**7)))]
    facts += [
        Fact(f"f{n}", kind, DRAWN + timedelta(days=day), amount)
        for n, (day, kind, amount) in enumerate(events, 1)
    ]
    if draw(st.booleans()):
        facts.append(reversal_of(facts[-1], "undo"))
    return terms, facts, plan(terms, facts[0].amount_minor, DRAWN)
