"""What is owed on many days by one replay: the same as day by day."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from core.lending.account import account, accounts
from core.lending.facts import Fact
from core.lending.schedule import Due
from core.lending.terms import RepaymentTerms
from tests.support.lives import lives
from tests.support.repayment import DRAWN_ON as DRAWN
from tests.support.repayment import PLAIN


@settings(max_examples=120, deadline=None)
@given(lives(), st.lists(st.integers(0, 420), min_size=1, max_size=8))
def test_one_replay_says_of_each_day_what_a_replay_of_its_own_says(
    life: tuple[RepaymentTerms, list[Fact], tuple[Due, ...]], numbers: list[int]
) -> None:
    terms, facts, dues = life
    days = [DRAWN + timedelta(days=n) for n in numbers]
    found = accounts(terms, facts, days, dues)
    assert found == {day: account(terms, facts, day, dues) for day in days}


def test_of_no_fact_nothing_is_owed_on_any_day() -> None:
    days = [DRAWN, DRAWN + timedelta(days=40)]
    assert [each.owed.total_minor for each in accounts(PLAIN, (), days).values()] == [0, 0]
