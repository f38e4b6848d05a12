"""Covers and debts elsewhere in the rule: floors, dates, bounds, staleness."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lending.cover import guarantors_in_ring, payout_minor, standing_of
from core.lending.limit import (
    CoverKind,
    CoverView,
    DuesView,
    Household,
    PlotView,
    Seen,
    Terms,
    limit_terms,
)
from core.lending.product import Product, parse_product
from tests.support.products import CROP
from tests.support.tree import REPOSITORY

ON = date(2026, 7, 1)
COVER = {
    "insurers": ["agri-re"],
    "insured_counts": "payout_p10",
    "insured_minor_per_ha": 10**10,
    "guaranteed_ppm_max": 500_000,
    "guarantor_minor_max": 2_000_000,
}
BUREAU = {"bureaus": ["crb"], "answer_days_max": 60, "required": False}
INSURANCE = CoverView(
    "policy-1", CoverKind.INSURANCE, "agri-re", "2026-03-01", "2026-10-31", "CNY", 3_000_000,
    "2026-02-20", "f" * 64, trigger_kg_per_ha=400_000, exit_kg_per_ha=200_000,
)  # fmt: skip
GUARANTEE = CoverView(
    "word-1", CoverKind.GUARANTEE, "farmer-b", "2026-03-01", "2026-10-31", "CNY", 6_000_000,
    "2026-02-20", "e" * 64, share_ppm=500_000,
)  # fmt: skip
DUES = DuesView("q-1", "crb", "2026-06-01", "CNY", 1_000_000, 500_000, "d" * 64, "consent-1")


def product(**changes: Any) -> Product:
    return parse_product({**CROP, "cover": COVER, "bureau": BUREAU, **changes})


def plot(q10: int = 285_144, stage: str = "heading") -> PlotView:
    return PlotView("p", 1_000, stage, stage, 3, q10, q10, "e")


def terms(found: Product, *, covers: tuple[CoverView, ...] = (), dues: tuple[DuesView, ...] = (),
          q10: int = 285_144) -> Terms:  # fmt: skip
    seen = Seen((plot(q10),), covers=covers, dues=dues)
    given_terms = limit_terms(found, seen, Household(0), ON)
    assert given_terms is not None
    return given_terms


def test_a_drought_with_insurance_carries_what_the_policy_pays_at_the_lower_quantile():
    # 285,144 kg/ha is 114,856 under the trigger of 400,000; at 200,000 all of 3,000,000 is paid.
    assert payout_minor(INSURANCE, 285_144) == 1_722_840
    plain, insured = terms(product()), terms(product(), covers=(INSURANCE,))
    assert insured.insured_minor == 1_722_840
    assert insured.harvest_value_minor == plain.harvest_value_minor + 1_722_840
    assert insured.collateral_minor == plain.collateral_minor + 1_722_840 * 6 // 10
    assert (plain.limit(10_000), insured.limit(10_000)) == (3_880_000, 4_910_000)


# yield, what is paid of a sum of 3,000,000
@pytest.mark.parametrize(
    ("q10", "paid"), [(400_000, 0), (500_000, 0), (300_000, 1_500_000), (200_000, 3_000_000),
                      (0, 3_000_000), (None, 0)],
)  # fmt: skip
def test_an_index_pays_in_a_straight_line_from_trigger_to_exit(q10: int | None, paid: int):
    assert payout_minor(INSURANCE, q10) == paid


# change of the cover, whether it counts on 1 July 2026
CHANGES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"from_on": "2026-07-01"}, True),
    ({"from_on": "2026-07-02"}, False),  # it begins tomorrow
    ({"until_on": "2026-07-01"}, True),
    ({"until_on": "2026-06-30"}, False),
    ({"currency": "KES"}, False),
    ({"party": "somebody"}, False),  # nobody that the product names
    ({"sum_minor": 0}, False),  # it was ended, or has paid all
]


@pytest.mark.parametrize(("change", "counts"), CHANGES)
def test_an_insurance_counts_only_while_it_is_in_force(change: dict[str, Any], counts: bool):
    found = terms(product(), covers=(replace(INSURANCE, **change),))
    assert bool(found.insured_minor) == counts


def test_the_sum_insured_counts_where_the_product_says_so_and_no_more_than_it_lets():
    by_sum = product(cover={**COVER, "insured_counts": "sum"})
    assert terms(by_sum, covers=(INSURANCE,)).insured_minor == 3_000_000
    bounded = product(cover={**COVER, "insured_minor_per_ha": 5_000_000})
    assert terms(bounded, covers=(INSURANCE,)).insured_minor == 500_000  # of a tenth of a hectare


def test_guarantors_hold_the_collateral_up_within_the_products_bounds():
    # Half of 6,000,000 is 3,000,000; one guarantor counts for at most 2,000,000.
    failed = terms(product(), covers=(GUARANTEE,), q10=0)
    assert (failed.guaranteed_minor, failed.collateral_minor) == (2_000_000, 2_000_000)
    other = replace(GUARANTEE, cover_id="word-2", party="farmer-c")
    third = replace(GUARANTEE, cover_id="word-3", party="farmer-d")
    # Three of them are held to half of what the stage costs, 7,200,000.
    assert terms(product(), covers=(GUARANTEE, other, third), q10=0).guaranteed_minor == 3_600_000
    twice = replace(GUARANTEE, cover_id="word-4")
    assert terms(product(), covers=(GUARANTEE, twice), q10=0).guaranteed_minor == 2_000_000


def test_a_guarantee_is_a_floor_and_adds_nothing_to_a_good_harvest():
    plain, covered = (
        terms(product(), q10=411_552),
        terms(product(), covers=(GUARANTEE,), q10=411_552),
    )
    assert covered.collateral_minor == plain.collateral_minor


def test_a_product_without_cover_terms_counts_none():
    bare = parse_product({**CROP})
    assert terms(bare, covers=(INSURANCE, GUARANTEE)).insured_minor is None
    assert terms(bare, covers=(INSURANCE, GUARANTEE)) == terms(bare)


def test_dues_leave_the_season_less_and_liens_the_harvest():
    plain, owing = terms(product()), terms(product(), dues=(DUES,))
    assert owing.harvest_value_minor == plain.harvest_value_minor - 500_000
    # 1,000,000 less in the season, over 1 + 7 % × 180/365.
    assert plain.capacity_minor - owing.capacity_minor == 966_631
    assert (owing.dues_minor, owing.liens_minor) == (1_000_000, 500_000)


# as_of, bureau, currency: whether the answer is believed
@pytest.mark.parametrize(
    ("change", "believed"),
    [
        ({}, True),
        ({"as_of": "2026-05-02"}, True),  # 60 days
        ({"as_of": "2026-05-01"}, False),  # 61 days: unknown
        ({"as_of": "2026-07-02"}, False),  # of tomorrow
        ({"bureau": "other"}, False),
        ({"currency": "KES"}, False),
    ],
)
def test_an_answer_is_believed_for_so_many_days(change: dict[str, Any], believed: bool):
    found = terms(product(), dues=(replace(DUES, **change),))
    assert (found.dues_minor == 1_000_000) == believed


def test_a_bureau_never_lessens_what_was_declared():
    seen = Seen((plot(),), dues=(replace(DUES, dues_minor=10, liens_minor=0),))
    found = limit_terms(product(), seen, Household(0, dues_elsewhere_minor=700_000), ON)
    assert found is not None
    assert found.dues_minor == 700_000


@given(
    sums=st.lists(st.integers(0, 10**9), max_size=4), q10=st.integers(0, 10**6),
    dues=st.integers(0, 10**9), starts=st.integers(-40, 40),
)  # fmt: skip
def test_more_cover_never_lowers_a_limit_and_more_dues_never_raise_it(
    sums: list[int], q10: int, dues: int, starts: int
):
    from_on = date.fromordinal(ON.toordinal() + starts).isoformat()
    covers = tuple(
        replace(INSURANCE if n % 2 else GUARANTEE, cover_id=str(n), sum_minor=each, from_on=from_on)
        for n, each in enumerate(sums)
    )
    plain = terms(product(), q10=q10)
    covered = terms(product(), covers=covers, q10=q10)
    assert covered.limit(10_000) >= plain.limit(10_000)
    if starts > 0:
        assert covered.limit(10_000) == plain.limit(10_000)
    owing = terms(product(), dues=(replace(DUES, dues_minor=dues),), q10=q10)
    assert owing.limit(10_000) <= plain.limit(10_000)


def test_a_ring_of_guarantors_is_found():
    ring = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a", "d"})}
    assert guarantors_in_ring(ring, "a") == ("a", "b", "c", "a")
    chain = {"a": frozenset({"b"}), "b": frozenset({"c", "d"}), "c": frozenset({"d"})}
    assert guarantors_in_ring(chain, "a") == ()
    assert guarantors_in_ring({"a": frozenset({"a"})}, "a") == ("a", "a")


def test_both_days_belong_to_a_cover():
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 10, 31), date(2026, 11, 1)]
    assert [standing_of(INSURANCE, day).value for day in days] == [
        "begins", "in_force", "in_force", "ended",
    ]  # fmt: skip


LIMITS = (REPOSITORY / "docs" / "limits.md").read_text(encoding="utf-8")
TABLE = re.compile(r"^\| ([a-z ]+) \|((?: [\d,.]* ?\|){6})$", re.MULTILINE)
BESIDE: dict[str, tuple[tuple[CoverView, ...], tuple[DuesView, ...]]] = {
    "nothing": ((), ()),
    "insurance": ((INSURANCE,), ()),
    "insurance from tomorrow": ((replace(INSURANCE, from_on="2026-07-02"),), ()),
    "insurance ended yesterday": ((replace(INSURANCE, until_on="2026-06-30"),), ()),
    "guarantee": ((GUARANTEE,), ()),
    "liens": ((), (replace(DUES, dues_minor=0, liens_minor=2_000_000),)),
    "dues": ((), (replace(DUES, dues_minor=4_000_000, liens_minor=0),)),
    "stale dues": ((), (replace(DUES, as_of="2026-04-30"),)),
}


def told_minor(cell: str) -> int | None:
    text = cell.strip().replace(",", "")
    whole, _, part = text.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0") or 0) if text else None


def test_the_page_of_limits_says_what_stands_beside():
    found = TABLE.findall(LIMITS)
    assert [name for name, _ in found] == list(BESIDE)
    for name, cells in found:
        covers, dues = BESIDE[name]
        given_terms = terms(product(), covers=covers, dues=dues)
        wanted = [told_minor(cell) for cell in cells.split("|")[:6]]
        assert [
            given_terms.insured_minor, given_terms.guaranteed_minor, given_terms.dues_minor,
            given_terms.liens_minor, given_terms.collateral_minor, given_terms.limit(10_000),
        ] == wanted, name  # fmt: skip
