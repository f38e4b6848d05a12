"""Past loans by chance: who borrowed, what was known, and whether it came back.

A loan is repaid from the harvest, after the household has eaten and other debts are
met; discipline decides when money is short. What the lender could know at
application is a shadow of that: books, statements, early readings, one look from
above. Nothing here is a real person's loan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from firmware_sim.district.season import Floats, Ints
from firmware_sim.history.farms import Farms, FarmSeason

FEATURES = (
    *("years_member_count", "past_seasons_repaid_count", "past_late_days", "area_m2"),
    *("household_size_count", "other_debt_minor", "cash_need_ratio_ppm"),
    *("soil_stress_days", "rain_deficit_ppm", "ndvi_anomaly_ppm", "stage_seen_count"),
    *("herd_heads_count", "herd_steps_per_day", "machine_hours_count"),
)
DOSSIER_FEATURES = FEATURES[:7]  # what the centre knows before the season
COLUMNS = ("loan_id", "season_id", *FEATURES, "amount_minor", "defaulted")
MISSING = np.iinfo(np.int64).min  # within this module's arrays only; never written

PRICE_MINOR_PER_KG = 4_500  # KES 45.00
USUAL_YIELD_KG_PER_HA = 2_400
LIVING_MINOR = 550_000  # a person's share of the harvest, for the season
SOIL_STRESS = 0.14  # [m³/m³]; the station's own default threshold
RAIN_NORMAL_MM_PER_DAY = 4.0  # likewise
WINDOW_DAYS = 30
_APPLIED_FROM, _APPLIED_TO = 55, 90  # day of the season
_CLOUDED_SHARE = 0.2


@dataclass(slots=True)
class Books:
    """What past seasons left in the lender's books (farms,); changed season by season."""

    repaid: Ints
    late_days: Ints


@dataclass(frozen=True, slots=True)
class SeasonLoans:
    """The loans of one season: farms that borrowed, columns, and how each ended."""

    season_id: str
    columns: dict[str, Ints]
    amount_minor: Ints
    defaulted: np.ndarray


def open_books(farms: Farms, first_year: int, live_year: int, rng: np.random.Generator) -> Books:
    """Books as they stood before the first simulated season."""
    before = np.maximum(farms.years_member - (live_year - first_year), 0)
    repaid = rng.binomial(before, 0.86)
    late = rng.poisson(before * 3.0 * np.exp(-0.7 * farms.discipline))
    return Books(repaid.astype(np.int64), late.astype(np.int64))


def lend_season(
    farms: Farms,
    season: FarmSeason,
    usual_index: Floats,
    books: Books,
    live_year: int,
    rng: np.random.Generator,
) -> SeasonLoans:
    """All loans of one past season; the books are brought forward.

    Parameters
    ----------
    farms, season
        Who they are and what happened.
    usual_index
        Mean greenness over all past seasons (farms, days).
    books
        Before this season; changed to after it.
    live_year
        The year to which ``years_member`` counts.
    rng
        Draws needs, debts, gaps in what is known, and outcomes.
    """
    member_years = farms.years_member - (live_year - season.spec.year)
    borrows = (member_years >= 0) & (rng.random(len(member_years)) < 0.92)
    known = what_is_known(farms, books, member_years, rng)
    known.update(_what_is_seen(farms, season, usual_index, rng))
    usual_minor = farms.area_m2 / 1e4 * USUAL_YIELD_KG_PER_HA * PRICE_MINOR_PER_KG
    amount = np.round(known["cash_need_ratio_ppm"] / 1e6 * usual_minor / 1e4) * 10_000
    strain = _strain(farms, season, known["other_debt_minor"], amount, rng)
    defaulted = borrows & (rng.random(len(strain)) < expit(strain))
    _bring_forward(books, borrows, defaulted, strain, farms, rng)
    return SeasonLoans(
        season.spec.season_id,
        {name: known[name][borrows] for name in FEATURES},
        amount[borrows].astype(np.int64),
        defaulted[borrows],
    )


