"""What a cheated sensor is shown instead of the truth.

Each gives a :data:`firmware_sim.fleet.field.Lie`. The instrument's own noise, bias and
faults come after, so nothing in the readings is too clean to be true.
"""

from __future__ import annotations

from core.units import PPM
from firmware_sim.adversaries.kinds import Bucket, IdleTractor, Rerun
from firmware_sim.district.season import Floats
from firmware_sim.fleet import hours
from firmware_sim.fleet.field import Field, Lie
from firmware_sim.fleet.hours import Moment
from firmware_sim.sensors import quantities
from firmware_sim.sensors.quantities import Quantities

IDLE_FUEL_L_PER_H = 1.8  # a 50 kW diesel at low idle (Nebraska tractor tests: 1.5–2.3 l/h)
_IDLING = hours.Span(8, 16)
_SECONDS_PER_H = 3600


def idle_engine(idle: IdleTractor) -> Lie:
    """Counters of a tractor that runs in its yard: hours and a little fuel, no area."""

    def told(true: Field) -> Field:
        def at(before: Moment, now: Moment) -> Quantities:
            if now.day < idle.from_day:
                return true(before, now)
            last = true(before, Moment(idle.from_day, 0.0))
            run_h = idle.hours_a_day * (now.day - idle.from_day + _IDLING.share(now.hour))
            return {
                "engine_s": last["engine_s"] + run_h * _SECONDS_PER_H,
                "area_worked_m2": last["area_worked_m2"],
                "fuel_used_ml": last["fuel_used_ml"] + run_h * IDLE_FUEL_L_PER_H * 1000,
            }

        return at

    return told


def bucketed(bucket: Bucket, tmin_c: Floats, tmax_c: Floats) -> Lie:
    """A probe in a bucket: always as wet, and as warm as the air, not as the ground.

    Parameters
    ----------
    bucket
        How wet, and since when.
    tmin_c, tmax_c
        The air's extremes of each day (days,) [°C].
    """

    def told(true: Field) -> Field:
        def at(before: Moment, now: Moment) -> Quantities:
            if now.day < bucket.from_day:
                return true(before, now)
            warmth = hours.temperature_c(float(tmin_c[now.day]), float(tmax_c[now.day]), now.hour)
            return quantities.soil_probe(bucket.moisture_ppm / PPM, warmth)

        return at

    return told


def rerun(again: Rerun) -> Lie:
    """Readings of ``days_ago`` days before, said as today's."""

    def told(true: Field) -> Field:
        def at(before: Moment, now: Moment) -> Quantities:
            if now.day < again.from_day:
                return true(before, now)
            return true(_earlier(before, again.days_ago), _earlier(now, again.days_ago))

        return at

    return told


def _earlier(moment: Moment, days: int) -> Moment:
    return Moment(max(0, moment.day - days), moment.hour)
