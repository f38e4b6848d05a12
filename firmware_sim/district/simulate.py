"""One season of the village, whole: the truth behind every sensor and scene."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import date, timedelta

import numpy as np

from firmware_sim.district import grass
from firmware_sim.district.crop import Stand
from firmware_sim.district.growth import (
    SPIN_UP_DAYS,
    CropRun,
    Sowing,
    draw_sowing,
    draw_stand,
    grow_crops,
    grow_grass,
    season_weather,
)
from firmware_sim.district.perils import Peril, Perils, draw_perils
from firmware_sim.district.places import District, Soil
from firmware_sim.district.season import (
    Cover,
    DroughtSpec,
    Floats,
    Ints,
    SeasonSpec,
    SeasonTruth,
    Stages,
    Weather,
)
from firmware_sim.district.village import build_district
from firmware_sim.district.work import machine_days, store_energy_wh, wanted_ha

LIVE_YEAR = 2026
_NO_THIRST_MM = 8.0  # of rain a day more than any crop here drinks


def live_season(*, drought: bool) -> SeasonSpec:
    """The season that the story tells: ordinary, or with a drought in the east."""
    return SeasonSpec(
        LIVE_YEAR,
        drought=DroughtSpec() if drought else None,
        ordinary=True,
        month_late_plots=1,
        failed_plots=1,
    )


def rebuild(
    seed: int, farmers: int = 42, *, drought: bool = False, perils: Collection[Peril] = ()
) -> tuple[District, SeasonTruth]:
    """The district and its live season again, from what a district folder names."""
    district = build_district(seed, farmers)
    spec = live_season(drought=drought)
    planted = draw_perils(district, spec, perils) if perils else None
    return district, simulate_season(district, spec, seed, planted)


def declared_sowing(district: District, spec: SeasonSpec, seed: int) -> tuple[date, ...]:
    """The date on which each plot's farmer says that it was sown."""
    sowing = draw_sowing(spec, _skills(district), season_rng(seed, spec, "sowing"))
    return tuple(spec.first_day + timedelta(days=int(day)) for day in sowing.declared_day)


def simulate_season(
    district: District, spec: SeasonSpec, seed: int, perils: Perils | None = None
) -> SeasonTruth:
    """All that happens in a season; the same arguments give the same truth.

    Chance is drawn apart for weather, sowing, crops, animals and work, so that a
    season with and without a drought differs only by the drought.

    Parameters
    ----------
    district
        The village.
    spec
        Year, drought, sowing.
    seed
        From 0.
    perils
        Hazards that are planted besides, see :func:`draw_perils`.
    """
    sown = _sown(district, spec, seed, perils)
    spec, sowing = sown.spec, sown.sowing
    run = sown.grown(sown.weather)
    pastures = _grow_pastures(district, sown.weather)
    season = _season_part(sown.weather)
    seen, steps = _herds(district, pastures, season_rng(seed, spec, "herds"))
    work_rng = season_rng(seed, spec, "work")
    wanted = wanted_ha(
        district, sowing.sown_day, run.harvested_day, _cropped(run), spec.days, work_rng
    )
    machines = machine_days(district, wanted, season.rain_mm.mean(axis=0), work_rng)
    return SeasonTruth(
        spec=spec,
        weather=season,
        plots=run.cover,
        pastures=pastures,
        stages=_stages(spec, sowing, run),
        yield_kg_per_ha=run.yield_kg_per_ha,
        herd_seen_count=seen,
        herd_steps=steps,
        machine_job=machines.job,
        machine_ha=machines.ha,
        machine_hours=machines.hours,
        store_energy_wh=store_energy_wh(district, season, season_rng(seed, spec, "stores")),
        under_water=None if perils is None else perils.under_water,
    )


def watered_crops(
    district: District, spec: SeasonSpec, seed: int, perils: Perils | None = None
) -> CropRun:
    """The season's crops as they would have grown with all the water that they ask for.

    What they bear more than :func:`simulate_season` tells is what thirst took. The
    arguments are the same; light and warmth stay as they were.
    """
    sown = _sown(district, spec, seed, perils)
    rain_mm = sown.weather.rain_mm + _NO_THIRST_MM
    return sown.grown(dataclasses.replace(sown.weather, rain_mm=rain_mm))


