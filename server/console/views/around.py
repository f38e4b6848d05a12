"""What a plot's curve is held against: its own past years, and the plots of its crop around it.

Past years are the newest evidence of each earlier season that has come to the centre, put a
whole number of years later; neighbours are the nearest plots of the same crop, season and
site that the reader may see, each by its own newest evidence.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from core.units import PPM
from core.wire.evidence import Anomalies, Evidence
from core.wire.registry import Subject
from server.console.figures.curve import E4, Around, BandPoint
from server.store import evidence, registry
from server.store.engine import Tx
from server.store.evidence import KeptEvidence

NEIGHBOURS_MAX = 12
NEIGHBOURS_MIN = 3  # fewer make no band
YEARS_MAX = 10
YEAR_DAYS = 365.2425
STEP_DAYS = 5
BEYOND_DAYS = 120  # how far past years go on after today

Curve = Sequence[tuple[int, float]]  # ordinal day and index, rising


@dataclass(frozen=True, slots=True)
class Compared:
    """The bands, and how the curve stands against them and against three pasts [ppm].

    ``own_ppm`` and ``near_ppm`` are the maker's word where the evidence has it, else the
    curve against the middle of the band on the newest day that both have.
    """

    around: Around
    anomalies: Anomalies
    own_ppm: int | None = None
    near_ppm: int | None = None


def read_compared(
    tx: Tx, subject: Subject, shown: Evidence, kept: Sequence[KeptEvidence]
) -> Compared:
    """What stands beside a plot's curve.

    Parameters
    ----------
    kept
        All evidence of the plot, newest first.
    """
    own = curve_of(shown)
    past = [
        _later(curve_of(evidence.document(tx, one.evidence_id)), own)
        for one in _earlier_seasons(kept, shown)
    ]
    near = [
        curve_of(evidence.document(tx, one.evidence_id)) for one in _neighbours(tx, subject, shown)
    ]
    findings = shown.findings
    around = around_of(own, [one for one in past if one], [one for one in near if one])
    told = findings.anomalies if findings else Anomalies()
    return Compared(
        around=around,
        anomalies=told,
        own_ppm=against(own, around.past) if told.own_ppm is None else told.own_ppm,
        near_ppm=against(own, around.near) if told.neighbours_ppm is None else told.neighbours_ppm,
    )


def against(own: Curve, points: Sequence[BandPoint]) -> int | None:
    """A curve against the middle of a band on the newest day that both have [ppm]."""
    for point in reversed(points):
        value = _at(own, point.on.toordinal())
        if value is not None and point.middle > 0:
            return round((value - point.middle) * PPM / point.middle)
    return None


def curve_of(found: Evidence) -> Curve:
    """The smoothed curve, or without one the looks that were used."""
    told = [(point.day, point.mean_e4) for point in found.curve] or [
        (look.day, look.mean_e4) for look in found.observations if look.used
    ]
    return sorted({date.fromisoformat(day).toordinal(): value / E4 for day, value in told}.items())


def around_of(own: Curve, past: Sequence[Curve], near: Sequence[Curve]) -> Around:
    """The bands of past years and of neighbours over the days of a curve."""
    if not own:
        return Around()
    first, last = own[0][0], own[-1][0]
    return Around(
        past=band(past, (first, last + BEYOND_DAYS), 1),
        past_years=len(past),
        near=band(near, (first, last), NEIGHBOURS_MIN),
        near_plots=len(near),
    )


def band(curves: Sequence[Curve], span: tuple[int, int], least: int) -> tuple[BandPoint, ...]:
    """Lowest, middle and highest of curves every few days, where enough of them are known."""
    points = []
    for day in range(span[0], span[1] + 1, STEP_DAYS):
        values = [value for value in (_at(curve, day) for curve in curves) if value is not None]
        if len(values) >= least:
            on = date.fromordinal(day)
            points.append(BandPoint(on, min(values), median(values), max(values)))
    return tuple(points)


def _at(curve: Curve, day: int) -> float | None:
    """A curve's value on a day, straight between its points; nothing outside of them."""
    if not curve or not curve[0][0] <= day <= curve[-1][0]:
        return None
    place = bisect_right(curve, (day, math.inf))
    before = curve[place - 1]
    if before[0] == day or place == len(curve):
        return before[1]
    after = curve[place]
    part = (day - before[0]) / (after[0] - before[0])
    return before[1] + part * (after[1] - before[1])


def _earlier_seasons(kept: Sequence[KeptEvidence], shown: Evidence) -> list[KeptEvidence]:
    """The newest evidence of each season that ended before this one began, newest first."""
    newest: dict[str, KeptEvidence] = {}
    for one in kept:
        if one.season_id != shown.season_id and one.as_of < shown.as_of:
            newest.setdefault(one.season_id, one)
    return list(newest.values())[:YEARS_MAX]


def _later(curve: Curve, own: Curve) -> Curve:
    """A past year's curve on the days of this one: later by whole years."""
    if not curve or not own:
        return ()
    years = round((own[0][0] - curve[0][0]) / YEAR_DAYS)
    days = round(max(1, years) * YEAR_DAYS)
    return [(day + days, value) for day, value in curve]


def _neighbours(tx: Tx, subject: Subject, shown: Evidence) -> list[KeptEvidence]:
    """The newest looks at the nearest plots of the same crop and season."""
    mine = registry.placed_subject(tx, subject.subject_id)
    here = centre_of(mine.geojson if mine else None)
    if here is None or not subject.crop:
        return []
    found = {
        subject_id: centre
        for subject_id, geojson in registry.shapes_beside(tx, subject)
        if (centre := centre_of(geojson)) is not None
    }
    nearest = sorted(found, key=lambda one: (_apart(here, found[one]), one))[:NEIGHBOURS_MAX]
    looks = (evidence.latest(tx, each, shown.season_id) for each in nearest)
    return [one for one in looks if one is not None]


def centre_of(geojson: str | None) -> tuple[float, float] | None:
    """The middle of a shape's corners, longitude and latitude [degrees]; nothing without one."""
    corners = list(_corners(geojson))
    if not corners:
        return None
    return (
        sum(lon for lon, _ in corners) / len(corners),
        sum(lat for _, lat in corners) / len(corners),
    )


def _corners(geojson: str | None) -> list[tuple[float, float]]:
    """The corners of a shape's outer rings, whether it was kept as a feature or bare."""
    if not geojson:
        return []
    found = json.loads(geojson)
    shape = found.get("geometry") or {} if found.get("type") == "Feature" else found
    rings = shape.get("coordinates") or []
    outer = [polygon[0] for polygon in rings] if shape.get("type") == "MultiPolygon" else rings[:1]
    return [(lon, lat) for ring in outer for lon, lat, *_ in ring]


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """How far apart, as a measure that orders [degrees of latitude]."""
    east = (one[0] - other[0]) * math.cos(math.radians(one[1]))
    return math.hypot(east, one[1] - other[1])
