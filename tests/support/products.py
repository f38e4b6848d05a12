"""Products for tests, small enough to work out by hand."""

from __future__ import annotations

from typing import Any

from core.lending.product import Product, parse_product

CROP: dict[str, Any] = {
    "product_id": "wheat",
    "version": 1,
    "kind": "crop",
    "name": "Wheat season",
    "currency": "CNY",
    "crop": "wheat",
    "season_id": "2026",
    "due_on": "2026-09-15",
    # A yield in kg/ha and an area in m² meet at 10,000; with 1,000 m² a yield of
    # 318,248 kg/ha gives the same kilograms as 100 mu at 318.248 kg/mu.
    "scale_of_finance_minor_per_ha": 80_000_000,
    "price": {
        "price_minor_per_kg": 260,
        "as_of": "2026-03-01",
        "source": "worked example",
        "price_haircut_ppm": 100_000,
        "post_harvest_loss_ppm": 30_000,
    },
    "stages": [
        {"stage": "sowing", "released_ppm": 350_000, "ltv_ppm": 600_000, "usual_from_day": 0},
        {"stage": "vegetative", "released_ppm": 750_000, "ltv_ppm": 600_000, "usual_from_day": 40},
        {"stage": "heading", "released_ppm": 900_000, "ltv_ppm": 600_000, "usual_from_day": 70},
    ],
    "credit": {
        "rate_ppm": 70_000,
        "day_count": "act/365f",
        "fee_ppm": 0,
        "apr_cap_ppm": 360_000,
        "limit_max_minor": 100_000_000,
        "rounding_unit_minor": 10_000,
        "draw_step_minor": 10_000,
        "term_days": 180,
    },
    "movement": {
        "change_min_ppm": 50_000,
        "raise_looks_min": 2,
        "fresh_days_max": 20,
        "stale_days_max": 45,
    },
    "capacity": {"living_cost_minor_per_person": 0},
    "decision": {
        "approve_pd_ppm_max": 120_000,
        "refer_pd_ppm_max": 250_000,
        "authority_minor_max": 6_000_000,
        "coverage_ppm_min": 500_000,
        "known_features_min": 2,
        "purposes": ["automated_decision"],
    },
    "lease": {
        "term_days": 60,
        "share_of_headroom_ppm": 800_000,
        "onboarding_lines_max": 12,
        "onboarding_minor_per_line": 800_000,
    },
}

HERD: dict[str, Any] = {
    **{key: value for key, value in CROP.items() if key not in ("price", "stages")},
    "product_id": "cattle",
    "kind": "livestock",
    "herd": {
        "value_minor_per_head": 4_500_000,
        "scale_minor_per_head": 400_000,
        "ltv_ppm": 300_000,
        "forage_floor_ppm": 400_000,
    },
}


def crop_product(**changes: Any) -> Product:
    """The wheat product, with top-level tables replaced."""
    return parse_product({**CROP, **changes})


def herd_product(**changes: Any) -> Product:
    """The cattle product, with top-level tables replaced."""
    return parse_product({**HERD, **changes})
