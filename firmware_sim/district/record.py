"""A weather record of the village's zones: what a met office or a reanalysis would hold.

Past years are drawn from the climate as any season is; the live year is the season's
own weather. Each year runs from mid-December, before the season, to its last day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
from pyproj import Transformer
from shapely.geometry import Polygon

from firmware_sim.district.growth import SPIN_UP_DAYS, season_weather
from firmware_sim.district.places import EPSG, District
from firmware_sim.district.season import SeasonSpec, SeasonTruth
from firmware_sim.district.simulate import season_rng

COLUMNS = ("place", "lon", "lat", "date", "rain_mm", "tmin_c", "tmax_c")


def weather_csv(district: District, truth: SeasonTruth, past_years: int) -> str:
    """The record of all zones up to the live season's end, oldest first, as CSV."""
    past = [SeasonSpec(truth.spec.year - back) for back in range(past_years, 0, -1)]
    places = _places(district)
    lines = [",".join(COLUMNS)]
    for spec in (*past, truth.spec):
        lines += _rows(district, spec, places)
    return "\n".join(lines) + "\n"


def _rows(district: District, spec: SeasonSpec, places: list[str]) -> Iterator[str]:
    weather = season_weather(spec, len(places), season_rng(district.seed, spec, "weather"))
    first = spec.first_day - timedelta(days=SPIN_UP_DAYS)
    for zone, place in enumerate(places):
        columns = (weather.rain_mm[zone], weather.tmin_c[zone], weather.tmax_c[zone])
        for i, cells in enumerate(zip(*columns, strict=True)):
            values = ",".join(f"{float(cell):.1f}" for cell in cells)
            yield f"{place},{(first + timedelta(days=i)).isoformat()},{values}"


def _places(district: District) -> list[str]:
    """Each zone's name and the middle of its plots [degrees], as cells of a row."""
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    rows = []
    for index, zone in enumerate(district.zones):
        centres = [Polygon(p.ring).centroid.coords[0] for p in district.plots if p.zone == index]
        lon, lat = to_degrees.transform(*np.mean(centres, axis=0))
        rows.append(f"{zone.subject_id},{lon:.5f},{lat:.5f}")
    return rows
