"""One device's sensors: true quantities in, integers in METRICS' units out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from core.units import MS_PER_DAY
from core.wire.telemetry import METRICS, MetricKind
from firmware_sim.sensors.draws import Draws
from firmware_sim.sensors.faults import EVERY_METRIC, Episode, FaultKind, active
from firmware_sim.sensors.quantities import Quantities

_YEAR_MS = 365 * MS_PER_DAY


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What a data sheet says of a sensor, in its metric's unit (standard deviations).

    Parameters
    ----------
    noise
        From reading to reading.
    bias
        From device to device.
    drift_per_year
        Growth of the bias since installation, from device to device.
    gain
        Relative error of the slope, from device to device [1].
    quantum
        The smallest step that the sensor can show.
    """

    noise: float = 0.0
    bias: float = 0.0
    drift_per_year: float = 0.0
    gain: float = 0.0
    quantum: int = 1


# Counters carry no noise: what has been counted stays counted.
ACCURACY: Mapping[str, Accuracy] = {
    "soil_moisture_ppm": Accuracy(2_000, 12_000, 8_000, 0.03, 100),
    "soil_temperature_mdeg_c": Accuracy(60, 200, 50, 0.0, 10),
    "air_temperature_mdeg_c": Accuracy(100, 150, 50, 0.0, 10),
    "relative_humidity_ppm": Accuracy(8_000, 15_000, 10_000, 0.0, 1_000),
    "solar_radiation_w_per_m2": Accuracy(gain=0.03),
    "wind_speed_mm_per_s": Accuracy(noise=80, gain=0.03, quantum=10),
    "rain_um": Accuracy(gain=0.04, quantum=200),  # a bucket tips every 0.2 mm
    "animals_seen_count": Accuracy(noise=0.3),
    "activity_steps": Accuracy(gain=0.02),
    "engine_s": Accuracy(),
    "area_worked_m2": Accuracy(gain=0.02),
    "fuel_used_ml": Accuracy(gain=0.02, quantum=10),
    "energy_wh": Accuracy(gain=0.01, quantum=10),
    "store_temperature_mdeg_c": Accuracy(150, 300, 50, 0.0, 10),
    "store_level_kg": Accuracy(40, 60, 20, 0.02, 10),  # a cable that weighs what leans on it
}


@dataclass(frozen=True, slots=True)
class Instrument:
    """A device's sensors with their history.

    Parameters
    ----------
    draws
        The device's chance.
    installed_ms
        Since when the bias drifts [ms UTC].
    faults
        What will go wrong, from :func:`firmware_sim.sensors.faults.plan_faults`.
    held
        Each metric's last honest reading, which a stuck sensor repeats.
    carried
        The part of a sum below its quantum, which the bucket still holds.
    """

    draws: Draws
    installed_ms: int
    faults: tuple[Episode, ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)
    carried: Mapping[str, float] = field(default_factory=dict)


def read(
    instrument: Instrument, truth: Quantities, at_ms: int
) -> tuple[Instrument, dict[str, int]]:
    """The readings at an instant [ms UTC], and the instrument after them.

    Nothing is read in an outage; what a bucket caught meanwhile is lost with it.
    """
    # Where several act on one channel, the last that began is seen; a unit underlies all.
    under_way = sorted(active(instrument.faults, at_ms), key=lambda e: e.kind is not FaultKind.UNIT)
    faults = {episode.metric: episode for episode in under_way}
    if EVERY_METRIC in faults:
        return instrument, {}
    honest = {m: _honest(instrument, m, value, at_ms) for m, value in truth.items()}
    readings = {m: _said(faults.get(m), v, instrument.held.get(m)) for m, (v, _) in honest.items()}
    stuck = {m for m, e in faults.items() if e.kind is FaultKind.STUCK}
    held = {m: value for m, (value, _) in honest.items() if m not in stuck}
    carried = {m: rest for m, (_, rest) in honest.items() if rest}
    return replace(instrument, held={**instrument.held, **held}, carried=carried), readings


def _said(fault: Episode | None, value: int, held: int | None) -> int:
    if fault is None:
        return value
    if fault.kind is FaultKind.SPIKE:
        return fault.value
    if fault.kind is FaultKind.UNIT:
        return value * fault.value
    return value if held is None else held


def _honest(instrument: Instrument, metric: str, true: float, at_ms: int) -> tuple[int, float]:
    """The reading of a sensor that works, and what stays below its quantum."""
    sheet, bounds = ACCURACY[metric], METRICS[metric]
    value = true * _slope(instrument, metric, sheet) + _offset(instrument, metric, sheet, at_ms)
    if bounds.kind is MetricKind.SUM:
        value += instrument.carried.get(metric, 0.0)
        counted = math.floor(value / sheet.quantum) * sheet.quantum
        return min(counted, bounds.high), value - counted
    rounded = round(value / sheet.quantum) * sheet.quantum
    if bounds.kind is MetricKind.COUNTER:
        rounded = max(rounded, instrument.held.get(metric, 0))
    return max(bounds.low, min(bounds.high, rounded)), 0.0


def _slope(instrument: Instrument, metric: str, sheet: Accuracy) -> float:
    return 1 + sheet.gain * instrument.draws.normal("gain", metric) if sheet.gain else 1.0


def _offset(instrument: Instrument, metric: str, sheet: Accuracy, at_ms: int) -> float:
    draws, offset = instrument.draws, 0.0
    if sheet.bias:
        offset += sheet.bias * draws.normal("bias", metric)
    if sheet.drift_per_year:
        years = (at_ms - instrument.installed_ms) / _YEAR_MS
        offset += sheet.drift_per_year * draws.normal("drift", metric) * years
    if sheet.noise:
        offset += sheet.noise * draws.normal("noise", metric, at_ms)
    return offset
