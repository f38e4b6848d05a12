"""Faults are counted right, and the simulator's rates are those of the real greenhouses."""

from __future__ import annotations

import statistics
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from core.units import MS_PER_DAY, PPM
from firmware_sim.sensors.draws import Draws
from firmware_sim.sensors.faults import FaultKind, plan_faults
from firmware_sim.sensors.instrument import Instrument, read
from firmware_sim.sensors.observed import GREENHOUSE, WINDOW, Observed, observed

QUARTER_MS = 15 * 60_000
BOUNDS = {
    "°C": (-45.0, 60.0),
    "%": (0.0, 100.0),
    "m³/m³": (0.0, 0.7),
    "klux": (0.0, 150.0),
    "µmol/m²/s": (0.0, 3_000.0),
}
DAYS = 400


def test_outage_stuck_and_wild_runs_are_counted() -> None:
    at_ms = [i * QUARTER_MS + (MS_PER_DAY if i >= 50 else 0) for i in range(100)]
    values = [20.0 + i / 10 for i in range(10)] + [5.0] * 30 + [6.0 + i / 10 for i in range(60)]
    values[0], values[90], values[91] = 240.0, -95.0, -94.0
    found = observed(at_ms, values, (-45, 60))
    assert found.outages_days == pytest.approx([1 + 1 / 96])
    assert found.stuck_days == pytest.approx([29 / 96])
    assert (found.wild_samples, found.is_wild_at_first) == ((1, 2), True)


def test_change_of_unit_is_told_from_weather() -> None:
    klux = [20.0 + i % 96 for i in range(WINDOW)]
    at_ms = [i * QUARTER_MS for i in range(3 * WINDOW)]
    changed = observed(
        at_ms, [*klux, *(v * 1000 for v in klux), *(v * 800 for v in klux)], (0, 1e9)
    )
    assert changed.unit_changes == 1
    assert observed(at_ms, [*klux, *(v / 9 for v in klux), *klux], (0, 1e9)).unit_changes == 0


def test_planned_faults_come_as_often_and_as_long_as_in_the_greenhouses() -> None:
    until_ms = DAYS * MS_PER_DAY
    planned = [
        episode
        for i in range(40)
        for episode in plan_faults(
            Draws(1, f"d{i}"), ["air_temperature_mdeg_c"], 0, until_ms, GREENHOUSE
        )
    ]
    lengths = {
        kind: [(e.until_ms - e.from_ms) / MS_PER_DAY for e in planned if e.kind is kind]
        for kind in FaultKind
    }
    device_days = 40 * DAYS
    outages = lengths[FaultKind.OUTAGE]
    assert len(outages) / device_days * PPM == pytest.approx(62_800, rel=0.1)
    assert statistics.median(outages) == pytest.approx(1.0, rel=0.3)
    assert 23 < statistics.quantiles(outages, n=10)[8] < 33
    assert 60 < max(outages) <= 80
    assert len(lengths[FaultKind.SPIKE]) / device_days * PPM == pytest.approx(18_500, rel=0.2)
    assert len(lengths[FaultKind.STUCK]) / device_days * PPM == pytest.approx(5_400, rel=0.3)
    assert 0 < len(lengths[FaultKind.UNIT]) <= 6


def test_channel_in_another_unit_says_a_thousand_times_as_much() -> None:
    draws = Draws(3, "mast")
    rates = GREENHOUSE.__class__(0, 1, 0, 1, 0, unit_per_day_ppm=PPM)
    faults = plan_faults(draws, ["solar_radiation_w_per_m2"], 0, MS_PER_DAY, rates)
    instrument = Instrument(draws, 0, faults)
    truth = {"solar_radiation_w_per_m2": 500.0}
    _, before = read(instrument, truth, 0)
    _, after = read(instrument, truth, MS_PER_DAY - 1)
    assert after["solar_radiation_w_per_m2"] == 1000 * before["solar_radiation_w_per_m2"]


@pytest.mark.nightly
def test_rates_are_those_of_the_real_greenhouses(data_folder: Path) -> None:
    channels = _channels(data_folder / "greenhouse_italy_15min" / "greenhouse_long.parquet")
    loggers = {key[:2]: found for key, found in reversed(channels.items())}
    warm = [found for key, found in channels.items() if key[-1] == "°C"]
    logger_days = sum(found.days for found in loggers.values())
    warm_days = sum(found.days for found in warm)
    outages = [length for found in loggers.values() for length in found.outages_days]
    assert len(outages) / logger_days * PPM == pytest.approx(
        GREENHOUSE.outage_per_day_ppm, rel=0.02
    )
    assert max(outages) == pytest.approx(GREENHOUSE.outage_days_max, abs=0.2)
    stuck = [length for found in warm for length in found.stuck_days]
    assert len(stuck) / warm_days * PPM == pytest.approx(GREENHOUSE.stuck_per_day_ppm, rel=0.02)
    wild = [count for found in warm for count in found.wild_samples]
    assert len(wild) / warm_days * PPM == pytest.approx(GREENHOUSE.spike_per_day_ppm, rel=0.02)
    assert max(wild) / 96 == pytest.approx(GREENHOUSE.spike_days_max, abs=0.5)
    assert sum(found.is_wild_at_first for found in warm) == 4  # 240 °C at installation
    changes = sum(found.unit_changes for found in channels.values())
    days = sum(found.days for found in channels.values())
    assert changes / days * PPM == pytest.approx(GREENHOUSE.unit_per_day_ppm, rel=0.02)


def _channels(path: Path) -> dict[tuple[str, ...], Observed]:
    names = ["site", "logger", "channel", "metric", "unit"]
    table = pq.read_table(path, columns=[*names, "ts", "value"])
    whole = pc.and_(pc.is_valid(table["ts"]), pc.is_valid(table["value"]))
    table = table.filter(pc.and_(whole, pc.invert(pc.is_nan(table["value"]))))
    table = table.sort_by("ts")
    at_ms = table["ts"].cast("timestamp[ms]").cast("int64").to_pylist()
    keys = list(zip(*(map(str, table[name].to_pylist()) for name in names), strict=True))
    rows: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}
    for key, at, value in zip(keys, at_ms, table["value"].to_pylist(), strict=True):
        times, values = rows.setdefault(key, ([], []))
        if not times or times[-1] != at:
            times.append(at)
            values.append(value)
    return {key: observed(*held, BOUNDS[key[-1]]) for key, held in rows.items()}
