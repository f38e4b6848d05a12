"""Interest, price, schedule, ledger, products: worked examples and refusals."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.canonical import canonical_hash
from core.decision.quote import quote
from core.errors import CanonicalError, LedgerImbalanceError, PriceError, ProductError, ShapeError
from core.lending.accrual import DayCount, PrincipalChange, simple_interest
from core.lending.ledger import (
    Entry,
    EntryKind,
    EntryLine,
    balance,
    check_entry,
    entry_hash,
    hashes,
    transfer,
)
from core.lending.price import Flow, apr_ppm, effective_rate
from core.lending.product import parse_product
from core.shape import encode
from tests.support.products import CROP, HERD, crop_product
from tests.support.requirements import oracle, require

DAY = date(2026, 3, 20)


def test_a_year_of_interest_as_the_reserve_bank_reckons_it() -> None:
    drawn = [PrincipalChange(date(2024, 6, 1), 10_000_000)]
    until = date(2025, 3, 31)
    assert simple_interest(drawn, 70_000, until, DayCount.ACT_365F) == 581_096
    assert simple_interest(drawn, 30_000, until, DayCount.ACT_365F) == 249_041  # the rebate


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 10**8)), min_size=1, max_size=6),
    st.integers(0, 400_000),
    st.integers(0, 400),
)
def test_daily_views_of_interest_never_drift_from_the_sum(
    draws: list[tuple[int, int]], rate: int, days: int
) -> None:
    changes = [PrincipalChange(DAY + timedelta(days=d), a) for d, a in draws]
    views = [
        simple_interest(changes, rate, DAY + timedelta(days=d), DayCount.ACT_360)
        for d in range(days + 1)
    ]
    assert views == sorted(views)
    exact = sum(a * max(0, days - d) for d, a in draws) * rate
    assert abs(views[-1] * 1_000_000 * 360 - exact) * 2 <= 1_000_000 * 360


def test_the_commissions_examples_to_six_digits() -> None:
    text = (require("data") / "apr_vectors" / "eu_aprc.json").read_text()
    cases: list[dict[str, Any]] = json.loads(text)
    assert len(cases) == 12
    for case in cases:
        flows = [(Decimal(str(years)), Decimal(str(amount))) for years, amount in case["flows"]]
        found = round(effective_rate(flows) * 100, 6)
        assert found == Decimal(str(case["expected_apr_pct_6dp"]))


@settings(max_examples=25, deadline=None)
@given(st.integers(1_000, 10**9), st.integers(1, 900), st.integers(1, 500_000))
def test_the_rate_equals_the_oracle(amount: int, days: int, cost_ppm: int) -> None:
    pyxirr = oracle("pyxirr")
    back = amount + amount * cost_ppm // 1_000_000 + 1
    dates = [DAY, DAY + timedelta(days=days)]
    expected = pyxirr.xirr(dates, [float(amount), -float(back)])
    if expected is None or expected > 900:
        return
    found = apr_ppm([Flow(0, amount), Flow(days, -back)])
    assert found == pytest.approx(expected * 1e6, rel=1e-6, abs=1)


@pytest.mark.parametrize("flows", [[], [Flow(0, 5)], [Flow(0, -5), Flow(3, -5)]])
def test_one_sided_flows_have_no_rate(flows: list[Flow]) -> None:
    with pytest.raises(PriceError, match="one side only"):
        apr_ppm(flows)


def test_the_whole_price_is_told() -> None:
    product = crop_product(credit={**CROP["credit"], "rate_ppm": 140_000, "fee_ppm": 15_000})
    told = quote(product, 1_000_000, DAY)
    assert (told.fee_minor, told.interest_minor) == (15_000, 68_658)  # 179 days
    assert told.total_minor == 1_083_658
    assert told.apr_ppm == 178_010


def test_a_quote_after_the_due_date_is_refused() -> None:
    with pytest.raises(PriceError, match="before the due date"):
        quote(crop_product(), 10_000, date(2026, 9, 15))


def entry(*lines: EntryLine) -> Entry:
    return Entry("e1", EntryKind.DRAWDOWN, "2026-03-20", 1, "draw-1", lines)


def test_a_balanced_entry_passes() -> None:
    lines = transfer("loan/principal/l1", "cash/kijani", "KES", 500)
    assert check_entry(entry(*lines)).lines == lines
    assert balance(lines, "loan/principal/l1", "KES") == 500
    assert balance(lines, "cash/kijani", "KES") == -500


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "2 to 64 lines"),
        ([("a", "KES", 5)], "2 to 64 lines"),
        ([("a", "KES", 5), ("b", "KES", -4)], "KES lines sum to 1"),
        ([("a", "KES", 5), ("b", "UGX", -5)], "KES lines sum to 5"),
        ([("a", "KES", 0), ("b", "KES", 0)], "a moves nothing"),
    ],
)
def test_an_entry_that_does_not_balance_is_refused(
    lines: list[tuple[str, str, int]], says: str
) -> None:
    with pytest.raises(LedgerImbalanceError, match=says):
        check_entry(entry(*(EntryLine(*line) for line in lines)))


def test_the_chain_notices_any_change() -> None:
    one = entry(*transfer("a", "b", "KES", 5))
    other = entry(*transfer("a", "b", "KES", 6))
    assert entry_hash(one, "0") != entry_hash(other, "0")
    assert entry_hash(one, "0") != entry_hash(one, "1")


_TEXTS = st.text(max_size=12) | st.sampled_from(['a"b', "a\\b", "é", "e\u0301", "\t", "", "~ !"])


@given(
    st.tuples(_TEXTS, _TEXTS, _TEXTS, _TEXTS),
    st.lists(st.tuples(_TEXTS, _TEXTS, st.integers(-(2**53), 2**53)), max_size=3),
    st.integers(-(2**53), 2**53),
)
def test_the_short_way_to_an_entrys_hashes_is_the_long_one(texts, lines, recorded_ms) -> None:
    one = Entry(
        texts[0], EntryKind.REBATE, texts[1], recorded_ms, texts[2],
        tuple(EntryLine(*line) for line in lines),
    )  # fmt: skip
    try:
        body = encode(one)
        said = {key: body[key] for key in body if key not in ("entry_id", "recorded_at_ms")}
        wanted = canonical_hash(said), entry_hash(one, texts[3])
    except CanonicalError:
        with pytest.raises(CanonicalError):
            hashes(one, texts[3])
        return
    assert hashes(one, texts[3]) == wanted


def test_products_are_read_and_cited_by_content() -> None:
    product = parse_product(CROP)
    changed = parse_product({**CROP, "name": "Another"})
    assert product.policy_version().startswith("wheat@1:")
    assert product.policy_version() != changed.policy_version()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"due_on": "soon"}, "due_on must be a date"),
        ({"stages": []}, "needs \\[price\\] and \\[\\[stages\\]\\]"),
        ({"stages": CROP["stages"][::-1]}, "released_ppm must rise"),
        ({"decision": {**CROP["decision"], "approve_pd_ppm_max": 900_000}}, "must not exceed"),
        ({"credit": {**CROP["credit"], "draw_step_minor": 0}}, "must be positive"),
        ({"movement": {**CROP["movement"], "fresh_days_max": 60}}, "below stale_days_max"),
        ({"lease": {**CROP["lease"], "share_of_headroom_ppm": 2_000_000}}, "0 to 1,000,000"),
    ],
)
def test_a_product_that_contradicts_itself_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ProductError, match=says):
        parse_product({**CROP, **change})


def test_a_livestock_product_needs_its_herd_terms() -> None:
    with pytest.raises(ProductError, match="herd"):
        parse_product({key: value for key, value in HERD.items() if key != "herd"})
    with pytest.raises(ShapeError, match="version"):
        parse_product({key: value for key, value in CROP.items() if key != "version"})
