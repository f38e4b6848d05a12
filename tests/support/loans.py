"""A seeded table of past loans with known causes of default, for tests of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SEASONS = tuple(f"{year}-long-rains" for year in range(2016, 2024))


def write_loans(path: Path, rows_per_season: int = 500, seed: int = 7, note: str = "") -> Path:
    """Write a CSV with every column of the shipped catalogue.

    A default grows more likely with late days, debts, need, stress and dry weather,
    and with stress most where little was repaid before. Some telemetry and imagery
    cells are empty. Sex, age and village have no part in it; some people did not consent
    to have theirs examined.
    """
    rng = np.random.default_rng(seed)
    n = rows_per_season * len(SEASONS)
    season = np.repeat(np.arange(len(SEASONS)), rows_per_season)
    dry = rng.normal(0, 1, len(SEASONS))[season]
    columns = {
        "years_member_count": rng.poisson(5, n),
        "past_seasons_repaid_count": rng.poisson(3, n),
        "past_late_days": rng.poisson(rng.gamma(0.6, 12, n)),
        "area_m2": rng.lognormal(9.2, 0.6, n).astype(int),
        "household_size_count": 1 + rng.poisson(4, n),
        "other_debt_minor": rng.lognormal(13, 1.2, n).astype(int),
        "cash_need_ratio_ppm": rng.lognormal(12.9, 0.4, n).astype(int),
        "soil_stress_days": rng.poisson(np.clip(10 + 5 * dry + rng.normal(0, 3, n), 0.5, None)),
        "rain_deficit_ppm": (120_000 * dry + rng.normal(0, 60_000, n)).astype(int),
        "ndvi_anomaly_ppm": (-60_000 * dry + rng.normal(0, 80_000, n)).astype(int),
        "herd_heads_count": rng.poisson(4, n),
        "machine_hours_count": rng.poisson(12, n),
    }
    columns |= _drawn_apart(np.random.default_rng([seed, 1]), n)
    thin = np.clip(3 - columns["past_seasons_repaid_count"], 0, None)
    logit = (
        -3.1
        - 0.12 * columns["years_member_count"]
        - 0.2 * columns["past_seasons_repaid_count"]
        + 0.05 * np.minimum(columns["past_late_days"], 40)
        - 0.3 * (np.log(columns["area_m2"]) - 9.2)
        + 0.15 * columns["household_size_count"]
        + 0.3 * (np.log(columns["other_debt_minor"] + 1) - 13)
        + 1.2 * (np.log(columns["cash_need_ratio_ppm"]) - 12.9)
        + 0.05 * columns["soil_stress_days"]
        + 0.02 * columns["soil_stress_days"] * thin
        - 4e-6 * columns["ndvi_anomaly_ppm"]
    )
    defaulted = rng.random(n) < 1 / (1 + np.exp(-logit))
    cells = {name: [str(v) for v in values] for name, values in columns.items()}
    for name, share in (("soil_stress_days", 0.2), ("ndvi_anomaly_ppm", 0.15)):
        cells[name] = [
            "" if gone else cell
            for cell, gone in zip(cells[name], rng.random(n) < share, strict=True)
        ]
    cells |= _who_they_are(rng, n)
    names = list(cells)
    rows = [
        ",".join([SEASONS[season[i]], str(int(defaulted[i])), *(cells[name][i] for name in names)])
        for i in range(n)
    ]
    head = [f"# {note}"] if note else []
    path.write_text(
        "\n".join([*head, ",".join(["season_id", "defaulted", *names]), *rows]) + "\n",
        encoding="utf-8",
    )
    return path


def _drawn_apart(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Columns that came later, with chance of their own: every other stays as it was."""
    return {
        "stage_seen_count": rng.integers(0, 5, n),
        "herd_steps_per_day": rng.normal(4_500, 600, n).astype(int),
    }


def _who_they_are(rng: np.random.Generator, n: int) -> dict[str, list[str]]:
    """The audit columns, drawn after all else; empty for whoever did not consent."""
    villages = np.array(["Chemba", "Dodoma", "Kondoa"])
    drawn = {
        "sex": np.where(rng.random(n) < 0.45, "woman", "man"),
        "age_years": rng.integers(19, 78, n).astype(str),
        "village": villages[rng.integers(0, len(villages), n)],
    }
    silent = rng.random(n) < 0.1
    return {
        name: ["" if gone else str(cell) for cell, gone in zip(values, silent, strict=True)]
        for name, values in drawn.items()
    }
