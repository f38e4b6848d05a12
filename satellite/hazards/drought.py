"""Drought: a harvest that thirst will lessen, or greenness that sinks with the neighbours'.

Weather tells first. Where it is known with temperatures, the alert is raised on the day
from which nearly any of the past years' weather would leave less than nine tenths of the
harvest (:mod:`satellite.hazards.thirst`); where only rain is known, on a sharply dry
three weeks after six weeks that left no reserve (two SPIs). Rain falls in cells: a plot
about as near to another place is alarmed only if both agree. The index tells later: leaves
thirst when the harm is done. It speaks alone where no weather is known, if the plots
around sink together far beyond what years differ by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.hazards.crowd import Crowd
from satellite.hazards.thirst import Outlook, thirst_of
from satellite.hazards.weather import Place, Weather

Array = NDArray[np.float64]
Days = NDArray[np.int64]

HARM_SHARE = 0.15  # of the harvest: what is called harm
SURE_SHARE = 0.80  # of past years' weather that would do it
SPELL_DAYS, SPELL_SPI = 20, -1.5
RESERVE_DAYS, RESERVE_SPI = 45, -0.8
RUN_DAYS_MIN = 3  # in a row, so that a day's total at the window's edge decides nothing
EASED_SPI = -0.5  # the spell began when its index fell below
NEED_FROM_DAYS = 10  # after sowing; before, nothing has come up
NEED_AFTER_RIPE_DAYS = 10  # grain still fills when the first leaves turn
AS_NEAR_SHARE = 0.9  # of another place's distance: which rain a plot had is not known
UNSEEN_DAYS_MAX = 40  # without a look for so long, weather alone raises nothing
GREEN_FROM_DAYS = 20  # after sowing
GREEN_DAYS = 15  # looks that make the neighbourhood's departure today
GREEN_SPREADS = 1.5  # of plots and years about what is usual at that age
GREEN_LOSS_MIN = 0.05  # of the index
NEIGHBOURS_MIN = 5
NEIGHBOURS_MAX = 15  # rain falls in cells: a drought may hold no more than a valley
CONFIRM_LOOKS = 2


@dataclass(frozen=True, slots=True)
class Dryness:
    """A drought on one plot; days are proleptic ordinals.

    ``share`` of the harvest, of the rain or of the green that is lost, by what told it.
    """

    row: int
    since: int
    raised: int
    share: float


def droughts(crowd: Crowd, weather: Weather | None) -> list[Dryness]:
    """The first drought of each plot, by weather or by greenness, whichever came first."""
    by_green = _by_green(crowd)
    by_weather = {} if weather is None else _by_weather(crowd, weather)
    found: list[Dryness] = []
    for row in sorted({*by_green, *by_weather}):
        known = [some[row] for some in (by_weather, by_green) if row in some]
        found.append(min(known, key=lambda one: one.raised))
    return found


def _by_weather(crowd: Crowd, weather: Weather) -> dict[int, Dryness]:
    """Plots on which all places that may speak for them are dry."""
    found: dict[int, Dryness] = {}
    spells: dict[tuple[str, int, int, int], Dryness | None] = {}
    for row in np.flatnonzero(crowd.is_sown) if len(crowd.days) else ():
        told: list[Dryness | None] = []
        for place in weather.around(crowd.lon_lat[row], AS_NEAR_SHARE):
            until = min(int(crowd.days[-1]), place.last_day)
            key = (place.name, int(crowd.sown_day[row]), int(crowd.ripe_day[row]), until)
            if key not in spells:
                spells[key] = _of_place(crowd, int(row), place, until)
            told.append(spells[key])
        sure = [one for one in told if one is not None]
        if not sure or len(sure) < len(told):
            continue
        last = max(sure, key=lambda one: one.raised)
        if _seen_lately(crowd, int(row), last.raised):
            found[int(row)] = Dryness(int(row), last.since, last.raised, last.share)
    return found


def _seen_lately(crowd: Crowd, row: int, day: int) -> bool:
    seen = crowd.days[np.isfinite(crowd.value[row])]
    return bool(((seen <= day) & (seen > day - UNSEEN_DAYS_MAX)).any())


def _of_place(crowd: Crowd, row: int, place: Place, until: int) -> Dryness | None:
    """The first drought of a crop as a place's weather has it."""
    sown, ripe = int(crowd.sown_day[row]), int(crowd.ripe_day[row])
    first, last = sown + NEED_FROM_DAYS, min(ripe + NEED_AFTER_RIPE_DAYS, until)
    outlook = thirst_of(place, crowd.lon_lat[row][1], crowd.crop, sown, ripe)
    if outlook is not None:
        return _by_outlook(row, outlook, sown, first, last)
    spell = first_dry_spell(place, first, last)
    if spell is None:
        return None
    return Dryness(row, *spell, _rain_missing(place, spell[1]))


