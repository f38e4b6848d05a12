"""What sensors say of what is true: honest within their data sheet, and then the faults."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.units import MS_PER_DAY
from core.wire.telemetry import METRICS, DeviceKind, MetricKind
from firmware_sim.device.models import METRICS_OF
from firmware_sim.sensors import quantities
from firmware_sim.sensors.draws import Draws
from firmware_sim.sensors.faults import (
    EVERY_METRIC,
    NO_FAULTS,
    Episode,
    FaultKind,
    FaultRates,
    plan_faults,
)
from firmware_sim.sensors.instrument import ACCURACY, Instrument, read

T0 = 1_700_000_000_000
HOUR_MS = 3_600_000
DRAWS = Draws(7, "soil-01")
TRUTH = {
    DeviceKind.SOIL_PROBE: quantities.soil_probe(0.25, 21.5),
    DeviceKind.WEATHER_STATION: quantities.weather_station(24.0, 0.6, 700, 2.0, 3.1),
    DeviceKind.EAR_TAG_READER: quantities.ear_tag_reader(14, 900),
    DeviceKind.MACHINE: quantities.machine(2.5, 1.2, 16),
    DeviceKind.ELECTRICITY_METER: quantities.electricity_meter(5_200, 6.5),
    DeviceKind.SILO_SENSOR: quantities.silo_sensor(24_000, 0.62, 24.5),
}


@pytest.mark.parametrize("kind", list(DeviceKind))
def test_each_kind_reads_the_metrics_of_its_birth_certificate(kind: DeviceKind) -> None:
    _, readings = read(Instrument(DRAWS, T0), TRUTH[kind], T0)
    assert {*readings, "battery_mv"} == set(METRICS_OF[kind])
    for metric, value in readings.items():
        assert type(value) is int
        assert METRICS[metric].low <= value <= METRICS[metric].high
        assert value == pytest.approx(TRUTH[kind][metric], rel=0.25, abs=1)


def test_draws_are_uniform_and_normal_and_repeat() -> None:
    uniform = [DRAWS.uniform("u", i) for i in range(4_000)]
    normal = [DRAWS.normal("n", i) for i in range(4_000)]
    assert statistics.fmean(uniform) == pytest.approx(0.5, abs=0.02)
    assert 0 <= min(uniform) < max(uniform) < 1
    assert statistics.fmean(normal) == pytest.approx(0, abs=0.06)
    assert statistics.stdev(normal) == pytest.approx(1, abs=0.04)
    assert uniform[9] == Draws(7, "soil-01").uniform("u", 9) != Draws(8, "soil-01").uniform("u", 9)


def test_noise_and_bias_are_those_of_the_data_sheet() -> None:
    """200 devices, 20 readings each: spread within a device is noise, between them bias."""
    within, means = [], []
    for device in range(200):
        instrument = Instrument(Draws(1, f"soil-{device}"), T0)
        values = [
            read(instrument, {"soil_temperature_mdeg_c": 20_000.0}, T0 + i)[1][
                "soil_temperature_mdeg_c"
            ]
            for i in range(20)
        ]
        within.append(statistics.stdev(values))
        means.append(statistics.fmean(values))
    sheet = ACCURACY["soil_temperature_mdeg_c"]
    assert statistics.fmean(within) == pytest.approx(sheet.noise, rel=0.1)
    assert statistics.stdev(means) == pytest.approx(sheet.bias, rel=0.15)


def test_bias_drifts_with_the_years() -> None:
    def mean(at_ms: int) -> float:
        values = (
            read(Instrument(DRAWS, T0), {"relative_humidity_ppm": 500_000.0}, at_ms + i)[1]
            for i in range(400)
        )
        return statistics.fmean(v["relative_humidity_ppm"] for v in values)

    slope = ACCURACY["relative_humidity_ppm"].drift_per_year * DRAWS.normal(
        "drift", "relative_humidity_ppm"
    )
    assert mean(T0 + 2 * 365 * MS_PER_DAY) - mean(T0) == pytest.approx(2 * slope, abs=1_700)


@given(st.lists(st.floats(0, 4), min_size=1, max_size=60))
def test_bucket_tips_in_fifths_of_a_millimetre_and_loses_no_rain(rain_mm: list[float]) -> None:
    instrument, total_um = Instrument(DRAWS, T0), 0
    for i, amount in enumerate(rain_mm):
        instrument, readings = read(instrument, {"rain_um": amount * 1000}, T0 + i * HOUR_MS)
        assert readings["rain_um"] % 200 == 0
        total_um += readings["rain_um"]
    gain = 1 + ACCURACY["rain_um"].gain * DRAWS.normal("gain", "rain_um")
    caught_um = math.fsum(rain_mm) * 1000 * gain
    assert caught_um - 200.001 <= total_um <= caught_um + 0.001


def test_counter_never_falls() -> None:
    instrument, last = Instrument(DRAWS, T0), 0
    for i in range(300):
        instrument, readings = read(instrument, {"energy_wh": i * 3.0}, T0 + i * HOUR_MS)
        assert readings["energy_wh"] >= last
        last = readings["energy_wh"]
    assert last == pytest.approx(897, rel=0.05)


def test_stuck_sensor_repeats_its_last_honest_value_and_recovers() -> None:
    stuck = Episode(FaultKind.STUCK, "soil_moisture_ppm", T0 + 2, T0 + 5)
    instrument = Instrument(DRAWS, T0, (stuck,))
    said = []
    for i in range(7):
        truth = quantities.soil_probe(0.20 + 0.03 * i, 20)
        instrument, readings = read(instrument, truth, T0 + i)
        said.append(readings["soil_moisture_ppm"])
    assert said[1] == said[2] == said[3] == said[4]
    assert len(set(said)) == 4
    assert said[6] > said[5] > said[4]


def test_outage_says_nothing_and_spike_is_impossible() -> None:
    faults = (
        Episode(FaultKind.OUTAGE, EVERY_METRIC, T0, T0 + 1),
        Episode(FaultKind.SPIKE, "soil_temperature_mdeg_c", T0 + 1, T0 + 2, 240_000),
    )
    instrument = Instrument(DRAWS, T0, faults)
    truth = quantities.soil_probe(0.2, 20)
    assert read(instrument, truth, T0)[1] == {}
    instrument, spiked = read(instrument, truth, T0 + 1)
    assert spiked["soil_temperature_mdeg_c"] == 240_000
    assert read(instrument, truth, T0 + 2)[1]["soil_temperature_mdeg_c"] < 25_000


def test_planned_faults_come_at_their_rates() -> None:
    """A hundred probes over a season: counts within four standard deviations of Poisson."""
    rates, days, probes = FaultRates(), 165, 100
    metrics = ("soil_moisture_ppm", "energy_wh")
    plans = [
        plan_faults(Draws(3, f"soil-{i}"), metrics, T0, T0 + days * MS_PER_DAY, rates)
        for i in range(probes)
    ]
    episodes = [episode for plan in plans for episode in plan]
    for kind, expected in (
        (FaultKind.OUTAGE, rates.outage_per_day_ppm * days * probes / 1e6),
        (FaultKind.STUCK, 2 * rates.stuck_per_day_ppm * days * probes / 1e6),
        (FaultKind.SPIKE, rates.spike_per_day_ppm * days * probes / 1e6),
    ):
        count = sum(episode.kind is kind for episode in episodes)
        assert abs(count - expected) < 4 * math.sqrt(expected)
    for episode in episodes:
        assert episode.until_ms - episode.from_ms <= rates.outage_days_max * MS_PER_DAY
        if episode.kind is FaultKind.SPIKE:
            assert METRICS[episode.metric].kind is not MetricKind.COUNTER
            assert episode.value > METRICS[episode.metric].high


def test_same_seed_same_readings_whatever_the_order() -> None:
    truth = quantities.soil_probe(0.2, 20)
    forwards = [read(Instrument(DRAWS, T0), truth, T0 + i)[1] for i in range(10)]
    backwards = [read(Instrument(DRAWS, T0), truth, T0 + i)[1] for i in reversed(range(10))]
    assert forwards == backwards[::-1]
    assert plan_faults(DRAWS, ("rain_um",), T0, T0 + 10**10, NO_FAULTS) == ()
