"""How a farmer's orders and sales were kept: features for scoring, missing where not known.

An order counts once it is known what became of it; a harvest counts once it was seen to be
brought in and time to sell it has passed. Nothing known is no feature, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.scoring.features import Direction, FeatureDefinition, FeatureValue, Source
from core.units import PPM, divide_half_even

TRADE_CONSENT = "trade_records"
LATE_DAYS_MAX = 365
SOLD_PPM_MAX = 2 * PPM  # of the harvest that could be relied on, which is a low estimate
FULFILMENT: tuple[FeatureDefinition, ...] = (
    FeatureDefinition(
        "orders_received_ppm", "ppm", 0, PPM, Direction.SAFER, Source.HISTORY, TRADE_CONSENT, 3,
        "Some of what was ordered on past lines was not received.",
    ),
    FeatureDefinition(
        "orders_late_days", "days", 0, LATE_DAYS_MAX, Direction.RISKIER, Source.HISTORY,
        TRADE_CONSENT, 3, "Goods of past lines came late.",
    ),
    FeatureDefinition(
        "harvest_sold_ppm", "ppm", 0, SOLD_PPM_MAX, Direction.SAFER, Source.HISTORY,
        TRADE_CONSENT, 3, "Less of past harvests was sold to the buyers than was expected.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderKept:
    """What became of an order [minor units]; ``known`` once the farmer or an officer said so."""

    order_id: str
    total_minor: int
    received_minor: int
    late_days: int
    known: bool


@dataclass(frozen=True, slots=True)
class HarvestSold:
    """A harvest that was brought in: what could be relied on, and what was sold of it [kg].

    ``seen_area_m2`` is the land of which a yield was estimated, of ``area_m2`` in all.
    """

    line_id: str
    expected_kg: int
    sold_kg: int
    area_m2: int
    seen_area_m2: int


def fulfilment_features(
    orders: Sequence[OrderKept], harvests: Sequence[HarvestSold]
) -> tuple[FeatureValue, ...]:
    """What is known of how orders and sales were kept, in order of name."""
    return (*_sold(harvests), *_kept(orders))


def _sold(harvests: Sequence[HarvestSold]) -> tuple[FeatureValue, ...]:
    expected = sum(each.expected_kg for each in harvests)
    area_m2 = sum(each.area_m2 for each in harvests)
    if expected <= 0 or area_m2 <= 0:
        return ()
    sold = sum(each.sold_kg for each in harvests)
    coverage_ppm = sum(each.seen_area_m2 for each in harvests) * PPM // area_m2
    value = min(SOLD_PPM_MAX, divide_half_even(sold * PPM, expected))
    named = "sales:" + ",".join(sorted(each.line_id for each in harvests))
    return (FeatureValue("harvest_sold_ppm", value, coverage_ppm, named),)


def _kept(orders: Sequence[OrderKept]) -> tuple[FeatureValue, ...]:
    known = [each for each in orders if each.known and each.total_minor > 0]
    value_minor = sum(each.total_minor for each in known)
    if value_minor == 0:
        return ()
    coverage_ppm = value_minor * PPM // sum(each.total_minor for each in orders)
    received_ppm = divide_half_even(sum(x.received_minor for x in known) * PPM, value_minor)
    late = divide_half_even(sum(x.late_days * x.total_minor for x in known), value_minor)
    named = "orders:" + ",".join(sorted(each.order_id for each in known))
    return (
        FeatureValue("orders_late_days", min(late, LATE_DAYS_MAX), coverage_ppm, named),
        FeatureValue("orders_received_ppm", min(PPM, received_ppm), coverage_ppm, named),
    )
