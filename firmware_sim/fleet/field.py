"""What the sensors of the district's devices meet: the season's truth at an instant.

The only place where truth becomes readings. What leaves it has passed through an
instrument with noise, bias, drift and faults.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.units import MS_PER_DAY
from core.wire.telemetry import DeviceKind
from firmware_sim.device import machine
from firmware_sim.device.machine import Device, DeviceSpec, Phase
from firmware_sim.district.places import DevicePlace, District, StoreKind
from firmware_sim.district.season import SeasonTruth
from firmware_sim.fleet import hours
from firmware_sim.fleet.hours import Moment, moment_of
from firmware_sim.sensors import quantities
from firmware_sim.sensors.instrument import Instrument, read
from firmware_sim.sensors.quantities import Quantities

FUEL_L_PER_KWH = 0.11  # at the part load of field work
COLD_ROOM_C = 6.0
# A logger without power does not count: amounts older than a day are lost to it.
COUNTED_MS_MAX = MS_PER_DAY

Field = Callable[[Moment, Moment], Quantities]  # (previous sample, now) → true quantities
Lie = Callable[[Field], Field]  # what the sensors are shown instead


class FieldReadings:
    """A district device's sensors on its own timetable.

    Parameters
    ----------
    field
        What is true where it stands, from :func:`field_of`.
    sun
        The sun there [W/m²].
    truth
        The season.
    instrument
        Its sensors.
    at_ms
        When it was fitted [ms UTC]; rain and steps are counted from then.
    """

    def __init__(
        self,
        field: Field,
        sun: Callable[[Moment], float],
        truth: SeasonTruth,
        instrument: Instrument,
        at_ms: int,
    ) -> None:
        self._field, self._sun, self._truth = field, sun, truth
        self._instrument = instrument
        self._since_ms = at_ms

    def due_ms(self, spec: DeviceSpec, device: Device) -> int | None:
        """When the device next wakes by itself [ms UTC]."""
        return machine.due_at_ms(spec, device)

    def sun_w_per_m2(self, at_ms: int) -> int:
        """The sun on its panel [W/m²]."""
        return round(self._sun(moment_of(self._truth.spec, at_ms)))

    def read(self, device: Device, at_ms: int) -> dict[str, int] | None:
        """What the sensors say, when the device asks."""
        if device.phase is not Phase.SAMPLE:
            return None
        spec = self._truth.spec
        since_ms = max(self._since_ms, at_ms - COUNTED_MS_MAX)
        true = self._field(moment_of(spec, since_ms), moment_of(spec, at_ms))
        self._since_ms = at_ms
        self._instrument, readings = read(self._instrument, true, at_ms)
        return readings


def sun_of(truth: SeasonTruth, place: DevicePlace) -> Callable[[Moment], float]:
    """The sun where a device stands [W/m²]."""
    daily = truth.weather.radiation_mj_per_m2[place.zone]
    return lambda now: hours.sun_w_per_m2(float(daily[now.day]), now.hour)


def field_of(district: District, truth: SeasonTruth, place: DevicePlace) -> Field:
    """What is true where a device stands."""
    makers = {
        DeviceKind.SOIL_PROBE: _soil,
        DeviceKind.WEATHER_STATION: _mast,
        DeviceKind.EAR_TAG_READER: _gate,
        DeviceKind.MACHINE: _tractor,
        DeviceKind.ELECTRICITY_METER: _meter,
    }
    return makers[place.kind](district, truth, place)


def _soil(district: District, truth: SeasonTruth, place: DevicePlace) -> Field:
    row = [plot.plot_id for plot in district.plots].index(place.subject_id)
    moisture = truth.plots.soil_moisture[row]
    tmin, tmax = truth.weather.tmin_c[place.zone], truth.weather.tmax_c[place.zone]

    def at(_before: Moment, now: Moment) -> Quantities:
        warmth = hours.soil_temperature_c(float(tmin[now.day]), float(tmax[now.day]), now.hour)
        return quantities.soil_probe(hours.level(moisture, now), warmth)

    return at


def _mast(_district: District, truth: SeasonTruth, place: DevicePlace) -> Field:
    weather, zone, sun = truth.weather, place.zone, sun_of(truth, place)
    rain = weather.rain_mm[zone]

    def at(before: Moment, now: Moment) -> Quantities:
        day, hour = now.day, now.hour
        fallen = hours.total(rain, now, hours.AFTERNOON) - hours.total(
            rain, before, hours.AFTERNOON
        )
        return quantities.weather_station(
            hours.temperature_c(
                float(weather.tmin_c[zone, day]), float(weather.tmax_c[zone, day]), hour
            ),
            hours.humidity(float(weather.humidity[zone, day]), hour),
            sun(now),
            hours.wind_m_per_s(float(weather.wind_m_per_s[zone, day]), hour),
            max(0.0, fallen),
        )

    return at


def _gate(district: District, truth: SeasonTruth, place: DevicePlace) -> Field:
    row = [herd.herd_id for herd in district.herds].index(place.subject_id)
    seen = truth.herd_seen_count[row]
    steps = truth.herd_steps[row].astype(np.float64)

    def at(before: Moment, now: Moment) -> Quantities:
        walked = hours.total(steps, now, hours.DAYLIGHT) - hours.total(
            steps, before, hours.DAYLIGHT
        )
        return quantities.ear_tag_reader(float(seen[now.day]), max(0.0, walked))

    return at


def _tractor(district: District, truth: SeasonTruth, place: DevicePlace) -> Field:
    row = [machine.machine_id for machine in district.machines].index(place.subject_id)
    power_kw = district.machines[row].power_kw
    engine, area = truth.machine_hours[row], truth.machine_ha[row]

    def at(_before: Moment, now: Moment) -> Quantities:
        run_h = hours.total(engine, now, hours.WORKING)
        worked_ha = hours.total(area, now, hours.WORKING)
        return quantities.machine(run_h, worked_ha, run_h * power_kw * FUEL_L_PER_KWH)

    return at


def _meter(district: District, truth: SeasonTruth, place: DevicePlace) -> Field:
    row = [store.store_id for store in district.stores].index(place.subject_id)
    is_pump = district.stores[row].kind is StoreKind.PUMP
    span = hours.DAYLIGHT if is_pump else hours.ALL_DAY
    energy = truth.store_energy_wh[row]
    tmin, tmax = truth.weather.tmin_c[place.zone], truth.weather.tmax_c[place.zone]

    def at(_before: Moment, now: Moment) -> Quantities:
        air_c = hours.temperature_c(float(tmin[now.day]), float(tmax[now.day]), now.hour)
        inside_c = air_c if is_pump else COLD_ROOM_C + 0.05 * (air_c - 20)
        return quantities.electricity_meter(hours.total(energy, now, span), inside_c)

    return at
