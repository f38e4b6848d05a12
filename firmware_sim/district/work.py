"""What people do with machines and power when the weather and the crop ask for it.

Tractors plough before sowing, weed three to four weeks after, and carry and shell at
harvest; they stand still on wet days. They also work for neighbours who do not
borrow. Pumps run when it is dry, cold stores when it is hot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_sim.district.places import District, StoreKind
from firmware_sim.district.season import Floats, Ints, Job, Weather

_WET_MM = 14.0  # no field work above
_DAY_HOURS_MAX = 9.0
_HA_PER_HOUR = {Job.PLOUGHING: 0.34, Job.WEEDING: 0.55, Job.HARVEST: 0.42}
_HIRED_SHARE = {Job.PLOUGHING: 0.75, Job.WEEDING: 0.4, Job.HARVEST: 0.65}
_NEIGHBOURS = 2.2  # work for other land, relative to that for the district's plots


@dataclass(frozen=True, slots=True)
class MachineDays:
    """What each machine did; every array is (machines, days)."""

    job: Ints
    ha: Floats
    hours: Floats


def wanted_ha(
    district: District,
    sown_day: Ints,
    harvested_day: Ints,
    cropped: np.ndarray,
    days: int,
    rng: np.random.Generator,
) -> dict[Job, Floats]:
    """Area that farmers want worked, by the day they want it (days,) [ha].

    Parameters
    ----------
    district
        Whose plots.
    sown_day, harvested_day
        Columns (plots,); beyond ``days`` where it lies after the record.
    cropped
        Whether the plot bears a crop worth weeding and carrying (plots,).
    days
        Length of the record [d].
    """
    area = np.array([plot.area_m2 for plot in district.plots]) / 1e4
    when = {
        Job.PLOUGHING: sown_day - rng.integers(2, 9, len(area)),
        Job.WEEDING: np.where(cropped, sown_day + rng.integers(21, 31, len(area)), days),
        Job.HARVEST: np.where(cropped, harvested_day, days),
    }
    out: dict[Job, Floats] = {}
    for job, day in when.items():
        hired = rng.random(len(area)) < _HIRED_SHARE[job]
        fits = hired & (day >= 0) & (day < days)
        own = np.bincount(day[fits], weights=area[fits], minlength=days)
        others = np.bincount(
            np.clip(day[fits] + rng.integers(-6, 7, fits.sum()), 0, days - 1),
            weights=_NEIGHBOURS * area[fits] * rng.lognormal(0, 0.4, fits.sum()),
            minlength=days,
        )
        out[job] = np.asarray(own + others, dtype=np.float64)
    return out


def machine_days(
    district: District, wanted: dict[Job, Floats], rain_mm: Floats, rng: np.random.Generator
) -> MachineDays:
    """Share the wanted area among the machines, day by day, oldest wish first.

    Parameters
    ----------
    district
        Whose machines.
    wanted
        As from :func:`wanted_ha`.
    rain_mm
        The village's rain (days,) [mm].
    """
    count, days = len(district.machines), len(rain_mm)
    job = np.zeros((count, days), dtype=np.int64)
    ha, hours = np.zeros((count, days)), np.zeros((count, days))
    pace = np.array([machine.power_kw for machine in district.machines]) / 40.0
    waiting = dict.fromkeys(wanted, 0.0)
    for day in range(days):
        for kind in wanted:
            waiting[kind] += float(wanted[kind][day])
        if rain_mm[day] > _WET_MM:
            continue
        for machine in rng.permutation(count):
            kind = max(waiting, key=lambda k: waiting[k])
            if waiting[kind] < 0.3 or rng.random() < 0.08:
                continue
            rate = _HA_PER_HOUR[kind] * float(pace[machine]) * float(rng.uniform(0.85, 1.1))
            done = min(waiting[kind], rate * _DAY_HOURS_MAX)
            waiting[kind] -= done
            job[machine, day], ha[machine, day] = kind.value, done
            hours[machine, day] = done / rate + 0.15 * done + float(rng.uniform(0.2, 0.7))
    return MachineDays(job, ha, hours)


def store_energy_wh(district: District, weather: Weather, rng: np.random.Generator) -> Floats:
    """Energy that pumps and cold stores draw (stores, days) [Wh]."""
    rows = []
    for store in district.stores:
        rain, et0 = weather.rain_mm[store.zone], weather.et0_mm[store.zone]
        if store.kind is StoreKind.PUMP:
            dryness = np.clip(_ten_days(et0 - rain) / 3.0, 0, 1.6)
            hours = 1.2 + 3.6 * dryness
        else:
            mean_c = (weather.tmin_c[store.zone] + weather.tmax_c[store.zone]) / 2
            hours = 24 * np.clip(0.18 + 0.022 * (mean_c - 14), 0.1, 0.8)
        rows.append(store.power_w * hours * rng.lognormal(0, 0.08, len(rain)))
    return np.round(np.array(rows).reshape(len(district.stores), -1))


def _ten_days(daily: Floats) -> Floats:
    total = np.cumsum(np.concatenate([np.full(10, daily[:10].mean()), daily]))
    return np.asarray((total[10:] - total[:-10]) / 10)
