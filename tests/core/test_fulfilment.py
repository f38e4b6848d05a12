"""How orders and sales were kept: missing where not known, never zero."""

from __future__ import annotations

import pytest

from core.scoring.features import admissible
from core.scoring.fulfilment import (
    FULFILMENT,
    TRADE_CONSENT,
    HarvestSold,
    OrderKept,
    fulfilment_features,
)

ALL = OrderKept("o-1", 300_000, 300_000, 0, known=True)
HALF = OrderKept("o-2", 100_000, 50_000, 8, known=True)
OPEN = OrderKept("o-3", 100_000, 0, 0, known=False)
HARVEST = HarvestSold("line-1", 2_000, 1_500, 20_000, 20_000)


def values(orders=(), harvests=()):
    return {
        each.name: (each.value, each.coverage_ppm) for each in fulfilment_features(orders, harvests)
    }


@pytest.mark.parametrize(
    ("orders", "harvests", "expected"),
    [
        ((), (), {}),
        ((OPEN,), (), {}),
        ((ALL,), (), {"orders_received_ppm": (1_000_000, 1_000_000),
                      "orders_late_days": (0, 1_000_000)}),
        ((ALL, HALF), (), {"orders_received_ppm": (875_000, 1_000_000),
                           "orders_late_days": (2, 1_000_000)}),
        ((ALL, HALF, OPEN), (), {"orders_received_ppm": (875_000, 800_000),
                                 "orders_late_days": (2, 800_000)}),
        ((), (HARVEST,), {"harvest_sold_ppm": (750_000, 1_000_000)}),
        ((), (HARVEST, HarvestSold("line-2", 0, 0, 20_000, 0)),
         {"harvest_sold_ppm": (750_000, 500_000)}),
        ((), (HarvestSold("line-2", 0, 0, 20_000, 0),), {}),
        ((), (HarvestSold("line-1", 100, 900, 1, 1),),
         {"harvest_sold_ppm": (2_000_000, 1_000_000)}),
    ],
)  # fmt: skip
def test_what_is_known_is_told_and_nothing_else(orders, harvests, expected):
    assert values(orders, harvests) == expected


def test_without_consent_or_with_too_little_known_a_feature_is_missing():
    found = {each.name: each for each in fulfilment_features((ALL, OPEN), (HARVEST,))}
    assert admissible(FULFILMENT, found, (), 500_000) == {}
    assert admissible(FULFILMENT, found, (TRADE_CONSENT,), 500_000) == {
        "orders_received_ppm": 1_000_000, "orders_late_days": 0, "harvest_sold_ppm": 750_000,
    }  # fmt: skip
    assert "harvest_sold_ppm" in admissible(FULFILMENT, found, (TRADE_CONSENT,), 900_000)
    assert "orders_late_days" not in admissible(FULFILMENT, found, (TRADE_CONSENT,), 900_000)