def what_is_known(
    farms: Farms, books: Books, member_years: Ints, rng: np.random.Generator
) -> dict[str, Ints]:
    """What the centre knows before the season (farms,): its books and a few answers."""
    count = len(member_years)
    debt = np.round(rng.lognormal(13.6, 0.9, count) * np.exp(-0.25 * farms.discipline), -3)
    need = 0.34 * np.exp(0.35 * rng.standard_normal(count) - 0.12 * farms.skill)
    values = (
        *(np.maximum(member_years, 0), books.repaid, books.late_days, farms.area_m2),
        farms.household,
        np.where(rng.random(count) < 0.45, 0, debt),
        np.clip(need, 0.08, 1.2) * 1e6,
    )
    rounded = (np.round(value).astype(np.int64) for value in values)
    return dict(zip(DOSSIER_FEATURES, rounded, strict=True))


def _what_is_seen(
    farms: Farms, season: FarmSeason, usual_index: Floats, rng: np.random.Generator
) -> dict[str, Ints]:
    """What devices and one look from above tell at application (farms,)."""
    count = len(farms.skill)
    applied = rng.integers(_APPLIED_FROM, _APPLIED_TO, count)
    window = applied[:, None] - np.arange(WINDOW_DAYS)
    rows = np.arange(count)[:, None]
    moisture = season.soil_moisture[rows, window] + 0.012 * rng.standard_normal((count, 1))
    rain = season.rain_mm[rows, window].sum(axis=1) * rng.normal(1, 0.06, count)
    deficit = 1 - rain / (RAIN_NORMAL_MM_PER_DAY * WINDOW_DAYS)
    seen = season.index[rows[:, 0], applied] + 0.025 * rng.standard_normal(count)
    usual = np.maximum(usual_index[rows[:, 0], applied], 0.1)
    hours = rng.gamma(2.0, 14.0, count) * np.exp(0.2 * farms.skill)
    # Steps have chance of their own, so that every loan is as it was before they were counted.
    hunger = np.clip(0.2 + 0.8 * deficit, 0, 1.2)
    steps = (3_600 + 2_600 * hunger) * rng.spawn(1)[0].lognormal(0, 0.05, count)
    rained = rng.random(count) > 0.06
    clear = rng.random(count) > _CLOUDED_SHARE
    return {
        "soil_stress_days": _where(farms.has_probe, (moisture < SOIL_STRESS).sum(axis=1)),
        "rain_deficit_ppm": _where(rained, 1e6 * deficit),
        "ndvi_anomaly_ppm": _where(clear, 1e6 * np.clip(seen / usual - 1, -1, 1)),
        "stage_seen_count": _where(clear, season.stage[rows[:, 0], applied]),
        "herd_steps_per_day": _where(farms.has_reader, steps),
        "herd_heads_count": _where(farms.has_reader, rng.binomial(farms.heads, 0.95)),
        "machine_hours_count": _where(farms.has_engine, hours),
    }


def _strain(
    farms: Farms,
    season: FarmSeason,
    debt_minor: Ints,
    amount_minor: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Log-odds of default: how far dues outrun the season's cash, and who owes."""
    harvest = farms.area_m2 / 1e4 * season.yield_kg_per_ha * PRICE_MINOR_PER_KG
    other = rng.lognormal(13.9, 0.4, len(harvest)) + 250_000 * farms.heads
    living = LIVING_MINOR * farms.household * 0.7
    cash = np.maximum(harvest * rng.lognormal(0, 0.15, len(harvest)) + other - living, 2e5)
    dues = 1.12 * amount_minor + debt_minor
    return np.asarray(-2.75 + 1.75 * np.log(dues / cash + 0.02) - 1.1 * farms.discipline)


def _bring_forward(
    books: Books,
    borrows: np.ndarray,
    defaulted: np.ndarray,
    strain: Floats,
    farms: Farms,
    rng: np.random.Generator,
) -> None:
    """Enter the season's end in the books: seasons repaid, and days late."""
    books.repaid += borrows & ~defaulted
    pace = 4.0 * np.exp(np.clip(0.6 * (strain + 2.2) - 0.3 * farms.discipline, -3, 3))
    late = np.where(defaulted, rng.integers(90, 180, len(strain)), rng.poisson(pace))
    books.late_days += np.where(borrows, late, 0)
    np.minimum(books.late_days, 720, out=books.late_days)


def _where(known: np.ndarray, values: np.ndarray) -> Ints:
    return np.where(known, np.round(values).astype(np.int64), MISSING).astype(np.int64)
