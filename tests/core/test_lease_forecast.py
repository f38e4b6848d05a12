"""How large a lease is and how long: worked by hand, and the bounds of both."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ProductError
from core.lending.forecast import Need, Planted, lease_need_minor, season_plan_minor
from tests.support.products import CROP, crop_product, herd_product

WHEAT = crop_product()  # leases of 60 days, of at most 80 % of what is undrawn
SOWN = date(2026, 4, 1)
HECTARE = Planted(10_000, SOWN)  # its season costs 80,000,000
MONEY = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("undrawn", "drawn", "lately", "plan", "need"),
    [
        # What the season still costs: 600,000 of a plan, 100,000 of it drawn.
        (1_000_000, 100_000, 0, 600_000, 500_000),
        # Never more than the product's share of what is undrawn.
        (1_000_000, 0, 0, 5_000_000, 800_000),
        # 150,000 in 30 days, carried on over 60.
        (1_000_000, 400_000, 150_000, 400_000, 300_000),
        (1_000_000, 400_000, 900_000, 400_000, 800_000),
        # Nobody draws and the plan is spent: a quarter, for what no plan foresaw.
        (1_000_000, 400_000, 0, 400_000, 250_000),
        (1_000_000, 900_000, 0, 400_000, 250_000),
        # No plan, as for a herd: the share itself.
        (1_000_000, 0, 0, None, 800_000),
        # The limit fell below what is drawn: nothing is left to lease.
        (-200_000, 900_000, 300_000, 2_000_000, 0),
        (0, 0, 0, None, 0),
    ],
)  # fmt: skip
def test_the_size_of_a_lease_by_hand(undrawn, drawn, lately, plan, need):
    assert lease_need_minor(Need(undrawn, drawn, lately, plan), WHEAT) == need


@given(MONEY, MONEY, MONEY, st.none() | MONEY)
def test_a_lease_is_never_more_than_its_share_of_what_is_undrawn(undrawn, drawn, lately, plan):
    need = lease_need_minor(Need(undrawn, drawn, lately, plan), WHEAT)
    assert 0 <= need <= undrawn * 8 // 10 + 1
    assert need >= undrawn // 4 - 1


@pytest.mark.parametrize(
    ("by", "cost"),
    [
        (SOWN, 28_000_000),  # sowing: 35 %
        (date(2026, 5, 10), 28_000_000),  # day 39
        (date(2026, 5, 11), 60_000_000),  # day 40: vegetative, 75 %
        (date(2026, 6, 10), 72_000_000),  # day 70: heading, 90 %
        (date(2027, 6, 10), 72_000_000),
        (date(2026, 3, 1), 28_000_000),  # before it is sown: what sowing will cost
    ],
)
def test_the_plan_is_what_the_season_costs_up_to_the_calendars_stage(by, cost):
    assert season_plan_minor(WHEAT, [HECTARE], by) == cost


def test_the_plan_adds_plots_each_by_its_own_sowing():
    late = Planted(5_000, date(2026, 5, 1))
    assert season_plan_minor(WHEAT, [HECTARE, late], date(2026, 5, 11)) == 60_000_000 + 14_000_000


def test_without_ground_or_stages_there_is_no_plan():
    assert season_plan_minor(WHEAT, [], SOWN) is None
    assert season_plan_minor(herd_product(), [HECTARE], SOWN) is None


@pytest.mark.parametrize("days", [45, 46, 180])
def test_a_term_that_covers_the_expected_darkness_is_taken(days):
    product = crop_product(lease={**CROP["lease"], "term_days": days})
    assert product.lease.term_days == days


@pytest.mark.parametrize("days", [0, -1, 30, 44, 181, 3_650])
def test_a_shorter_or_longer_term_is_refused_with_the_reason(days):
    with pytest.raises(ProductError, match=r"must be 45 to 180: it covers the darkness"):
        crop_product(lease={**CROP["lease"], "term_days": days})