@dataclasses.dataclass(frozen=True, slots=True)
class _Sown:
    """A season up to its crops: what the weather will be, what was sown, what may come up."""

    spec: SeasonSpec
    weather: Weather
    zone: Ints
    soils: tuple[Soil, ...]
    sowing: Sowing
    stand: Stand
    torn: Floats | None

    def grown(self, weather: Weather) -> CropRun:
        """The crops under a weather: the season's own, or another."""
        return grow_crops(weather, self.zone, self.soils, self.stand, self.torn)


def _sown(district: District, spec: SeasonSpec, seed: int, perils: Perils | None) -> _Sown:
    if perils is not None and perils.drought is not None:
        spec = dataclasses.replace(spec, drought=perils.drought)
    soils, skills = tuple(plot.soil for plot in district.plots), _skills(district)
    sowing = draw_sowing(spec, skills, season_rng(seed, spec, "sowing"))
    if perils is not None:
        sowing = _sown_with(sowing, perils, spec)
    return _Sown(
        spec=spec,
        weather=season_weather(spec, len(district.zones), season_rng(seed, spec, "weather")),
        zone=np.array([plot.zone for plot in district.plots]),
        soils=soils,
        sowing=sowing,
        stand=draw_stand(sowing, soils, skills, season_rng(seed, spec, "crop")),
        torn=None if perils is None else perils.torn,
    )


def _sown_with(sowing: Sowing, perils: Perils, spec: SeasonSpec) -> Sowing:
    """The sowing with planted delays and failures; what the farmers declare stays."""
    sown = np.minimum(sowing.sown_day + perils.late_days, spec.days - 1)
    return Sowing(sowing.declared_day, sown, sowing.emerges & ~perils.rots)


_STREAMS = ("weather", "sowing", "crop", "herds", "work", "stores")


def season_rng(seed: int, spec: SeasonSpec, stream: str) -> np.random.Generator:
    """The chance of one part of a season: weather, sowing, crop, herds, work or stores."""
    return np.random.default_rng([seed, 2, spec.year, _STREAMS.index(stream)])


def _skills(district: District) -> np.ndarray:
    by_id = {person.farmer_id: person.skill for person in district.people}
    return np.array([by_id[plot.farmer_id] for plot in district.plots])


def _season_part(weather: Weather) -> Weather:
    return Weather(*(getattr(weather, name)[:, SPIN_UP_DAYS:] for name in Weather.__slots__))


def _cropped(run: CropRun) -> np.ndarray:
    """Whether there is a harvest worth a machine."""
    return np.asarray(run.yield_kg_per_ha > 300)


def _grow_pastures(district: District, weather: Weather) -> Cover:
    heads = {pasture.pasture_id: 0 for pasture in district.pastures}
    for herd in district.herds:
        heads[herd.pasture_id] += herd.heads
    area_ha = np.array([pasture.area_m2 for pasture in district.pastures]) / 1e4
    return grow_grass(
        weather,
        np.array([pasture.zone for pasture in district.pastures]),
        tuple(pasture.soil for pasture in district.pastures),
        np.array([heads[p.pasture_id] for p in district.pastures]) / area_ha,
    )


def _herds(district: District, cover: Cover, rng: np.random.Generator) -> tuple[Ints, Ints]:
    row = {pasture.pasture_id: i for i, pasture in enumerate(district.pastures)}
    rows = np.array([row[herd.pasture_id] for herd in district.herds])
    heads = np.array([herd.heads for herd in district.herds], dtype=np.int64)
    return grass.herd_days(heads, cover.biomass_kg_per_ha[rows], rng)


def _stages(spec: SeasonSpec, sowing: Sowing, run: CropRun) -> tuple[Stages, ...]:
    days = (
        sowing.sown_day,
        run.emerged_day,
        run.flowering_day,
        run.mature_day,
        run.harvested_day,
    )
    table = zip(*(_dates(spec, column) for column in days), strict=True)
    return tuple(Stages(sown or spec.first_day, *later) for sown, *later in table)


def _dates(spec: SeasonSpec, column: Ints) -> list[date | None]:
    return [
        spec.first_day + timedelta(days=int(day)) if day < spec.days else None for day in column
    ]
