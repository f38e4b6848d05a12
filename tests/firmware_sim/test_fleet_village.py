"""The village's devices tell, within their errors, what truly happened in its season."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pytest

from core.units import MS_PER_DAY
from core.wire.telemetry import DeviceKind, Sample
from firmware_sim.config import SettingError
from firmware_sim.device import machine
from firmware_sim.device.events import PowerOn, TimeHeard
from firmware_sim.device.models import METRICS_OF
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.district.simulate import rebuild
from firmware_sim.fleet import hours
from firmware_sim.fleet.hours import AFTERNOON, Moment, moment_of
from firmware_sim.fleet.member import Member, lived
from firmware_sim.fleet.secrets import Secret
from firmware_sim.fleet.village import Habits, season_start_ms, village_members
from firmware_sim.keys import device_key_seed, device_password
from firmware_sim.sensors.faults import NO_FAULTS

SEED = 4


@cache
def season(*, drought: bool = True) -> tuple[District, SeasonTruth]:
    return rebuild(SEED, drought=drought)


def secrets(district: District) -> dict[str, Secret]:
    return {
        place.device_id: Secret(
            device_key_seed(SEED, place.device_id), device_password(SEED, place.device_id)
        )
        for place in district.devices
    }


def played(member: Member, truth: SeasonTruth, days: int) -> Sequence[Sample]:
    """A device's samples, had it nobody to send them to."""
    start_ms = season_start_ms(truth)
    device = machine.new_device(member.spec, "e1", start_ms)
    for event in (PowerOn(start_ms), TimeHeard(start_ms, start_ms, 500)):
        device, _said = machine.step(member.spec, device, event)
    return lived(member, device, start_ms + days * MS_PER_DAY).memory.outbox


@cache
def honest() -> Mapping[str, Sequence[Sample]]:
    """The whole season of some devices without faults."""
    district, truth = season()
    wanted = {"weather-01", "weather-02", "soil-01", "reader-01", "engine-01", "meter-01"}
    members = village_members(district, truth, secrets(district), Habits(faults=NO_FAULTS))
    return {
        m.spec.device: played(m, truth, truth.spec.days) for m in members if m.spec.device in wanted
    }


def column(samples: Sequence[Sample], metric: str) -> np.ndarray:
    return np.array([sample.values[metric] for sample in samples], dtype=np.float64)


def row_of(ids: Sequence[str], district: District, device: str) -> int:
    (place,) = [p for p in district.devices if p.device_id == device]
    return list(ids).index(place.subject_id)


def test_every_device_of_the_village_reports_its_kinds_metrics_all_season_long() -> None:
    district, truth = season()
    members = village_members(district, truth, secrets(district))
    assert len(members) == len(district.devices) > 30
    assert {m.spec.kind for m in members} == set(DeviceKind) - {DeviceKind.SILO_SENSOR}
    for member in members[::6]:
        samples = played(member, truth, 30)
        assert len(samples) >= 230  # eight a day, less what a flat battery costs
        names = {name for sample in samples for name in sample.values}
        assert names == set(METRICS_OF[member.spec.kind])


def test_rain_at_the_mast_adds_up_to_the_zones_rain() -> None:
    _, truth = season()
    for zone, device in enumerate(("weather-01", "weather-02")):
        caught_mm = column(honest()[device], "rain_um").sum() / 1000
        assert caught_mm == pytest.approx(truth.weather.rain_mm[zone].sum(), rel=0.13)


def test_drought_shows_at_the_eastern_mast_and_not_at_the_western() -> None:
    _, truth = season()
    drought = truth.spec.drought
    assert drought is not None
    days = slice(8 * (drought.start_day + 1), 8 * (drought.start_day + drought.days))
    west, east = (column(honest()[d], "rain_um")[days].sum() for d in ("weather-01", "weather-02"))
    assert east < 0.2 * west


def test_soil_probe_follows_the_root_zone_within_its_data_sheet() -> None:
    district, truth = season()
    row = row_of([p.plot_id for p in district.plots], district, "soil-01")
    noon = column(honest()["soil-01"], "soil_moisture_ppm")[3::8] / 1e6
    days = min(len(noon), truth.spec.days)
    error = noon[:days] - truth.plots.soil_moisture[row, :days]
    assert abs(error.mean()) < 0.05
    assert np.std(error) < 0.02
    assert np.std(noon) > 0.02


def test_counters_count_what_was_done_and_never_fall() -> None:
    district, truth = season()
    engine_s = column(honest()["engine-01"], "engine_s")
    row = row_of([m.machine_id for m in district.machines], district, "engine-01")
    assert (np.diff(engine_s) >= 0).all()
    assert engine_s[-1] == pytest.approx(truth.machine_hours[row].sum() * 3600, rel=0.001)
    energy = column(honest()["meter-01"], "energy_wh")
    row = row_of([s.store_id for s in district.stores], district, "meter-01")
    assert (np.diff(energy) >= 0).all()
    assert energy[-1] == pytest.approx(truth.store_energy_wh[row].sum(), rel=0.05)


def test_herds_steps_of_a_day_add_up() -> None:
    district, truth = season()
    row = row_of([h.herd_id for h in district.herds], district, "reader-01")
    steps = column(honest()["reader-01"], "activity_steps").sum()
    assert steps == pytest.approx(truth.herd_steps[row].sum(), rel=0.08)


def test_clock_drift_and_battery_are_part_of_the_picture() -> None:
    samples = honest()["soil-01"]
    assert samples[-1].error_ms > 100_000  # a season without hearing the time
    volts = column(samples, "battery_mv")
    assert 3_200 < volts.min() < volts.max() <= 4_200


def test_same_seed_same_bytes() -> None:
    district, truth = season()
    first, again = (village_members(district, truth, secrets(district))[0] for _ in range(2))
    assert played(first, truth, 20) == played(again, truth, 20)


def test_hours_of_a_day_add_up_to_the_day() -> None:
    rain = np.array([3.0, 8.0, 0.0])
    at = [Moment(day, hour) for day in range(3) for hour in (0.0, 9.0, 15.5, 20.0)]
    fallen = [hours.total(rain, moment, AFTERNOON) for moment in at]
    assert fallen == pytest.approx([0, 0, 0.75, 3, 3, 3, 5, 11, 11, 11, 11, 11])
    joules = sum(hours.sun_w_per_m2(20.0, h / 60) * 60 for h in range(24 * 60))
    assert joules / 1e6 == pytest.approx(20.0, rel=0.001)
    wave = [hours.temperature_c(12, 28, h / 10) for h in range(240)]
    assert (min(wave), max(wave)) == pytest.approx((12, 28))


def test_instants_outside_the_season_lie_at_its_ends() -> None:
    _, truth = season()
    start_ms = season_start_ms(truth)
    assert moment_of(truth.spec, start_ms - 1) == Moment(0, 0.0)
    assert moment_of(truth.spec, start_ms + 90 * 60_000) == Moment(0, 1.5)
    end_ms = start_ms + truth.spec.days * MS_PER_DAY
    assert moment_of(truth.spec, end_ms) == Moment(truth.spec.days - 1, 24.0)


def test_device_without_a_secret_is_named() -> None:
    district, truth = season()
    known = secrets(district)
    del known["soil-02"]
    with pytest.raises(SettingError, match="soil-02"):
        village_members(district, truth, known)
