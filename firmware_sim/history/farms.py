"""Farms of this village and of simulated neighbours, season by season, as arrays.

Only loans are wanted of the neighbours, so they have one plot each and no place on
the map; weather, soil and crop take the same path as the village's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from firmware_sim.district.growth import (
    SPIN_UP_DAYS,
    CropRun,
    draw_sowing,
    draw_stand,
    grow_crops,
    season_weather,
)
from firmware_sim.district.places import District, Plot, Soil
from firmware_sim.district.season import Floats, Ints, SeasonSpec, SeasonTruth
from firmware_sim.district.soils import SOIL_SHARES, SOILS
from firmware_sim.district.village import draw_people
from firmware_sim.scenes.optics import index_of_canopy

NEIGHBOUR_VILLAGES = 22
NEIGHBOUR_FARMS = 42  # in each
_LEAFING_DAYS = 20  # from emergence until leaves cover the rows


@dataclass(frozen=True, slots=True)
class Farms:
    """Who borrows; every array is (farms,), the village's people first.

    ``years_member`` counts up to the live season; ``zone`` is a rainfall zone of the
    neighbours and 0 for the village itself, whose seasons are simulated whole.
    ``has_probe``, ``has_reader`` and ``has_engine`` say whose soil, herd and machine
    report.
    """

    own: int
    skill: Floats
    discipline: Floats
    household: Ints
    years_member: Ints
    area_m2: Ints
    heads: Ints
    zone: Ints
    soils: tuple[Soil, ...]
    has_probe: np.ndarray
    has_reader: np.ndarray
    has_engine: np.ndarray


@dataclass(frozen=True, slots=True)
class FarmSeason:
    """What happened on each farm (farms,), and daily (farms, days).

    ``yield_kg_per_ha`` [kg/ha], ``soil_moisture`` [m³/m³], ``rain_mm`` [mm],
    ``index`` of greenness without clouds [−1–1], ``stage`` as a place in the order of
    ``core.wire.evidence.Stage``.
    """

    spec: SeasonSpec
    yield_kg_per_ha: Floats
    soil_moisture: Floats
    rain_mm: Floats
    index: Floats
    stage: Ints


def draw_farms(district: District, rng: np.random.Generator) -> Farms:
    """The village's farms as they are, and the neighbours' by chance."""
    more = NEIGHBOUR_VILLAGES * NEIGHBOUR_FARMS
    skill, discipline = draw_people(more, rng)
    people = district.people
    area = {p.farmer_id: 0 for p in people}
    largest = {p.farmer_id: plot for p in people for plot in _plots_of(district, p.farmer_id)[:1]}
    for plot in district.plots:
        area[plot.farmer_id] += plot.area_m2
    heads = {herd.farmer_id: herd.heads for herd in district.herds}
    soils = tuple(SOILS[i] for i in rng.choice(len(SOILS), size=more, p=SOIL_SHARES))
    own_heads = [heads.get(p.farmer_id, 0) for p in people]
    all_heads = _joined(own_heads, np.where(rng.random(more) < 0.3, rng.poisson(9, more) + 1, 0))
    total = len(people) + more
    return Farms(
        own=len(people),
        skill=np.concatenate([[p.skill for p in people], skill]),
        discipline=np.concatenate([[p.discipline for p in people], discipline]),
        household=_joined([p.household_size for p in people], rng.poisson(4.2, more) + 1),
        years_member=_joined(
            [p.years_member for p in people], np.minimum(rng.geometric(0.16, more) - 1, 15)
        ),
        area_m2=_joined(list(area.values()), np.round(rng.lognormal(8.9, 0.55, more))),
        heads=all_heads,
        zone=_joined([0] * len(people), np.arange(more) // (NEIGHBOUR_FARMS // 2)),
        soils=tuple(largest[p.farmer_id].soil for p in people) + soils,
        has_probe=rng.random(total) < 0.45,
        has_reader=(rng.random(total) < 0.7) & (all_heads > 0),
        has_engine=rng.random(total) < 0.25,
    )


def simulate_farms(
    district: District, farms: Farms, truth: SeasonTruth, rng: np.random.Generator
) -> FarmSeason:
    """One past season on every farm.

    Parameters
    ----------
    district, truth
        The village and its season.
    farms
        All farms.
    rng
        Draws the neighbours' season.
    """
    spec = truth.spec
    zone = farms.zone[farms.own :]
    soils, skill = farms.soils[farms.own :], farms.skill[farms.own :]
    weather = season_weather(spec, int(zone.max()) + 1, rng)
    stand = draw_stand(draw_sowing(spec, skill, rng), soils, skill, rng)
    run = grow_crops(weather, zone, soils, stand)
    rows, yields, zones = _own(district, truth)
    moisture = [truth.plots.soil_moisture[rows], run.cover.soil_moisture]
    rain = [truth.weather.rain_mm[zones], weather.rain_mm[zone, SPIN_UP_DAYS:]]
    green = np.concatenate([truth.plots.green_lai[rows], run.cover.green_lai])
    dry = np.concatenate([truth.plots.dry_lai[rows], run.cover.dry_lai])
    soil_moisture = np.concatenate(moisture)
    return FarmSeason(
        spec=spec,
        yield_kg_per_ha=np.concatenate([yields, run.yield_kg_per_ha]),
        soil_moisture=soil_moisture,
        rain_mm=np.concatenate(rain),
        index=index_of_canopy(green, dry, np.clip(soil_moisture / 0.3, 0, 1)),
        stage=np.concatenate([_own_stages(truth)[rows], _stages(_turns(run), spec.days)]),
    )


def _turns(run: CropRun) -> Ints:
    """The days on which each plot enters its next stage (plots, stages after sowing)."""
    grown = run.emerged_day + _LEAFING_DAYS
    days = (run.emerged_day, grown, run.flowering_day, run.mature_day, run.harvested_day)
    return np.stack(days, axis=1)


def _own_stages(truth: SeasonTruth) -> Ints:
    spec = truth.spec

    def day_of(on: date | None) -> int:
        return spec.days if on is None else (on - spec.first_day).days

    turns = [
        (
            day_of(each.emerged),
            day_of(each.emerged) + _LEAFING_DAYS,
            *map(day_of, (each.flowering, each.mature, each.harvested)),
        )
        for each in truth.stages
    ]
    return _stages(np.array(turns, dtype=np.int64), spec.days)


def _stages(turns: Ints, days: int) -> Ints:
    """The stage on each day (plots, days), from the days on which the next one begins."""
    reached = turns[:, :, None] <= np.arange(days)[None, None, :]
    return np.asarray(reached.sum(axis=1), dtype=np.int64)


def _own(district: District, truth: SeasonTruth) -> tuple[Ints, Floats, Ints]:
    """Of the village's farmers: the row of the largest plot, mean yield, its zone."""
    row_of = {plot.plot_id: i for i, plot in enumerate(district.plots)}
    rows, yields = [], []
    for person in district.people:
        plots = _plots_of(district, person.farmer_id)
        at = [row_of[plot.plot_id] for plot in plots]
        area = [plot.area_m2 for plot in plots]
        rows.append(at[0])
        yields.append(float(np.average(truth.yield_kg_per_ha[at], weights=area)))
    zones = np.array([district.plots[row].zone for row in rows])
    return np.array(rows), np.array(yields), zones


def _plots_of(district: District, farmer_id: str) -> list[Plot]:
    """A farmer's plots, the largest first."""
    own = [plot for plot in district.plots if plot.farmer_id == farmer_id]
    return sorted(own, key=lambda plot: -plot.area_m2)


def _joined(own: list[int], others: np.ndarray) -> Ints:
    return np.concatenate([np.array(own, dtype=np.int64), others.astype(np.int64)])
