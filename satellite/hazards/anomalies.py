"""Today's curve against three pasts, and Kogan's condition indices.

A plot is compared with its own earlier seasons, with plots of the same crop around
it today (each relative to what is usual at its own age, so that a late neighbour
is no measure), and with the region's earlier seasons. VCI and TCI place today between
the worst and best that were seen on these days (Kogan 1995,
doi:10.1016/0273-1177(95)00079-T); VHI is their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.units import PPM
from core.wire.evidence import Anomalies, EvidenceKind, Stage
from satellite.hazards.crowd import Watched, neighbours_of
from satellite.hazards.past import Past, Usual, position_of
from satellite.hazards.weather import Place, Weather
from satellite.indices import Levels

Array = NDArray[np.float64]

TODAY_DAYS = 10  # of the curve that make today: its very end swings with the last look
STALE_DAYS_MAX = 20  # since the last look; older, nothing is said of today
NEIGHBOURS_MIN = 3
WARMTH_DAYS = 30
WARM_YEARS_MIN = 10
GREEN_MIN = 0.05  # of the index: a ratio to less is noise
RATIO_MAX = 4.0


@dataclass(frozen=True, slots=True)
class Condition:
    """Kogan's indices and the SPI on a day; absent where nothing is known.

    Parameters
    ----------
    vci, tci, vhi
        0 the worst that was seen on these days of the year, 1 the best.
    spi_30, spi_90
        Standardized precipitation over 30 and 90 days [standard deviations].
    """

    vci: float | None = None
    tci: float | None = None
    vhi: float | None = None
    spi_30: float | None = None
    spi_90: float | None = None


def anomalies_of(watched: Sequence[Watched], past: Past | None, levels: Levels) -> list[Anomalies]:
    """The anomalies of each plot or pasture, in order.

    Parameters
    ----------
    watched
        All plots at once: neighbours are each other's measure.
    past
        The record of past seasons; without it only neighbours are compared.
    """
    today = [_today(one) for one in watched]
    around = _around(watched, today, past, levels)
    found: list[Anomalies] = []
    for one, value, near in zip(watched, today, around, strict=True):
        if value is None:
            found.append(Anomalies())
            continue
        own, region, position = _pasts(one, past)
        found.append(
            Anomalies(
                own_ppm=_relative(value, own, position, levels),
                neighbours_ppm=near,
                region_ppm=_relative(value, region, position, levels),
                vci_ppm=_ppm(_between(value, own or region, position)),
            )
        )
    return found


def conditions_of(
    watched: Sequence[Watched], past: Past | None, weather: Weather | None
) -> list[Condition]:
    """Kogan's indices and the SPI of each plot on the day of its last look."""
    found: list[Condition] = []
    for one in watched:
        own, region, position = _pasts(one, past)
        value = _today(one)
        vci = None if value is None else _between(value, own or region, position)
        place = None if weather is None else weather.near(one.plot.lon_lat)
        day = one.series.looks[-1].day
        tci = None if place is None else temperature_condition(place, day)
        vhi = None if vci is None or tci is None else (vci + tci) / 2
        spis = (None, None) if place is None else (place.spi(day, 30), place.spi(day, 90))
        found.append(Condition(vci, tci, vhi, *spis))
    return found


def temperature_condition(place: Place, day: int) -> float | None:
    """TCI: 1 the coolest month up to this day of any year, 0 the hottest."""
    known = place.past_warmth(day, WARMTH_DAYS)
    if known is None or len(known[1]) < WARM_YEARS_MIN:
        return None
    now, then = known
    span = float(then.max() - then.min())
    return float(np.clip((then.max() - now) / span, 0.0, 1.0)) if span > 0 else None


def _today(one: Watched) -> float | None:
    """The curve's level today [index units]; absent without a recent look or a crop."""
    curve, as_of = one.curve, one.series.looks[-1].day
    if curve is None or as_of - curve.last_day > STALE_DAYS_MAX or _is_over(one, as_of):
        return None
    return float(np.mean(curve.mean[-TODAY_DAYS:]))


def _is_over(one: Watched, day: int) -> bool:
    """Whether the crop is gone: what grows after it says nothing of it."""
    if one.plot.kind is EvidenceKind.PASTURE or one.season.declared.is_perennial:
        return False
    return one.season.stage.stage is Stage.HARVESTED or day > one.season.declared.last_day


def _pasts(one: Watched, past: Past | None) -> tuple[Usual | None, Usual | None, float]:
    declared = one.season.declared
    grazed = one.plot.kind is EvidenceKind.PASTURE or declared.is_perennial
    day = one.series.looks[-1].day if one.curve is None else one.curve.last_day
    sown = None if grazed else declared.sown_day
    clock, position = position_of(day - TODAY_DAYS // 2, sown)
    if past is None:
        return None, None, position
    own = past.of_plot(clock, declared.crop, one.plot.plot_id)
    return own, past.of_region(clock, declared.crop), position


def _relative(value: float, usual: Usual | None, position: float, levels: Levels) -> int | None:
    mean = None if usual is None else usual.mean_at(position)
    if mean is None or mean < max(GREEN_MIN, levels.bare / 2):
        return None
    return round(min(value / mean - 1.0, RATIO_MAX) * PPM)


def _between(value: float, usual: Usual | None, position: float) -> float | None:
    known = None if usual is None else usual.range_at(position)
    if known is None or known[1] - known[0] < GREEN_MIN:
        return None
    return float(np.clip((value - known[0]) / (known[1] - known[0]), 0.0, 1.0))


def _ppm(share: float | None) -> int | None:
    return None if share is None else round(share * PPM)


def _around(
    watched: Sequence[Watched], today: Sequence[float | None], past: Past | None, levels: Levels
) -> list[int | None]:
    """Each plot against the median of its neighbours of the same crop and season."""
    groups: dict[tuple[str, str, EvidenceKind], list[int]] = {}
    for i, one in enumerate(watched):
        declared = one.season.declared
        groups.setdefault((declared.crop, declared.season_id, one.plot.kind), []).append(i)
    found: list[int | None] = [None] * len(watched)
    for rows in groups.values():
        level = np.array([_level(watched[i], today[i], past, levels) for i in rows])
        near = neighbours_of([watched[i].plot.lon_lat for i in rows])
        beside = np.append(level, np.nan)[near]
        for k, i in enumerate(rows):
            known = beside[k][np.isfinite(beside[k])]
            if np.isfinite(level[k]) and len(known) >= NEIGHBOURS_MIN and np.median(known) > 0:
                ratio = float(level[k] / np.median(known))
                found[i] = round(min(ratio - 1.0, RATIO_MAX) * PPM)
    return found


def _level(one: Watched, value: float | None, past: Past | None, levels: Levels) -> float:
    """Today relative to what is usual at this age; plainly today where that is unknown."""
    if value is None:
        return np.nan
    _, region, position = _pasts(one, past)
    mean = None if region is None else region.mean_at(position)
    if region is None:
        return value
    return np.nan if mean is None or mean < max(GREEN_MIN, levels.bare / 2) else value / mean
