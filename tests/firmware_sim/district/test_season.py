from __future__ import annotations

from dataclasses import fields
from datetime import date

import numpy as np
import pytest

from firmware_sim.config import SettingError
from firmware_sim.district.season import Job, SeasonSpec, SeasonTruth
from firmware_sim.district.simulate import declared_sowing, simulate_season
from firmware_sim.district.work import _WET_MM
from firmware_sim.scenes.optics import index_of_canopy
from tests.support.kijani import SEED, village_and_season

SEEDS = (1, 2, 3, 4)
LAST_DROUGHT_DAY = 100


def east(seed: int) -> np.ndarray:
    district, _ = village_and_season(seed)
    return np.array([plot.zone == 1 for plot in district.plots])


def greenness(truth: SeasonTruth, day: int) -> np.ndarray:
    cover = truth.plots
    damp = np.clip(cover.surface_moisture[:, day] / 0.3, 0, 1)
    return index_of_canopy(cover.green_lai[:, day], cover.dry_lai[:, day], damp)


def test_same_arguments_same_season() -> None:
    district, _ = village_and_season()
    one, two = (simulate_season(district, SeasonSpec(2020), 3) for _ in range(2))
    other = simulate_season(district, SeasonSpec(2020), 4)
    compared = 0
    for part in ("weather", "plots", "pastures"):
        first, second = getattr(one, part), getattr(two, part)
        for field in fields(first):
            assert np.array_equal(getattr(first, field.name), getattr(second, field.name))
            compared += 1
    for name in ("yield_kg_per_ha", "herd_steps", "machine_ha", "store_energy_wh"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert compared == 17
    assert one.stages == two.stages
    assert not np.array_equal(one.yield_kg_per_ha, other.yield_kg_per_ha)


def test_drought_costs_the_east_about_half_its_harvest() -> None:
    left = []
    for seed in SEEDS:
        _, dry = village_and_season(seed, drought=True)
        _, usual = village_and_season(seed)
        zone = east(seed)
        left.append(dry.yield_kg_per_ha[zone].sum() / usual.yield_kg_per_ha[zone].sum())
    assert 0.30 <= np.mean(left) <= 0.60
    assert max(left) <= 0.70


@pytest.mark.parametrize("seed", SEEDS)
def test_drought_changes_nothing_in_the_west(seed: int) -> None:
    district, dry = village_and_season(seed, drought=True)
    _, usual = village_and_season(seed)
    west = ~east(seed)
    for name in ("soil_moisture", "green_lai", "biomass_kg_per_ha"):
        assert np.array_equal(getattr(dry.plots, name)[west], getattr(usual.plots, name)[west])
    assert np.array_equal(dry.yield_kg_per_ha[west], usual.yield_kg_per_ha[west])
    grass = [i for i, pasture in enumerate(district.pastures) if pasture.zone == 0]
    assert np.array_equal(
        dry.pastures.biomass_kg_per_ha[grass], usual.pastures.biomass_kg_per_ha[grass]
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_drought_shows_in_soil_greenness_grass_and_herds(seed: int) -> None:
    district, dry = village_and_season(seed, drought=True)
    _, usual = village_and_season(seed)
    zone, day = east(seed), LAST_DROUGHT_DAY
    grown = zone & (usual.yield_kg_per_ha > 0)
    soil = dry.plots.soil_moisture[zone, day] - usual.plots.soil_moisture[zone, day]
    assert soil.mean() < -0.03
    assert (greenness(usual, day) - greenness(dry, day))[grown].mean() > 0.08
    pastures = [i for i, pasture in enumerate(district.pastures) if pasture.zone == 1]
    grass = dry.pastures.biomass_kg_per_ha[pastures, day + 15]
    assert (grass < 0.7 * usual.pastures.biomass_kg_per_ha[pastures, day + 15]).all()
    names = {district.pastures[i].pasture_id for i in pastures}
    herds = [i for i, herd in enumerate(district.herds) if herd.pasture_id in names]
    after = slice(day, day + 40)
    assert dry.herd_steps[herds, after].mean() > usual.herd_steps[herds, after].mean()


def test_evidence_agrees_with_itself() -> None:
    """Where the soil ran dry, the plot is less green: one weather drives both."""
    district, dry = village_and_season(drought=True)
    _, usual = village_and_season()
    wilting = np.array([plot.soil.wilting_point for plot in district.plots])
    capacity = np.array([plot.soil.field_capacity for plot in district.plots])
    window = slice(80, 105)
    free = (dry.plots.soil_moisture[:, window].mean(axis=1) - wilting) / (capacity - wilting)
    change = greenness(dry, 105) - greenness(usual, 105)
    assert change[free < 0.25].mean() < change[free > 0.5].mean() - 0.1
    assert np.corrcoef(free, change)[0, 1] > 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_season_without_the_drought_is_ordinary(seed: int) -> None:
    _, usual = village_and_season(seed)
    zone = east(seed)
    mean = usual.yield_kg_per_ha.mean()
    assert 2_000 < mean < 3_300
    assert usual.yield_kg_per_ha[zone].mean() > 0.7 * mean
    assert usual.yield_kg_per_ha[~zone].mean() > 0.7 * mean
    assert 0.25 < usual.yield_kg_per_ha.std() / mean < 0.55


def test_seasons_differ_as_rainfed_maize_does() -> None:
    means, within = [], []
    for seed in (1, 2, 3, 4, 5):
        district, _ = village_and_season(seed)
        seasons = [simulate_season(district, SeasonSpec(year), seed) for year in range(2016, 2024)]
        yields = [season.yield_kg_per_ha.mean() for season in seasons]
        means.append(np.std(yields) / np.mean(yields))
        within += [s.yield_kg_per_ha.std() / s.yield_kg_per_ha.mean() for s in seasons]
    assert 0.12 < np.mean(means) < 0.32
    assert 0.28 < np.mean(within) < 0.55


def test_stages_come_in_order_and_growth_begins_when_the_seed_emerges() -> None:
    _, truth = village_and_season()
    for i, stage in enumerate(truth.stages):
        days = (stage.sown, stage.emerged, stage.flowering, stage.mature, stage.harvested)
        happened = [day for day in days if day is not None]
        assert happened == sorted(happened)
        if stage.emerged is not None:
            before = truth.day_index(stage.emerged) - 1
            assert truth.plots.biomass_kg_per_ha[i, before] == 0


def test_one_plot_fails_and_one_is_sown_a_month_late_while_all_look_alike_on_paper() -> None:
    district, truth = village_and_season()
    declared = declared_sowing(district, truth.spec, SEED)
    late = [i for i, stage in enumerate(truth.stages) if (stage.sown - declared[i]).days == 30]
    failed = [i for i, stage in enumerate(truth.stages) if stage.emerged is None]
    assert len(late) == len(failed) == 1
    assert truth.yield_kg_per_ha[failed[0]] == 0
    assert truth.plots.green_lai[failed[0]].max() < 0.6
    assert all(date(2026, 3, 10) <= day <= date(2026, 4, 15) for day in declared)


def test_tractors_rest_on_wet_days_and_plough_before_sowing() -> None:
    _, truth = village_and_season()
    wet = truth.weather.rain_mm.mean(axis=0) > _WET_MM
    assert truth.machine_hours[:, wet].sum() == 0
    idle = truth.machine_job == Job.IDLE.value
    assert truth.machine_ha[idle].sum() == 0
    assert (truth.machine_hours[~idle] > 0).all()
    assert truth.machine_hours.max() < 16
    ploughing = np.argwhere(truth.machine_job == Job.PLOUGHING.value)[:, 1]
    harvest = np.argwhere(truth.machine_job == Job.HARVEST.value)[:, 1]
    assert np.median(ploughing) < 35
    assert np.median(harvest) > 100


def test_pumps_draw_more_when_it_is_dry_and_readers_never_see_more_than_the_herd() -> None:
    district, dry = village_and_season(drought=True)
    _, usual = village_and_season()
    east_pump = next(i for i, s in enumerate(district.stores) if s.name == "Pampu ya Kisima")
    days = slice(65, LAST_DROUGHT_DAY)
    drawn = dry.store_energy_wh[east_pump, days].sum()
    assert drawn > 1.15 * usual.store_energy_wh[east_pump, days].sum()
    heads = np.array([herd.heads for herd in district.herds])
    assert (dry.herd_seen_count <= heads[:, None]).all()
    assert (dry.herd_seen_count >= 0).all()


def test_day_outside_the_record_is_refused() -> None:
    _, truth = village_and_season()
    assert truth.day_index(date(2026, 3, 1)) == 0
    with pytest.raises(SettingError, match="expected a day from 2026-03-01 to"):
        truth.day_index(date(2026, 2, 28))
