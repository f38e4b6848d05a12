"""The rule of each kind of product, against numbers that can be worked out on paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from core.errors import ProductError
from core.lending.kind_terms import CropScale, MachineTerms, ReceiptTerms, RevolvingTerms
from core.lending.kinds.machine import proven_area_m2
from core.lending.kinds.receipt import stock_kg_ppm
from core.lending.kinds.revolving import highest_limit, term_limit, year_limits, year_on
from core.lending.kinds.voucher import is_broken, order_refusal, trade_waits
from core.lending.limit import Household, Movement, Standing, limit_terms, review
from core.lending.product import Product
from core.lending.views import (
    AssetView,
    HerdView,
    MachineView,
    OrderState,
    OrderView,
    PlotView,
    Seen,
    StoreView,
    TradeView,
)
from core.reasons import ReasonCode
from core.units import PPM
from tests.support.packs import pack

NOBODY = Household(0)

# RBI, FIDD.CO.FSD.BC.No.7/05.05.010/2017-18, worked example, in paise: one acre of paddy at
# 11,000 and one of sugarcane at 22,000, an acre taken for the hectare of our schema.
KCC = RevolvingTerms(
    first_year_on="2026-04-01",
    years=5,
    household_ppm=100_000,
    upkeep_ppm=200_000,
    rise_ppm=100_000,
    rounding_minor=10_000,
    crops=(
        CropScale("paddy", 1_100_000, 500_000, "RBI"),
        CropScale("sugarcane", 2_200_000, 500_000, "RBI"),
    ),
    term_ppm=PPM,
    term_minor_max=7_000_000,
)
TWO = 20_000  # m²


def test_the_kisan_credit_card_of_the_circular() -> None:
    limits = [each // 100 for each in year_limits(KCC, TWO)]
    assert limits == [42_900, 47_200, 51_900, 57_100, 62_800]
    assets = [AssetView("well", 4_000_000, 0), AssetView("pump", 3_500_000, 0)]
    assert term_limit(KCC, assets) == 7_000_000
    assert highest_limit(KCC, TWO, [], 100_000) == 6_300_000
    assert highest_limit(KCC, TWO, assets, 100_000) == 13_300_000


def test_shares_for_household_and_upkeep_stand_in_the_first_year() -> None:
    bare = replace(KCC, household_ppm=0, upkeep_ppm=0)
    assert year_limits(bare, TWO)[0] == 3_300_000
    assert year_limits(replace(bare, household_ppm=100_000), TWO)[0] == 3_630_000
    assert year_limits(replace(bare, upkeep_ppm=200_000), TWO)[0] == 3_960_000


@pytest.mark.parametrize(
    ("on", "year"),
    [("2026-01-01", 0), ("2026-04-01", 0), ("2027-03-31", 0), ("2027-04-01", 1),
     ("2031-03-31", 4), ("2031-04-01", None)],
)  # fmt: skip
def test_the_year_of_a_revolving_line_turns_on_its_day(on: str, year: int | None) -> None:
    assert year_on(KCC, date.fromisoformat(on)) == year


def limit_of(product: Product, seen: Seen, on: str) -> int | None:
    terms = limit_terms(product, seen, NOBODY, date.fromisoformat(on))
    return None if terms is None else terms.limit(product.credit.rounding_unit_minor)


def test_a_revolving_line_is_the_years_and_knows_no_limit_after_them() -> None:
    product = pack("kisan-revolving")
    land = Seen((PlotView("p", 10_000, "", "", 3),))
    # (13,600 + 27,200) × 1.3 = 53,040, then a tenth more each year, to the nearest 100.
    years = {2026: 53_000, 2027: 58_300, 2028: 64_100, 2029: 70_500, 2030: 77_600}
    for year, limit in years.items():
        assert limit_of(product, land, f"{year}-06-01") == limit * 100
    assert limit_of(product, land, "2031-06-01") is None


@pytest.mark.parametrize(
    ("view", "heads"),
    [
        ({}, None),  # no tag was ever read: unknown, not zero
        ({"tags_read": 10}, 10),
        ({"tags_read": 12}, 10),  # a neighbour's animals do not count
        ({"tags_read": 7}, 7),
        ({"tags_read": 7, "settled_heads": 2}, 5),
        ({"tags_read": 7, "settled_heads": 9}, 0),
    ],
)
def test_a_herd_is_lent_on_by_its_ear_tags(view: dict[str, Any], heads: int | None) -> None:
    herd = HerdView("h", 10, 3, 650_000, **view)
    found = limit_of(pack("livestock"), Seen(herds=(herd,)), "2026-04-01")
    assert found == (None if heads is None else heads * 400_000)


@pytest.mark.parametrize(
    ("forage_ppm", "feed_minor", "heads_fed"),
    [
        (650_000, 0, 10),
        (325_000, 0, 5),  # half of what carries the herd
        (325_000, 2_700_000, 8),  # hay for three more
        (325_000, 99_000_000, 10),  # never more than there are
        (299_999, 0, 0),  # below the floor the grass carries nothing
        (299_999, 900_000, 1),
    ],
)
def test_feed_invoices_carry_what_the_grass_does_not(
    forage_ppm: int, feed_minor: int, heads_fed: int
) -> None:
    herd = HerdView("h", 10, 3, forage_ppm, tags_read=10, feed_bought_minor=feed_minor)
    found = limit_of(pack("livestock"), Seen(herds=(herd,)), "2026-04-01")
    assert found == heads_fed * 400_000


def machine_of(**changes: int) -> MachineView:
    view = {"engine_s": 360_000, "area_m2": 900_000, "fuel_ml": 1_200_000}
    return MachineView("t", **{**view, "coverage_ppm": 900_000, "age_days": 1, **changes})


@pytest.mark.parametrize(
    ("changes", "area_m2"),
    [
        ({}, 900_000),  # 100 h would do 1,000,000 m², 1,200 l as much
        ({"area_m2": 5_000_000}, 1_000_000),  # the counter alone proves nothing
        ({"engine_s": 180_000}, 500_000),
        ({"fuel_ml": 600_000}, 500_000),
        ({"fuel_ml": 0}, 0),
    ],
)
def test_three_counters_must_carry_the_area(changes: dict[str, int], area_m2: int) -> None:
    terms = pack("machinery").machine
    assert isinstance(terms, MachineTerms)
    assert proven_area_m2(terms, machine_of(**changes)) == area_m2


def test_a_machine_lends_on_its_work_and_never_beyond_its_worth() -> None:
    product = pack("machinery")
    terms = limit_terms(product, Seen(machines=(machine_of(),)), Household(4), date(2026, 5, 1))
    assert terms is not None
    assert terms.stage_cost_minor == 90 * 250_000
    assert terms.collateral_minor == 60_000_000  # 40 % of KES 1,500,000
    assert terms.harvest_value_minor == 90 * 337_500  # KES 7,500 less 55 %
    # (303,750 − 4,000) / (1 + 1.5 % + 14 % × 290/365)
    assert terms.capacity_minor == int(29_975_000 / (1.015 + 0.14 * 290 / 365))


def test_too_thin_coverage_is_unknown_never_zero() -> None:
    thin = machine_of(coverage_ppm=599_999)
    assert limit_of(pack("machinery"), Seen(machines=(thin,)), "2026-05-01") is None
    assert limit_of(pack("machinery"), Seen(), "2026-05-01") is None
    store = StoreView("s", 10_000, 10_000, 500_000, 599_999, 1)
    assert limit_of(pack("warehouse-receipt"), Seen(stores=(store,)), "2026-10-01") is None
    assert limit_of(pack("warehouse-receipt"), Seen(), "2026-10-01") is None


@pytest.mark.parametrize(
    ("receipts_kg", "level_kg", "humidity_ppm", "kg"),
    [
        (10_000, 9_900, 600_000, 9_900),
        (10_000, 12_000, 700_000, 10_000),  # the level may hold another's grain
        (10_000, 9_900, 750_000, 4_950),  # halfway between safe and mould
        (10_000, 9_900, 800_000, 0),
        (10_000, 9_900, 900_000, 0),
        (0, 9_900, 600_000, 0),
    ],
)
def test_what_lies_dry_is_counted(
    receipts_kg: int, level_kg: int, humidity_ppm: int, kg: int
) -> None:
    terms = pack("warehouse-receipt").receipt
    assert isinstance(terms, ReceiptTerms)
    store = StoreView("s", receipts_kg, level_kg, humidity_ppm, 900_000, 1)
    assert stock_kg_ppm(terms, store) == kg * PPM


def test_a_store_is_lent_three_quarters_of_its_value_by_the_days_price() -> None:
    stores = Seen(stores=(StoreView("s", 10_000, 10_000, 600_000, 900_000, 1),))
    # 10,000 kg × 40 × 0.9 × 0.98 × 0.75 = 264,600; from December on at 46.
    assert limit_of(pack("warehouse-receipt"), stores, "2026-11-30") == 26_460_000
    assert limit_of(pack("warehouse-receipt"), stores, "2026-12-01") == 30_420_000


def plot(area_m2: int = 10_000) -> PlotView:
    return PlotView("p", area_m2, "heading", "heading", 3, 3_000, 3_500)


def order(goods: str = "seed", amount: int = 100_000, **changes: Any) -> OrderView:
    return replace(OrderView("o", "migori-agrovet", goods, amount, OrderState.PAID, 0), **changes)


@pytest.mark.parametrize(
    ("before", "asked", "refused"),
    [
        ([], order(), None),
        ([], order(supplier="a-cousin"), ReasonCode.DRAW_SUPPLIER_ONLY),
        ([], order(goods="beer"), ReasonCode.DRAW_GOODS_ONLY),
        ([], order(amount=500_000), None),
        ([], order(amount=500_001), ReasonCode.DRAW_GOODS_ONLY),
        ([order(amount=450_000)], order(), ReasonCode.DRAW_GOODS_ONLY),
        ([order("fertiliser", 1_000_000)], order(), None),
        ([order(age_days=22)], order("protection"), ReasonCode.DRAW_FROZEN),
        ([order(age_days=21)], order("protection"), None),
        ([order(state=OrderState.DELIVERED, age_days=99)], order("protection"), None),
        ([order(state=OrderState.DIVERTED)], order("protection"), ReasonCode.DRAW_FROZEN),
    ],
)
def test_a_voucher_pays_only_within_the_loop(
    before: list[OrderView], asked: OrderView, refused: ReasonCode | None
) -> None:
    found = order_refusal(pack("input-voucher"), 10_000, before, asked)
    assert (found.code if found else None) is refused


def test_a_broken_loop_lends_no_more_and_asks_for_nothing_back() -> None:
    product = pack("input-voucher")
    whole = Seen((plot(),), orders=(order(),))
    assert limit_of(product, whole, "2026-06-01") == 1_900_000  # the goods of a hectare
    broken = Seen((plot(),), orders=(order(amount=850_000, state=OrderState.DIVERTED),))
    assert product.voucher is not None
    assert is_broken(product.voucher, broken.orders)
    assert limit_of(product, broken, "2026-06-01") == 850_000


ELSEWHERE = TradeView("farmer", sold_elsewhere=("line-before",))


@pytest.mark.parametrize(
    ("seen", "waits"),
    [
        (Seen((plot(),), orders=(order(),)), None),
        (Seen((plot(),), orders=(order(state=OrderState.DIVERTED, amount=1_900_000),)),
         ReasonCode.LIMIT_ORDER_BROKEN),
        (Seen((plot(),), orders=(order(age_days=22, amount=1_900_000),)),
         ReasonCode.LIMIT_ORDER_BROKEN),
        (Seen((plot(),), trade=(TradeView("farmer", harvest_sold_ppm=100_000),)), None),
        (Seen((plot(),), trade=(ELSEWHERE,)), ReasonCode.LIMIT_SOLD_ELSEWHERE),
    ],
)  # fmt: skip
def test_goods_or_a_harvest_that_went_elsewhere_hold_a_rise(
    seen: Seen, waits: ReasonCode | None
) -> None:
    product = pack("input-voucher")
    terms = limit_terms(product, seen, NOBODY, date(2026, 6, 1))
    assert terms is not None
    assert terms.ordered_minor == (sum(each.amount_minor for each in seen.orders) or None)
    looks = (1_900_000,) * product.movement.raise_looks_min
    stands = Standing(
        1_000_000, 0, 0, supported_minor=looks, raise_waits=trade_waits(product, seen)
    )
    found = review(product, stands, terms, 3, ("ev",))
    assert found.movement is (Movement.RAISED if waits is None else Movement.HELD)
    assert (waits in {each.code for each in found.reasons}) is (waits is not None)


def test_a_crop_knows_no_orders() -> None:
    assert trade_waits(pack("crop-season"), Seen((plot(),), trade=(ELSEWHERE,))) is None


def test_where_the_price_list_has_ended_nothing_is_known() -> None:
    product = pack("input-voucher")
    assert product.prices is not None
    ended = replace(product, prices=(replace(product.prices[1], until_on="2026-08-31"),))
    assert limit_of(ended, Seen((plot(),)), "2026-08-31") == 1_900_000
    assert limit_of(ended, Seen((plot(),)), "2026-09-01") is None


@pytest.mark.parametrize("kind", ["livestock", "kisan-revolving", "machinery", "input-voucher",
                                  "warehouse-receipt"])  # fmt: skip
def test_a_kind_without_its_terms_is_refused_by_name(kind: str) -> None:
    product = replace(pack(kind), herd=None, revolving=None, machine=None, voucher=None,
                      receipt=None)  # fmt: skip
    with pytest.raises(ProductError, match=r"needs \["):
        limit_terms(product, Seen((plot(),)), NOBODY, date(2026, 6, 1))


def test_a_line_is_as_old_and_as_sure_as_its_least_known_part() -> None:
    sure = replace(plot(), sources=("picture", "visit"))
    assert Seen((sure,)).sources_count == 2
    assert Seen((sure, plot())).sources_count == 1
    assert Seen((replace(plot(), age_days=9), plot())).age_days == 9
