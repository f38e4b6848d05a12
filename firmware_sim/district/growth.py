"""Many plots through one season: weather, soil and crop stepped together.

Works on arrays alone, so that the village's plots and those of simulated
neighbouring villages, for which only loans are wanted, take the same path.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from firmware_sim.district import crop, grass, soilwater
from firmware_sim.district.places import Soil
from firmware_sim.district.season import Cover, DroughtSpec, Floats, Ints, SeasonSpec, Weather
from firmware_sim.district.soilwater import SoilColumns, WaterState
from firmware_sim.district.weather import WeatherSpec, draw_weather, with_drought

SPIN_UP_DAYS = 75  # before the season's first day: the soil forgets how it began
_MAIZE_ROOT_MM = 750.0
_GRASS_ROOT_MM = 350.0


@dataclass(frozen=True, slots=True)
class Sowing:
    """How each plot's season begins (plots,); ``declared_day`` is what the farmer says."""

    declared_day: Ints
    sown_day: Ints
    emerges: np.ndarray


@dataclass(frozen=True, slots=True)
class CropRun:
    """What the plots did; arrays as in :class:`Cover`, day columns None-free (plots,).

    Stage days are columns of the season, or ``len`` of it when not reached.
    """

    cover: Cover
    stress: Floats
    emerged_day: Ints
    flowering_day: Ints
    mature_day: Ints
    harvested_day: Ints
    yield_kg_per_ha: Floats


def season_weather(spec: SeasonSpec, zones: int, rng: np.random.Generator) -> Weather:
    """Weather (zones, spin-up + days), with the drought if there is one."""
    first_day = spec.first_day - timedelta(days=SPIN_UP_DAYS)
    drawn = draw_weather(
        WeatherSpec(first_day, SPIN_UP_DAYS + spec.days, zones, spec.ordinary), rng
    )
    dry = [spec.drought] if spec.drought is not None else []
    dry += [] if spec.ordinary else _natural_dry_spells(zones, rng)
    for drought in dry:
        drawn = with_drought(drawn, drought.moved(SPIN_UP_DAYS), first_day)
    return drawn


def draw_sowing(spec: SeasonSpec, skill: Floats, rng: np.random.Generator) -> Sowing:
    """Sowing days: the skilled a little earlier, some late, and few that fail."""
    width = spec.sown_to_day - spec.sown_from_day
    share = np.clip(0.5 - 0.10 * skill + 0.22 * rng.standard_normal(len(skill)), 0, 1)
    late = rng.random(len(skill)) < 0.06
    declared = spec.sown_from_day + np.round(share * width).astype(np.int64)
    declared += np.where(late, rng.integers(4, 13, len(skill)), 0)
    order = rng.permutation(len(skill))
    sown, emerges = declared.copy(), np.ones(len(skill), dtype=bool)
    sown[order[: spec.month_late_plots]] += 30
    failed = order[spec.month_late_plots : spec.month_late_plots + spec.failed_plots]
    emerges[failed] = False
    return Sowing(declared, sown, emerges)


def draw_stand(
    sowing: Sowing, soils: tuple[Soil, ...], skill: Floats, rng: np.random.Generator
) -> crop.Stand:
    """What each crop is: nutrition by skill and soil, variety, and unseen losses."""
    count = len(skill)
    fertility = np.array([soil.fertility for soil in soils])
    noise = rng.standard_normal((3, count))
    nutrition = 0.545 * fertility * np.exp(0.15 * skill + 0.12 * noise[0])
    return crop.Stand(
        sown_day=sowing.sown_day,
        emerges=sowing.emerges,
        nutrition=np.clip(nutrition, 0.2, 0.95),
        earliness=np.exp(0.035 * noise[1]),
        unseen_loss=np.clip(0.13 * np.exp(0.6 * noise[2] - 0.25 * skill), 0.0, 0.7),
    )


def grow_crops(
    weather: Weather,
    zone: Ints,
    soils: tuple[Soil, ...],
    stand: crop.Stand,
    torn: Floats | None = None,
) -> CropRun:
    """Step all plots through spin-up and season.

    Parameters
    ----------
    weather
        (zones, spin-up + days).
    zone
        Zone of each plot (plots,).
    soils, stand
        One soil a plot, and the crop; its sown days count from the season's start.
    torn
        Share of the leaf area lost to hail or water (plots, days) [0–1], or None.
    """
    columns = columns_of(soils, _MAIZE_ROOT_MM, 74.0)
    count, days = len(zone), weather.rain_mm.shape[1] - SPIN_UP_DAYS
    water, state = soilwater.at_share(columns, 0.45), crop.bare(count)
    weeds = np.full(count, 0.2)
    rain, et0 = weather.rain_mm[zone].T, weather.et0_mm[zone].T
    gdd = crop.thermal_step_gdd(weather.tmin_c, weather.tmax_c)[zone].T
    light = weather.radiation_mj_per_m2[zone].T
    kept = {name: np.zeros((days, count)) for name in _KEPT}
    for column in range(days + SPIN_UP_DAYS):
        day = column - SPIN_UP_DAYS
        cover = crop.cover_of(state.green_lai + weeds)
        step = soilwater.step_water(columns, water, rain[column], et0[column], cover)
        water = step.state
        crop.step_crop(state, stand, day, gdd[column], light[column], step.stress)
        if torn is not None and day >= 0:
            crop.tear_leaves(state, torn[:, day])
        weeds = _step_weeds(weeds, day, stand, state, step.stress)
        if day >= 0:
            _keep(kept, day, columns, water, state, weeds, step.stress)
    return _crop_run(kept, state, stand, days)


