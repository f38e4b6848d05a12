"""A band of rates by risk, for products of tests; plain data, so that a station reads it too."""

from __future__ import annotations

BAND = {
    "from_on": "2026-01-01",
    "rate_min_ppm": 100_000,
    "rate_max_ppm": 200_000,
    "margin_ppm": 10_000,
    "change_max_ppm": 30_000,
    "steps": [
        {"pd_ppm_max": 60_000, "rate_ppm": 120_000},
        {"pd_ppm_max": 400_000, "rate_ppm": 180_000},
    ],
    "source": "the lender's own",
}
