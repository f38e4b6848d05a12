"""Which season a plot's declaration speaks of: dates of the plot first, then the calendar.

A plot may have several seasons a year (a catch crop before and after maize), so
the season is chosen by what was declared, never by which peak is highest. Without
declared dates it is the crop's calendar season (``data/crop_calendar.toml``) whose
sowing window closed last; before that the declared crop may not stand yet.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from core.wire.evidence import EvidenceKind
from satellite.statistics.plots import Plot

CALENDAR_FILE = Path(__file__).parent.parent / "data" / "crop_calendar.toml"
LOOK_BEFORE_SOWING_DAYS = 10
YEAR_DAYS = 365
RAINS = ("long-rains", "short-rains")
# A winter crop is sown before it can be told from volunteers; the season before it is
# reported until the winter.
TAKE_OVER_DAYS = 120
_YEAR = re.compile(r"^(\d{4})\b")


@dataclass(frozen=True, slots=True)
class DeclaredSeason:
    """The season to report, as days [proleptic ordinals].

    ``first_day`` to ``last_day`` bound the season; the greenest day lies in
    ``peak_from`` to ``peak_to``; ripening and harvest are not believed before
    ``ripe_from`` and ``harvest_from``. ``sown_day`` is absent unless declared,
    ``has_calendar`` false where nothing is known of the crop here.
    """

    season_id: str
    crop: str
    first_day: int
    peak_from: int
    peak_to: int
    ripe_from: int
    harvest_from: int
    last_day: int
    sown_day: int | None
    has_calendar: bool = True

    @property
    def head_from(self) -> int:
        """Heading is not believed in the first third of the peak's window."""
        return self.peak_from + (self.peak_to - self.peak_from) // 3

    @property
    def is_perennial(self) -> bool:
        """Whether the crop neither is sown nor heads each season."""
        return self.crop == "grass"


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    sow: tuple[str, str]
    peak: tuple[str, str]
    harvest: tuple[str, str]


def declared_season(plot: Plot, as_of: date) -> DeclaredSeason:
    """The season that a plot's declaration, or failing that the calendar, speaks of."""
    crop = "grass" if plot.kind is EvidenceKind.PASTURE else crop_name(plot.crop)
    if plot.sown_on is not None:
        return _from_sowing(plot, crop, plot.sown_on)
    chosen = _from_calendar(plot, crop, as_of)
    if plot.season_from is not None:
        return _from_window(plot, crop, plot.season_from, chosen)
    return chosen or _unknown(plot, crop, as_of)


def _from_calendar(plot: Plot, crop: str, as_of: date) -> DeclaredSeason | None:
    """The calendar season that the plot's season id names, or the one that opened last."""
    named = _YEAR.match(plot.season_id)
    entries = [e for e in _entries(_region(plot), crop) if _named_alike(plot.season_id, e.name)]
    if named and entries:
        year = int(named[1])
        seasons = [_dated(plot, crop, entries[0], y)[1] for y in (year - 1, year)]
        of_year = [
            s
            for s in seasons
            if date.fromordinal(s.first_day if entries[0].name else s.last_day).year == year
        ]
        return (of_year or seasons)[-1]
    years = (as_of.year - 2, as_of.year - 1, as_of.year)
    found = [_dated(plot, crop, entry, year) for entry in entries for year in years]
    opened = [(since, season) for since, season in found if since <= as_of.toordinal()]
    return max(opened, key=lambda pair: pair[0])[1] if opened else None


def crop_name(declared: str) -> str:
    """The crop's name in the calendar, for what a register calls it."""
    name = declared.strip().rstrip("?").strip().lower()
    aliases: dict[str, str] = _calendar()["aliases"]
    return aliases.get(name, name)


@cache
def _calendar() -> dict[str, Any]:
    return tomllib.loads(CALENDAR_FILE.read_text(encoding="utf-8"))


def _region(plot: Plot) -> str:
    lon, lat = plot.lon_lat
    for region in _calendar()["region"]:
        west, south, east, north = region["bbox"]
        if west <= lon <= east and south <= lat <= north:
            return str(region["name"])
    return ""