def grow_grass(
    weather: Weather, zone: Ints, soils: tuple[Soil, ...], heads_per_ha: Floats
) -> Cover:
    """Step all pastures through spin-up and season; biomass is green and dry together."""
    columns = columns_of(soils, _GRASS_ROOT_MM, 70.0)
    days = weather.rain_mm.shape[1] - SPIN_UP_DAYS
    water, state = soilwater.at_share(columns, 0.4), grass.dry_season_grass(len(zone))
    rows: list[tuple[Floats, ...]] = []
    for column in range(days + SPIN_UP_DAYS):
        step = soilwater.step_water(
            columns,
            water,
            weather.rain_mm[zone, column],
            weather.et0_mm[zone, column],
            grass.cover_of(state),
        )
        water = step.state
        grass.step_grass(
            state, heads_per_ha, weather.radiation_mj_per_m2[zone, column], step.stress
        )
        standing = state.green_kg_per_ha + state.dry_kg_per_ha
        leaves = (grass.lai_of(state.green_kg_per_ha), grass.lai_of(state.dry_kg_per_ha))
        surface = water.surface_mm / soilwater.SURFACE_MM
        rows.append((soilwater.moisture(columns, water), surface, *leaves, standing))
    kept = np.array(rows[SPIN_UP_DAYS:])
    return Cover(*(kept[:, i].T.copy() for i in range(5)))


def columns_of(soils: tuple[Soil, ...], root_mm: float, curve_number: float) -> SoilColumns:
    """Water constants of many soils, with one root depth [mm] and curve number."""
    constants = np.array([(s.wilting_point, s.field_capacity, s.saturation) for s in soils])
    wilting, capacity, saturation = constants.T
    size = len(soils)
    return SoilColumns(
        wilting, capacity, saturation, np.full(size, root_mm), np.full(size, curve_number)
    )


_KEPT = ("soil", "surface", "green", "dry", "biomass", "stress", "thermal", "ripe")


def _keep(
    kept: dict[str, Floats],
    day: int,
    columns: SoilColumns,
    water: WaterState,
    state: crop.CropState,
    weeds: Floats,
    stress: Floats,
) -> None:
    kept["soil"][day] = soilwater.moisture(columns, water)
    kept["surface"][day] = water.surface_mm / soilwater.SURFACE_MM
    kept["green"][day] = crop.unrolled(stress) * state.green_lai + weeds
    kept["dry"][day] = state.dry_lai
    kept["biomass"][day] = 10 * state.biomass_g_per_m2
    kept["stress"][day] = stress
    kept["thermal"][day] = state.thermal_gdd
    kept["ripe"][day] = state.ripe_days


def _step_weeds(
    weeds: Floats, day: int, stand: crop.Stand, state: crop.CropState, stress: Floats
) -> Floats:
    """Weeds cover idle land after rain, are ploughed in, and stay few under a crop."""
    idle = (day < stand.sown_day - 5) | (state.ripe_days >= crop.DRYING_DAYS)
    target = np.where(idle, 0.5 * stress, 0.12 * stress * np.exp(-state.green_lai))
    target = np.where(stand.emerges | idle, target, 0.30 * stress)
    ploughed = (day >= stand.sown_day - 5) & (day <= stand.sown_day)
    return np.where(ploughed, 0.02, weeds + 0.035 * (target - weeds))


def _crop_run(
    kept: dict[str, Floats], state: crop.CropState, stand: crop.Stand, days: int
) -> CropRun:
    up = stand.emerges
    return CropRun(
        cover=Cover(*(kept[name].T.copy() for name in _KEPT[:5])),
        stress=kept["stress"].T.copy(),
        emerged_day=_first(kept["thermal"] >= crop.EMERGENCE_GDD, up, days),
        flowering_day=_first(kept["thermal"] >= crop.FLOWERING_GDD, up, days),
        mature_day=_first(kept["thermal"] >= crop.MATURITY_GDD, up, days),
        harvested_day=_first(kept["ripe"] >= crop.DRYING_DAYS, up, days),
        yield_kg_per_ha=crop.grain_kg_per_ha(state, stand),
    )


def _first(reached: np.ndarray, counts: np.ndarray, days: int) -> Ints:
    """The first day on which each plot has reached something, else ``days``."""
    found = reached.argmax(axis=0)
    return np.where(reached.any(axis=0) & counts, found, days).astype(np.int64)


def _natural_dry_spells(zones: int, rng: np.random.Generator) -> list[DroughtSpec]:
    """In about one season of five a village's zones fall dry for some weeks."""
    spells = []
    for village in range(0, zones, 2):
        draw = rng.random(4)
        if draw[0] < 0.22:
            start, length = 45 + int(40 * draw[1]), 16 + int(20 * draw[2])
            struck = range(village, min(village + 2, zones))
            chosen = struck if draw[3] < 0.5 else [struck[int(draw[3] > 0.75) % len(struck)]]
            spells += [DroughtSpec(z, start, length, 0.25, 1.2) for z in chosen]
    return spells