def _by_outlook(row: int, outlook: Outlook, sown: int, first: int, last: int) -> Dryness | None:
    chance = (outlook.loss_share >= HARM_SHARE).mean(axis=1)
    days = sown + np.arange(len(chance))
    sure = np.flatnonzero((chance >= SURE_SHARE) & (days >= first) & (days <= last))
    if not len(sure):
        return None
    at = int(sure[0])
    eased = np.flatnonzero(outlook.stress[: at + 1] >= 1.0)
    since = int(eased[-1]) + 1 if len(eased) else 0
    return Dryness(row, sown + min(since, at), sown + at, float(np.median(outlook.loss_share[at])))


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


def _by_green(crowd: Crowd) -> dict[int, Dryness]:
    """Plots whose neighbourhood is far less green than usual at two looks in a row."""
    found: dict[int, Dryness] = {}
    loss, spreads = (_shared(crowd, table) for table in _departures(crowd))
    run = np.zeros(len(loss), dtype=np.int64)
    since = np.zeros(len(loss), dtype=np.int64)
    for column, day in enumerate(crowd.days):
        seen = np.isfinite(loss[:, column]) & np.isfinite(crowd.value[:, column])
        low = seen & (loss[:, column] <= -GREEN_LOSS_MIN) & (spreads[:, column] <= -GREEN_SPREADS)
        since = np.where(low & (run == 0), day, since)
        run = np.where(low, run + 1, np.where(seen, 0, run))
        for row in np.flatnonzero(low & (run == CONFIRM_LOOKS)):
            usual = crowd.usual[row, column] - crowd.soil[row]
            share = float(np.clip(-loss[row, column] / max(usual, GREEN_LOSS_MIN), 0.0, 1.0))
            found.setdefault(int(row), Dryness(int(row), int(since[row]), int(day), share))
    return found


def _departures(crowd: Crowd) -> tuple[Array, Array]:
    """What the index is above usual, plainly and in spreads (plot, day).

    NaN where nothing is usual, before the crop shows and at ripening.
    """
    need = crowd.days[None, :] - crowd.sown_day[:, None] >= GREEN_FROM_DAYS
    need &= crowd.days[None, :] <= crowd.ripe_day[:, None]
    gap = np.where(need & np.isfinite(crowd.usual), crowd.value - crowd.usual, np.nan)
    return gap, gap / np.fmax(crowd.spread, crowd.levels.noise_sd)


def _shared(crowd: Crowd, table: Array) -> Array:
    """The neighbourhood's median of what each plot showed over the last days (plot, day)."""
    recent = np.full(table.shape, np.nan)
    for column, day in enumerate(crowd.days):
        inside = (crowd.days <= day) & (crowd.days > day - GREEN_DAYS)
        some = table[:, inside]
        seen = np.isfinite(some).any(axis=1)
        recent[seen, column] = np.nanmean(some[seen], axis=1)
    return crowd.of_neighbours(recent, NEIGHBOURS_MIN, NEIGHBOURS_MAX)