def _entries(region: str, crop: str) -> list[_Entry]:
    return [
        _Entry(raw.get("name", ""), tuple(raw["sow"]), tuple(raw["peak"]), tuple(raw["harvest"]))
        for raw in _calendar()["season"]
        if raw["region"] == region and raw["crop"] == crop
    ]


def _named_alike(season_id: str, entry_name: str) -> bool:
    """Whether a calendar season may be meant by a season id such as ``2026-long-rains``."""
    rest = _YEAR.sub("", season_id).strip("-")
    return rest not in RAINS or entry_name in ("", rest)


def _dated(plot: Plot, crop: str, entry: _Entry, year: int) -> tuple[int, DeclaredSeason]:
    sow_from = _day(year, entry.sow[0])
    sow_to = _after(sow_from, entry.sow[1])
    peak_from = _after(sow_from, entry.peak[0])
    peak_to = _after(peak_from, entry.peak[1])
    harvest_from = _after(peak_from, entry.harvest[0])
    harvest_to = _after(harvest_from, entry.harvest[1])
    # Rains are called by the year they begin in, other seasons by that of the harvest.
    named = f"{year}-{entry.name}"
    harvested = f"{date.fromordinal(harvest_to).year}-{crop.replace(' ', '-')}"
    season = DeclaredSeason(
        season_id=plot.season_id or (named if entry.name else harvested),
        crop=crop,
        first_day=sow_from,
        peak_from=peak_from,
        peak_to=peak_to,
        ripe_from=(peak_from + harvest_from) // 2,
        harvest_from=harvest_from,
        last_day=harvest_to,
        sown_day=None,
    )
    return max(sow_to, peak_from - TAKE_OVER_DAYS), season


def _from_sowing(plot: Plot, crop: str, sown_on: date) -> DeclaredSeason:
    sown = sown_on.toordinal()
    known = _calendar()["crop"].get(crop)
    timing = known or {"peak_days": [30, 240], "ripe_days": 75, "harvest_days": [90, 330]}
    slug = crop.replace(" ", "-") or "crop"
    return DeclaredSeason(
        season_id=plot.season_id or f"{sown_on.year}-{slug}",
        crop=crop,
        first_day=sown - LOOK_BEFORE_SOWING_DAYS,
        peak_from=sown + timing["peak_days"][0],
        peak_to=sown + timing["peak_days"][1],
        ripe_from=sown + timing["ripe_days"],
        harvest_from=sown + timing["harvest_days"][0],
        last_day=plot.season_to.toordinal() if plot.season_to else sown + timing["harvest_days"][1],
        sown_day=sown,
        has_calendar=known is not None,
    )


def _from_window(
    plot: Plot, crop: str, season_from: date, calendar: DeclaredSeason | None
) -> DeclaredSeason:
    first = season_from.toordinal()
    last = plot.season_to.toordinal() if plot.season_to else first + YEAR_DAYS
    within = calendar is not None and first <= calendar.peak_to and calendar.peak_from <= last
    if calendar is None or not within:
        return DeclaredSeason(
            plot.season_id or str(season_from.year), crop, first, first, last, first, first, last,
            None, has_calendar=False,
        )  # fmt: skip
    return DeclaredSeason(
        season_id=plot.season_id or calendar.season_id,
        crop=crop,
        first_day=first,
        peak_from=max(calendar.peak_from, first),
        peak_to=min(calendar.peak_to, last),
        ripe_from=max(calendar.ripe_from, first),
        harvest_from=max(calendar.harvest_from, first),
        last_day=last,
        sown_day=None,
    )


def _unknown(plot: Plot, crop: str, as_of: date) -> DeclaredSeason:
    last = as_of.toordinal()
    first = (as_of - timedelta(days=YEAR_DAYS)).toordinal()
    return DeclaredSeason(
        plot.season_id or str(as_of.year), crop, first, first, last, first, first, last,
        None, has_calendar=False,
    )  # fmt: skip


def _day(year: int, month_day: str) -> int:
    return date.fromisoformat(f"{year}-{month_day}").toordinal()


def _after(earlier: int, month_day: str) -> int:
    """The first such month and day on or after an ordinal day."""
    year = date.fromordinal(earlier).year
    day = _day(year, month_day)
    return day if day >= earlier else _day(year + 1, month_day)
