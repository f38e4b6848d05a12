"""A loan on many days at once: what reports by months read is what each day says by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.lending.account import Account, account
from core.lending.facts import Fact
from core.lending.relief import Relief, planned
from core.lending.schedule import Due
from core.lending.terms import RepaymentTerms
from server.services.reports.loans import Loan, as_of, loans
from tests.support.centre_kit import SEASON_START, Kit
from tests.support.kiosk_kit import drawn_by_farmer_b
from tests.support.lives import lives
from tests.support.repayment import DRAWN_ON as DRAWN

FOREVER_MS = 2**52
DAYS = st.lists(st.integers(-30, 420), min_size=1, max_size=8, unique=True)


@pytest.fixture
def loan(kit: Kit) -> Loan:
    line_id = drawn_by_farmer_b(kit, SEASON_START + timedelta(days=1))
    with kit.centre.store.reading() as tx:
        every = list(loans(tx, as_of(SEASON_START + timedelta(days=40), FOREVER_MS)))
    return next(each for each in every if each.line.line_id == line_id)


def by_itself(loan: Loan, on: date) -> Account:
    """The day reckoned alone, from what had happened by then."""
    facts = [fact for fact in loan.facts if fact.on <= on]
    terms, relief = loan.terms.until(on), loan.relief
    if relief is not None and relief.granted_on > on.isoformat():
        terms, relief = relief.undone(terms), None
    return account(terms, facts, on, planned(terms, facts, relief))


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(life=lives(), numbers=DAYS, granted=st.none() | st.integers(1, 170))
def test_every_day_of_a_loan_stands_as_if_it_were_asked_for_alone(
    loan: Loan,
    life: tuple[RepaymentTerms, list[Fact], tuple[Due, ...]],
    numbers: list[int],
    granted: int | None,
) -> None:
    terms, facts, _ = life
    relief = None
    if granted is not None:
        on = DRAWN + timedelta(days=granted)
        relief = Relief(on.isoformat(), terms.due_on.isoformat(), 24, 12, 400_000)
        terms = relief.applied(replace(terms, due_on=relief.due_on))
    lived = replace(loan, terms=terms, facts=tuple(facts), relief=relief)
    days = [DRAWN + timedelta(days=n) for n in numbers]
    assert lived.accounts(days) == {day: by_itself(lived, day) for day in days}
