"""Products as data: every bound says what it expected; tables have dates; a bank's own rules."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from core.errors import ProductError
from core.lending.accrual import DayCount, PrincipalChange, simple_interest
from core.lending.dated import Subsidy, subsidised_minor
from core.lending.local import local_product
from core.lending.product import parse_product, read_product
from tests.support.packs import NAMES, PACKS, pack, table
from tests.support.products import CROP, crop_product

ROWS = [
    {"from_on": "2026-01-01", "until_on": "2026-06-30", "price_minor_per_kg": 260, "source": "a"},
    {"from_on": "2026-07-01", "price_minor_per_kg": 240, "source": "b"},
]


def changed(rows: list[dict[str, Any]], at: int, **changes: Any) -> list[dict[str, Any]]:
    found = deepcopy(rows)
    found[at] |= changes
    return found


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "prices: expected 1 to 400 rows, got 0"),
        (
            changed(ROWS, 1, from_on="2026-07-02"),
            "begin on 2026-07-01, got 2026-07-02: that is a gap",
        ),
        (changed(ROWS, 1, from_on="2026-06-30"), "got 2026-06-30: that is an overlap"),
        (ROWS[::-1], "expected until_on in the row from 2026-07-01, got none: only the last row"),
        (changed(ROWS, 0, until_on="2025-01-01"), "expected until_on at or after 2026-01-01"),
        (
            changed(ROWS, 0, from_on="spring"),
            "prices: expected dates such as 2026-09-15, got 'spring'",
        ),
    ],
)
def test_gaps_and_overlaps_of_a_price_list_are_refused(
    rows: list[dict[str, Any]], says: str
) -> None:
    with pytest.raises(ProductError) as refused:
        crop_product(prices=rows)
    assert says in str(refused.value)


def test_a_price_holds_from_its_day_to_its_day() -> None:
    product = crop_product(prices=changed(ROWS, 1, until_on="2026-08-31"))

    def price_on(day: str) -> int | None:
        price = product.on(date.fromisoformat(day)).price
        return price.price_minor_per_kg if price else None

    assert price_on("2025-12-31") == 260  # before the list, the product's own
    assert (price_on("2026-06-30"), price_on("2026-07-01")) == (260, 240)
    assert (price_on("2026-08-31"), price_on("2026-09-01")) == (240, None)


def test_a_cap_has_dates_and_only_lowers() -> None:
    caps = [
        {"from_on": "2026-01-01", "until_on": "2026-03-31", "apr_cap_ppm": 240_000, "source": "a"},
        {"from_on": "2026-04-01", "apr_cap_ppm": 900_000, "source": "b"},
    ]
    product = crop_product(apr_caps=caps)
    assert product.apr_cap_ppm_on(date(2026, 3, 31)) == 240_000
    assert product.apr_cap_ppm_on(date(2026, 4, 1)) == 360_000  # the lender's own is lower
    with pytest.raises(ProductError, match="expected a cap up to due_on 2026-09-15, got none"):
        crop_product(apr_caps=caps[:1])


def test_subsidies_are_held_region_by_region() -> None:
    row = {"from_on": "2026-01-01", "rate_ppm": 20_000, "source": "a"}
    both = [{**row, "region": "east"}, {**row, "region": "west"}]
    assert crop_product(subsidies=both, region="west").subsidies_here()[0].region == "west"
    with pytest.raises(ProductError, match="subsidies of east: expected until_on"):
        crop_product(subsidies=[both[0], both[0]])


def test_a_subsidy_pays_interest_on_its_days_and_up_to_its_amount() -> None:
    rows = (
        Subsidy("here", "2026-01-01", 30_000, "a", "2026-03-31", 50_000),
        Subsidy("here", "2026-04-01", 0, "a", "2026-04-30"),
        Subsidy("here", "2026-05-01", 10_000, "a"),
    )
    changes = [
        PrincipalChange(date(2026, 3, 1), 80_000),
        PrincipalChange(date(2026, 5, 11), -80_000),
    ]
    # 31 days of March at 3 % on 50,000; none in April; ten days of May at 1 % on 80,000.
    expected = round((31 * 50_000 * 0.03 + 10 * 80_000 * 0.01) / 365)
    assert subsidised_minor(rows, changes, date(2026, 9, 1), DayCount.ACT_365F) == expected
    whole = (Subsidy("here", "2026-01-01", 30_000, "a"),)
    until = date(2026, 9, 1)
    assert subsidised_minor(whole, changes, until, DayCount.ACT_365F) == simple_interest(
        changes, 30_000, until, DayCount.ACT_365F
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"credit": {**CROP["credit"], "rate_ppm": 1_000_001}},
            "credit.rate_ppm: expected 0 to 1,000,000 ppm, got 1,000,001",
        ),
        (
            {"credit": {**CROP["credit"], "term_days": -1}},
            "credit.term_days: expected 0 to 3,660 days",
        ),
        (
            {"movement": {**CROP["movement"], "raise_looks_min": 0}},
            "movement.raise_looks_min: expected 1 to 10, got 0",
        ),
        (
            {"movement": {**CROP["movement"], "raise_max_ppm": -1}},
            "movement.raise_max_ppm: expected 0",
        ),
        ({"version": 0}, "version: expected 1 to 1,000,000, got 0"),
        (
            {"price": {**CROP["price"], "price_haircut_ppm": 2_000_000}},
            "price.price_haircut_ppm: expected 0 to 1,000,000 ppm, got 2,000,000",
        ),
        (
            {"stages": [{**CROP["stages"][0], "ltv_ppm": 1_000_001}]},
            "stages.sowing.ltv_ppm: expected 0 to 1,000,000 ppm, got 1,000,001",
        ),
        (
            {"bounds": [{"path": "credit.rat_ppm", "low": 1}]},
            "bounds: expected the path of a number, got 'credit.rat_ppm'",
        ),
        ({"bounds": [{"path": "credit.rate_ppm"}]}, "expected low, high or both, got neither"),
        (
            {"bounds": [{"path": "credit.rate_ppm", "low": 80_000}]},
            "bounds of credit.rate_ppm: expected the product's own 70,000 within 80,000 to 70,000",
        ),
    ],
)
def test_every_bound_says_what_it_expected_and_got(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ProductError) as refused:
        crop_product(**changes)
    assert says in str(refused.value)


def of(name: str, **changes: Any) -> dict[str, Any]:
    return {**table(PACKS / f"{name}.toml"), **changes}


TWICE = of("input-voucher")["voucher"]["goods"] * 2


def inner(name: str, part: str, **changes: Any) -> dict[str, Any]:
    found = table(PACKS / f"{name}.toml")
    return {**found, part: {**found[part], **changes}}


@pytest.mark.parametrize(
    ("product", "says"),
    [
        (of("kisan-revolving", kind="machinery"), "a machinery product needs [machine]"),
        (
            of("machinery", kind="voucher"),
            "a voucher product needs [price] and [[stages]] and [voucher]",
        ),
        (of("machinery", kind="receipt"), "a receipt product needs [price] and [receipt]"),
        (of("machinery", kind="revolving"), "a revolving product needs [revolving]"),
        (
            inner("kisan-revolving", "revolving", years=11),
            "revolving.years: expected 1 to 10, got 11",
        ),
        (
            inner("kisan-revolving", "revolving", rounding_minor=0),
            "rounding_minor: expected more than 0",
        ),
        (inner("kisan-revolving", "revolving", crops=[]), "expected the year's crops, got none"),
        (
            inner("kisan-revolving", "revolving", first_year_on="April"),
            "first_year_on must be a date",
        ),
        (inner("machinery", "machine", fuel_ml_per_ha_min=0), "counters would prove nothing"),
        (
            inner("input-voucher", "voucher", suppliers=[]),
            "voucher.suppliers: expected at least one",
        ),
        (inner("input-voucher", "voucher", goods=TWICE), "voucher.goods: expected each once"),
        (inner("warehouse-receipt", "receipt", advance_ppm=800_001), "expected 1 to 800,000 ppm"),
        (
            inner("warehouse-receipt", "receipt", humidity_ppm_max=700_000),
            "expected more than humidity_ppm_safe",
        ),
    ],
)
def test_each_kind_names_what_it_lacks(product: dict[str, Any], says: str) -> None:
    with pytest.raises(ProductError) as refused:
        parse_product(product)
    assert says in str(refused.value)


def test_a_mistyped_name_in_a_file_is_refused_and_passed_over_on_the_wire() -> None:
    mistyped = inner("crop-season", "movement", raise_max_pmm=1)
    with pytest.raises(ProductError, match=r"got movement\.raise_max_pmm"):
        read_product(mistyped)
    assert parse_product(mistyped) == pack("crop-season")


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_names_its_sources_and_what_it_is_held_against(name: str) -> None:
    product = pack(name)
    assert product.cycle is not None
    assert product.cash
    text = (PACKS / f"{name}.toml").read_text(encoding="utf-8")
    assert "assumption" in text
    assert "source" in text


def local(**changes: Any) -> dict[str, Any]:
    return {"base": "crop-season@2", "product_id": "crop-season-migori", "version": 1,
            "region": "Migori", **changes}  # fmt: skip


def test_a_bank_moves_what_the_policy_lets_it_move() -> None:
    base = pack("crop-season")
    rules = local(
        name="Maize, Migori",
        credit={"rate_ppm": 120_000, "limit_max_minor": 8_000_000},
        stages=[{"stage": "sowing", "released_ppm": 200_000}],
        prices=[{"from_on": "2026-03-01", "price_minor_per_kg": 4_100, "source": "Migori market"}],
        calendar={"roll": "following", "rest_weekdays": [6], "source": "the branch"},
        apr_caps=[{"from_on": "2026-01-01", "apr_cap_ppm": 200_000, "source": "the branch"}],
        subsidies=[
            {"region": "Migori", "from_on": "2026-03-01", "rate_ppm": 10_000, "source": "x"}
        ],
    )
    found = local_product(base, rules)
    assert (found.credit.rate_ppm, found.credit.limit_max_minor) == (120_000, 8_000_000)
    assert found.credit.fee_ppm == base.credit.fee_ppm
    assert [stage.released_ppm for stage in found.stages][:2] == [200_000, 300_000]
    assert found.base == base.policy_version()
    assert found.subsidies_here()
    assert found.policy_version().startswith("crop-season-migori@1:")


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (
            local(credit={"rate_ppm": 99_999}),
            "credit.rate_ppm: expected 100,000 to 160,000, which the policy allows, got 99999",
        ),
        (
            local(credit={"limit_max_minor": 15_000_001}),
            "credit.limit_max_minor: expected 1,000,000 to 15,000,000",
        ),
        (
            local(credit={"fee_ppm": 0}),
            "credit.fee_ppm: expected what the policy lets a bank set (credit.limit",
        ),
        (local(credit={"rate_ppm": True}), "got True"),
        (
            local(stages=[{"stage": "heading", "ltv_ppm": 1}]),
            "stages.heading.ltv_ppm: expected what the policy",
        ),
        (
            local(stages=[{"stage": "tillering", "released_ppm": 1}]),
            "stages.tillering.released_ppm: expected",
        ),
        (local(movement={"raise_looks_min": 1}), "movement.raise_looks_min: expected what"),
        (
            local(prices=[{"from_on": "2026-03-01", "price_minor_per_kg": 5_001, "source": "x"}]),
            "prices.price_minor_per_kg: expected 3,000 to 5,000, which the policy allows, got 5001",
        ),
        (
            local(bounds=[{"path": "credit.fee_ppm", "low": 0}]),
            "bounds.path: expected what the policy",
        ),
        (local(due_on="2027-09-15"), "due_on: expected what the policy"),
        (local(base="crop-season@1"), "base: expected crop-season@2 or crop-season@2:"),
        (local(product_id="crop-season"), "product_id: expected a name of the bank's own"),
    ],
)
def test_what_goes_beyond_is_refused_by_name(rules: dict[str, Any], says: str) -> None:
    with pytest.raises(ProductError) as refused:
        local_product(pack("crop-season"), rules)
    assert says in str(refused.value)


def test_a_banks_product_is_no_base_for_another() -> None:
    once = local_product(pack("crop-season"), local())
    twice = {**local(), "base": once.policy_version(), "product_id": "again"}
    with pytest.raises(ProductError, match="which is a bank's own"):
        local_product(once, twice)
