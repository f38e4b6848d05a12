"""Drought: rain that fails while the crop stands, or greenness that sinks with it.

Rain tells first. The trigger is a sharply dry three weeks after six weeks that left no
reserve in the soil, for some days in a row: two SPIs, so that one dry spell after good
rain raises nothing. The index tells later and speaks alone, where no weather is known,
only if plots around sink with it. A dry spell before the crop stands or after it has
ripened harms little and raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.hazards.crowd import Crowd
from satellite.hazards.weather import Place

Array = NDArray[np.float64]
Days = NDArray[np.int64]

# Chosen on sixteen villages (docs/hazards.md): lead against false alarms.
SPELL_DAYS, SPELL_SPI = 20, -1.5
RESERVE_DAYS, RESERVE_SPI = 45, -0.8
RUN_DAYS_MIN = 3  # in a row, so that a day's total at the window's edge decides nothing
EASED_SPI = -0.5  # the spell began when its index fell below
NEED_FROM_DAYS = 20  # after sowing; a seedling drinks little
NEED_AFTER_RIPE_DAYS = 10  # grain still fills when the first leaves turn
UNSEEN_DAYS_MAX = 40  # without a look for so long, weather alone raises nothing
GREEN_DAYS = 15  # looks that make the neighbourhood's departure today
GREEN_LOSS = 0.10  # of the index, the neighbourhood's mean departure
GREEN_LOSS_DRY = 0.05  # the same, where the rain fell short too
SHORT_SPI = -0.8  # rain short enough to believe a smaller loss of green
NEIGHBOURS_MIN = 5
NEIGHBOURS_MAX = 15  # rain falls in cells: a drought may hold no more than a valley
CONFIRM_LOOKS = 2


@dataclass(frozen=True, slots=True)
class Dryness:
    """A drought on one plot; days are proleptic ordinals, ``share`` of rain or green lost."""

    row: int
    since: int
    raised: int
    share: float


def droughts(crowd: Crowd, places: list[Place | None]) -> list[Dryness]:
    """The first drought of each plot, by weather or by greenness, whichever came first.

    Parameters
    ----------
    places
        The weather place of each of the crowd's plots.
    """
    by_green = _by_green(crowd, places)
    found: list[Dryness] = []
    for row, place in enumerate(places):
        by_rain = None if place is None else _by_rain(crowd, row, place)
        known = [one for one in (by_rain, by_green.get(row)) if one is not None]
        if known:
            found.append(min(known, key=lambda one: one.raised))
    return found


def _by_rain(crowd: Crowd, row: int, place: Place) -> Dryness | None:
    if not crowd.is_sown[row] or not len(crowd.days):
        return None
    first = int(crowd.sown_day[row]) + NEED_FROM_DAYS
    last = int(crowd.ripe_day[row]) + NEED_AFTER_RIPE_DAYS
    last = min(last, int(crowd.days[-1]), place.last_day)
    spell = first_dry_spell(place, first, last)
    if spell is None:
        return None
    since, raised = spell
    seen = crowd.days[np.isfinite(crowd.value[row])]
    if not ((seen <= raised) & (seen > raised - UNSEEN_DAYS_MAX)).any():
        return None
    return Dryness(row, since, raised, _rain_missing(place, raised))


def first_dry_spell(place: Place, first: int, last: int) -> tuple[int, int] | None:
    """Since when it was dry, and the day on which it was so for long enough."""
    run = 0
    for day in range(first, last + 1):
        run = run + 1 if _is_dry(place, day) else 0
        if run >= RUN_DAYS_MIN:
            return _dry_since(place, day), day
    return None


def _is_dry(place: Place, day: int) -> bool:
    spell, reserve = place.spi(day, SPELL_DAYS), place.spi(day, RESERVE_DAYS)
    if spell is None or reserve is None:
        return False
    return spell <= SPELL_SPI and reserve <= RESERVE_SPI


def _dry_since(place: Place, day: int) -> int:
    """The day on which the index fell below ease, without a break until ``day``."""
    since = day
    while since > day - RESERVE_DAYS:
        spi = place.spi(since - 1, SPELL_DAYS)
        if spi is None or spi > EASED_SPI:
            break
        since -= 1
    return since


def _rain_missing(place: Place, day: int) -> float:
    """Share of the usual rain that did not fall over the spell's days [0–1]."""
    usual, fell = place.usual_rain(day, SPELL_DAYS), place.rain_between(day - SPELL_DAYS + 1, day)
    if usual is None or fell is None or usual <= 0:
        return 0.0
    return float(np.clip(1.0 - fell / usual, 0.0, 1.0))


def _by_green(crowd: Crowd, places: list[Place | None]) -> dict[int, Dryness]:
    """Plots whose neighbourhood is less green than usual at two looks in a row."""
    found: dict[int, Dryness] = {}
    shared = _shared_departure(crowd)
    run = np.zeros(len(shared), dtype=np.int64)
    since = np.zeros(len(shared), dtype=np.int64)
    for column, day in enumerate(crowd.days):
        seen = np.isfinite(shared[:, column]) & np.isfinite(crowd.value[:, column])
        low = seen & (shared[:, column] <= -_loss_needed(places, int(day)))
        since = np.where(low & (run == 0), day, since)
        run = np.where(low, run + 1, np.where(seen, 0, run))
        for row in np.flatnonzero(low & (run == CONFIRM_LOOKS)):
            usual = crowd.usual[row, column] - crowd.soil[row]
            share = float(np.clip(-shared[row, column] / max(usual, GREEN_LOSS), 0.0, 1.0))
            found.setdefault(int(row), Dryness(int(row), int(since[row]), int(day), share))
    return found


def _loss_needed(places: list[Place | None], day: int) -> Array:
    """How far below usual the neighbourhood must be (plot,), less where rain fell short."""
    dry = [
        place is not None and (place.spi(day, SPELL_DAYS) or 0.0) <= SHORT_SPI for place in places
    ]
    return np.where(dry, GREEN_LOSS_DRY, GREEN_LOSS)


def _shared_departure(crowd: Crowd) -> Array:
    """The neighbourhood's mean departure over the last days (plot, day).

    NaN where nothing is usual, before the crop shows, at ripening, or with too few
    plots seen.
    """
    need = crowd.days[None, :] - crowd.sown_day[:, None] >= NEED_FROM_DAYS
    need &= crowd.days[None, :] <= crowd.ripe_day[:, None]
    gap = np.where(need & np.isfinite(crowd.usual), crowd.value - crowd.usual, np.nan)
    recent = np.full(gap.shape, np.nan)
    for column, day in enumerate(crowd.days):
        inside = (crowd.days <= day) & (crowd.days > day - GREEN_DAYS)
        some = gap[:, inside]
        seen = np.isfinite(some).any(axis=1)
        recent[seen, column] = np.nanmean(some[seen], axis=1)
    return crowd.of_neighbours(recent, NEIGHBOURS_MIN, NEIGHBOURS_MAX)
