"""The price by risk: inside its band, monotone in the risk, and without trembling."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decision.quote import quote
from core.errors import ProductError
from core.lending.account import account
from core.lending.agreed import agreed, draw_facts
from core.lending.facts import Fact, FactKind
from core.lending.product import parse_product
from core.lending.risk_price import (
    Rated,
    RateReason,
    RiskPrice,
    RiskStep,
    dearest_ppm,
    first_rate,
    next_rate,
    risk_price_faults,
)
from core.lending.tranches import Tranches
from core.shape import encode
from tests.support.products import CROP, crop_product

BAND = RiskPrice(
    from_on="2026-01-01",
    rate_min_ppm=60_000,
    rate_max_ppm=120_000,
    margin_ppm=10_000,
    change_max_ppm=20_000,
    steps=(RiskStep(50_000, 60_000), RiskStep(100_000, 80_000), RiskStep(200_000, 120_000)),
    source="the lender's own",
)

# before: rate and step; probability of default; after: rate, step, reason
VECTORS = """
80000 1  100000  80000 1 unchanged
80000 1  110000  80000 1 unchanged
80000 1  110001  100000 2 step
100000 2 110001  120000 2 dearer
120000 2 110001  120000 2 unchanged
120000 2 100000  120000 2 unchanged
120000 2 90001   120000 2 unchanged
120000 2 90000   100000 1 step
100000 1 90000   80000 1 cheaper
60000 0  999999  80000 2 step
80000 2  999999  100000 2 step
120000 2 0       100000 0 step
130000 2 999999  120000 2 band
50000 0  0       60000 0 band
"""


def test_the_rate_moves_as_the_vectors_say():
    for row in VECTORS.strip().splitlines():
        rate, step, pd, after, then, reason = row.split()
        found = next_rate(BAND, Rated(int(rate), int(step), RateReason.FIRST), int(pd))
        assert found == Rated(int(after), int(then), RateReason(reason)), row


# probability of default, first rate
@pytest.mark.parametrize(
    ("pd", "rate"), [(0, 60_000), (50_000, 60_000), (50_001, 80_000), (10**6, 120_000)]
)
def test_a_line_begins_at_the_rate_of_its_step(pd: int, rate: int):
    assert first_rate(BAND, pd).rate_ppm == rate


@st.composite
def bands(draw: st.DrawFn) -> RiskPrice:
    count = draw(st.integers(1, 6))
    edges = sorted(draw(st.sets(st.integers(0, 10**6), min_size=count, max_size=count)))
    rates = sorted(draw(st.lists(st.integers(0, 500_000), min_size=count, max_size=count)))
    return RiskPrice(
        "2026-01-01",
        draw(st.integers(0, rates[0])),
        draw(st.integers(rates[-1], 600_000)),
        draw(st.integers(0, 200_000)),
        draw(st.integers(1, 600_000)),
        tuple(RiskStep(*each) for each in zip(edges, rates, strict=True)),
        "drawn",
    )


BEFORE = st.builds(Rated, st.integers(0, 700_000), st.integers(0, 8), st.just(RateReason.UNCHANGED))


@given(band=bands(), before=BEFORE, pd=st.integers(0, 10**6))
def test_the_rate_lies_in_its_band_always(band: RiskPrice, before: Rated, pd: int):
    assert risk_price_faults([band]) == []
    found = next_rate(band, before, pd)
    assert band.rate_min_ppm <= found.rate_ppm <= band.rate_max_ppm
    inside = band.rate_min_ppm <= before.rate_ppm <= band.rate_max_ppm
    if inside:
        assert abs(found.rate_ppm - before.rate_ppm) <= band.change_max_ppm


@given(band=bands(), before=BEFORE, pds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
def test_who_is_riskier_never_pays_less(band: RiskPrice, before: Rated, pds: tuple[int, int]):
    low, high = sorted(pds)
    assert first_rate(band, low).rate_ppm <= first_rate(band, high).rate_ppm
    assert next_rate(band, before, low).rate_ppm <= next_rate(band, before, high).rate_ppm


@given(
    band=bands(), step=st.integers(0, 5), low=st.integers(0, 10**6),
    noise=st.lists(st.integers(0, 200_000), max_size=20),
)  # fmt: skip
def test_a_rate_does_not_tremble(band: RiskPrice, step: int, low: int, noise: list[int]):
    """Scores that stay within one margin of each other move the step one way at most."""
    start = min(step, len(band.steps) - 1)
    at = Rated(band.steps[start].rate_ppm, start, RateReason.UNCHANGED)
    ways = set()
    for each in noise:
        after = next_rate(band, at, low + min(each, band.margin_ppm))
        ways |= {after.step > at.step} if after.step != at.step else set()
        at = after
    assert len(ways) <= 1


def product_with(*rows: RiskPrice, **changes: Any) -> dict[str, Any]:
    return {**CROP, "risk_prices": [encode(row) for row in rows], **changes}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (replace(BAND, rate_min_ppm=120_001), "inverted"),
        (replace(BAND, steps=(RiskStep(50_000, 80_000), RiskStep(90_000, 60_000))), "rise with"),
        (replace(BAND, steps=(RiskStep(50_000, 60_000), RiskStep(50_000, 80_000))), "pd_ppm_max"),
        (replace(BAND, steps=(RiskStep(50_000, 59_999),)), "rates of 60000"),
        (replace(BAND, steps=()), "1 to 20 steps"),
        (replace(BAND, change_max_ppm=0), "change_max_ppm"),
    ],
)
def test_a_band_that_contradicts_itself_is_refused(row: RiskPrice, words: str):
    with pytest.raises(ProductError, match=words):
        parse_product(product_with(row))


def test_a_band_must_hold_the_price_before_a_score_and_bear_simple_interest():
    outside = replace(BAND, rate_min_ppm=75_000, steps=(RiskStep(10**6, 80_000),))
    with pytest.raises(ProductError, match="within the band"):
        parse_product(product_with(outside))
    grows = {"kind": "bullet", "interest": "capitalising", "capitalise_months": 3}
    with pytest.raises(ProductError, match="simple interest"):
        parse_product(product_with(BAND, schedule=grows))


def test_a_gap_between_bands_is_refused():
    later = replace(BAND, from_on="2026-08-01")
    with pytest.raises(ProductError, match="a gap"):
        parse_product(product_with(replace(BAND, until_on="2026-06-30"), later))


def test_the_quote_is_priced_by_risk_and_says_its_rate():
    product = parse_product(product_with(BAND))
    on = date(2026, 4, 1)
    dear = quote(product.at_risk(150_000, on), 100_000, on)
    cheap = quote(product.at_risk(10_000, on), 100_000, on)
    assert (cheap.rate_ppm, dear.rate_ppm) == (60_000, 120_000)
    assert cheap.interest_minor < dear.interest_minor
    assert quote(crop_product(), 100_000, on).rate_ppm is None


def test_a_season_must_repay_the_dearest_price():
    assert dearest_ppm((BAND,), date(2026, 4, 1), 70_000) == 120_000
    assert dearest_ppm((BAND,), date(2025, 4, 1), 70_000) == 70_000


def test_each_drawdown_keeps_its_rate_and_the_oldest_is_repaid_first():
    terms = crop_product().repayment()
    first = draw_facts("a", date(2026, 3, 1), 100_000, 0, 60_000)
    second = draw_facts("b", date(2026, 5, 1), 100_000, 0, 120_000)
    on = date(2026, 7, 1)
    both = account(terms, (*first, *second), on)
    alone = [
        account(replace(terms, rate_ppm=rate), facts, on).owed.interest_minor
        for rate, facts in ((60_000, first), (120_000, second))
    ]
    # 60,000 ppm on 100,000 for 122 days, and 120,000 ppm for 61: 2,005.479 each, rounded once.
    assert (alone, both.owed.interest_minor) == ([2_005, 2_005], 4_011)
    paid = Fact("r", FactKind.REPAYMENT, on, both.owed.interest_minor + 100_000)
    later = account(terms, (*first, *second, paid), date(2026, 8, 1))
    assert later.owed.principal_minor == 100_000
    assert later.owed.interest_minor == 1_019  # of the dear one alone: 31 days


def test_a_drawdown_is_due_with_the_interest_of_its_own_rate():
    terms = crop_product().repayment()
    dear = agreed(terms, draw_facts("a", date(2026, 3, 1), 100_000, 0, 120_000))
    usual = agreed(terms, draw_facts("a", date(2026, 3, 1), 100_000, 0))
    assert dear[-1].interest_minor > usual[-1].interest_minor


@given(
    draws=st.lists(st.tuples(st.sampled_from([70_000, 0, 120_000]), st.integers(1, 10**9))),
    taken=st.lists(st.integers(0, 10**9)),
)
def test_tranches_hold_what_is_owed(draws: list[tuple[int, int]], taken: list[int]):
    tranches, left = Tranches(), sum(amount for _, amount in draws)
    for rate, amount in draws:
        tranches.add(rate, amount)
    for amount in taken:
        part = min(amount, left)
        tranches.take(part)
        left -= part
        assert 0 <= tranches.rated <= left * 120_000
    tranches.take(left)
    assert tranches.rated == 0
