"""All past seasons of a district at once: truths, harvests as weighed, loans, dossiers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.wire.registry import Dossier
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonSpec, SeasonTruth
from firmware_sim.district.simulate import LIVE_YEAR, declared_sowing, simulate_season
from firmware_sim.history.farms import Farms, draw_farms, simulate_farms
from firmware_sim.history.loans import (
    COLUMNS,
    DOSSIER_FEATURES,
    MISSING,
    Books,
    SeasonLoans,
    lend_season,
    open_books,
    what_is_known,
)
from firmware_sim.history.register import CROP

HARVEST_COLUMNS = ("plot_id", "season_id", "crop", "sown_on", "harvested_on", "yield_kg_per_ha")
_WEIGHING_ERROR = 0.09  # of a crop cut or a weighed harvest, one standard deviation
_AREA_ERROR = 0.05


@dataclass(frozen=True, slots=True)
class Past:
    """What is left of the past seasons, oldest first."""

    truths: tuple[SeasonTruth, ...]
    loans: tuple[SeasonLoans, ...]
    dossiers: tuple[Dossier, ...]


def past_specs(seasons: int) -> tuple[SeasonSpec, ...]:
    """The long rains before the live season, oldest first."""
    return tuple(SeasonSpec(LIVE_YEAR - back) for back in range(seasons, 0, -1))


def simulate_past(district: District, seasons: int, advance: Callable[[], None]) -> Past:
    """Simulate the past seasons of the village and its neighbours.

    Parameters
    ----------
    district
        The village.
    seasons
        How many, at least 1.
    advance
        Called after each season, for a progress bar.
    """
    rng = np.random.default_rng([district.seed, 7])
    farms = draw_farms(district, rng)
    truths, farm_seasons = [], []
    for spec in past_specs(seasons):
        truth = simulate_season(district, spec, district.seed)
        farm_seasons.append(simulate_farms(district, farms, truth, rng))
        truths.append(truth)
        advance()
    usual = np.mean([season.index for season in farm_seasons], axis=0)
    books = open_books(farms, LIVE_YEAR - seasons, LIVE_YEAR, rng)
    loans = tuple(
        lend_season(farms, season, usual, books, LIVE_YEAR, rng) for season in farm_seasons
    )
    return Past(tuple(truths), loans, _dossiers(district, farms, books, rng))


def harvests_csv(district: District, truths: tuple[SeasonTruth, ...]) -> str:
    """Past harvests as they were weighed: with the errors of scales, sacks and areas."""
    rng = np.random.default_rng([district.seed, 8])
    lines = [",".join(HARVEST_COLUMNS)]
    for truth in truths:
        declared = declared_sowing(district, truth.spec, district.seed)
        error = np.exp(_WEIGHING_ERROR * rng.standard_normal(len(declared)))
        error *= np.exp(_AREA_ERROR * rng.standard_normal(len(declared)))
        for i, plot in enumerate(district.plots):
            harvested = truth.stages[i].harvested
            if harvested is None:
                continue
            weighed = round(float(truth.yield_kg_per_ha[i] * error[i]))
            days = f"{declared[i].isoformat()},{harvested.isoformat()}"
            lines.append(f"{plot.plot_id},{truth.spec.season_id},{CROP},{days},{weighed}")
    return "\n".join(lines) + "\n"


def loans_csv(loans: tuple[SeasonLoans, ...]) -> str:
    """All loans, one a line; an empty cell is not known."""
    lines = ["# simulated: yes", ",".join(COLUMNS)]
    number = 0
    for season in loans:
        rows = [*season.columns.values(), season.amount_minor, season.defaulted.astype(np.int64)]
        for row in np.stack(rows, axis=1).tolist():
            number += 1
            cells = ("" if value == MISSING else str(value) for value in row)
            lines.append(f"loan-{number:05d},{season.season_id},{','.join(cells)}")
    return "\n".join(lines) + "\n"


def _dossiers(
    district: District, farms: Farms, books: Books, rng: np.random.Generator
) -> tuple[Dossier, ...]:
    """What the centre knows of each villager on the eve of the live season."""
    known = what_is_known(farms, books, farms.years_member, rng)
    return tuple(
        Dossier(
            person.farmer_id,
            f"{LIVE_YEAR}-02-27",
            {name: int(known[name][i]) for name in DOSSIER_FEATURES},
        )
        for i, person in enumerate(district.people)
    )


LOANS_README = """SIMULATED loans
================

loans.csv holds invented loans of the village of Kijani and of simulated neighbouring
villages. No line is, or was made from, a real person's loan. A default follows by
chance from the season's harvest (simulated weather, soil, crop and farmer), the
amount, other debts, the household and a trait that nobody sees; the columns are what
a lender could have known at application, with errors and gaps. A model trained here
shows that the machinery works, and nothing about real farmers. The discrimination to
expect from honest training (whole seasons held out) is an AUC of about 0.70 to 0.80.

An empty cell means: not known. Money is in minor units of KES; _ppm are parts per
million.

years_member_count         seasons since the farmer joined
past_seasons_repaid_count  earlier seasons whose loan was repaid
past_late_days             days late, summed over earlier loans
area_m2                    area under crop
household_size_count       people who live from the farm
other_debt_minor           debts elsewhere, as stated
cash_need_ratio_ppm        amount asked for / value of a usual harvest
soil_stress_days           days of the 30 before application with root-zone water
                           below 0.14 m3/m3 (farms with a soil probe)
rain_deficit_ppm           1 - rain of those 30 days / (4 mm a day)
ndvi_anomaly_ppm           greenness on one clear look at application against the
                           plot's mean on that day of the year
stage_seen_count           growth stage seen on that look, 0 (bare) to 5 (harvested)
herd_steps_per_day         steps of an average animal a day, over those 30 days
herd_heads_count           animals counted by an ear-tag reader (farms with one)
machine_hours_count        engine hours in the season (farms with telematics)
amount_minor               amount lent
defaulted                  1 if the loan was not repaid

An application falls between day 55 and day 90 after 1 March.
"""
