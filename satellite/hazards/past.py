"""What an index usually is, per crop and per plot: a record of past seasons, kept in a file.

Made once from an archive of scenes, read at every round. A season is counted from its
sowing where that was declared, else by the day of the year. The file is plain JSON
under its own SHA-256, like the yield model's, and needs none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from satellite.indices import Levels
from satellite.series import Curve, Series, smooth

Array = NDArray[np.float64]

FORMAT = "harvestline/past-seasons/v1"
FILE_BYTES_MAX = 500_000_000
STEP_DAYS = 5
AGE_DAYS_MAX = 200
YEAR_STEPS = 74  # of 5 days; the last holds 31 December of leap years too
LEAD_IN_DAYS = 20  # before sowing, so that the curve does not begin in mid-air
PLOT_SEASONS_MIN = 3  # fewer, and the worst and best seen are chance
CROP_CURVES_MIN = 8
DIGITS = 4


class PastError(HarvestlineError):
    """A record of past seasons cannot be used."""

    code = "HL-SAT-015"


class Clock(Enum):
    """From when a season's days are counted."""

    SOWN = "sown"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class PastSeason:
    """A plot's looks in one past season; without a sowing day all its years count.

    ``sown_day`` is a proleptic ordinal.
    """

    plot_id: str
    crop: str
    series: Series
    sown_day: int | None


@dataclass(frozen=True, slots=True)
class Usual:
    """Past curves by step of ``STEP_DAYS`` (step,): mean, spread, least and greatest.

    The least and greatest are the 5th and 95th percentile where there are many curves.
    """

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    curves: int

    def mean_at(self, position_days: float) -> float | None:
        """The usual value; absent beyond what was seen."""
        return self._at(self.mean, position_days)

    def range_at(self, position_days: float) -> tuple[float, float] | None:
        """Least and greatest value seen; absent beyond what was seen."""
        low, high = self._at(self.low, position_days), self._at(self.high, position_days)
        return None if low is None or high is None else (low, high)

    def spread_at(self, position_days: float) -> float | None:
        """Standard deviation between curves."""
        return self._at(self.sd, position_days)

    def _at(self, values: tuple[float, ...], position_days: float) -> float | None:
        step = position_days / STEP_DAYS
        if not values or not 0 <= step <= len(values) - 1:
            return None
        return float(np.interp(step, np.arange(len(values)), values))


@dataclass(frozen=True, slots=True)
class Past:
    """The record: by clock and crop for the region, by clock and plot for a plot's own."""

    index: str
    software: str
    region: Mapping[str, Usual]
    plots: Mapping[str, Usual]
    sha256: str = ""

    def of_region(self, clock: Clock, crop: str) -> Usual | None:
        """The region's usual curve of a crop."""
        return self.region.get(f"{clock.value}/{crop}")

    def of_plot(self, clock: Clock, crop: str, plot_id: str) -> Usual | None:
        """A plot's own usual curve under a crop."""
        return self.plots.get(f"{clock.value}/{crop}/{plot_id}")


def past_of(seasons: Sequence[PastSeason], index: str, levels: Levels, software: str) -> Past:
    """The record of past seasons.

    Raises
    ------
    PastError
        If no crop was seen often enough.
    """
    curves: dict[str, list[Array]] = {}
    own: dict[str, list[Array]] = {}
    windows = [_window(season) for season in seasons]
    for season, curve in zip(seasons, smooth(windows, levels.noise_sd), strict=True):
        if curve is None:
            continue
        clock = Clock.YEAR if season.sown_day is None else Clock.SOWN
        rows = _by_year(curve) if season.sown_day is None else [_by_age(curve, season.sown_day)]
        curves.setdefault(f"{clock.value}/{season.crop}", []).extend(rows)
        own.setdefault(f"{clock.value}/{season.crop}/{season.plot_id}", []).extend(rows)
    region = {k: _usual(rows) for k, rows in curves.items() if len(rows) >= CROP_CURVES_MIN}
    plots = {k: _usual(rows) for k, rows in own.items() if len(rows) >= PLOT_SEASONS_MIN}
    if not region and not plots:
        raise PastError(
            f"expected at least {PLOT_SEASONS_MIN} past seasons of a plot with enough clear "
            f"looks, got none of {len(seasons)}: give an archive that goes further back"
        )
    return Past(index, software, region, plots)


def position_of(day: int, sown_day: int | None) -> tuple[Clock, float]:
    """The clock of a season, and where a day stands on it [days]."""
    if sown_day is not None:
        return Clock.SOWN, float(day - sown_day)
    return Clock.YEAR, float(date.fromordinal(day).timetuple().tm_yday - 1)


def past_bytes(past: Past) -> bytes:
    """The record's file, and inside it the hash of its body."""
    body = {name: value for name, value in asdict(past).items() if name != "sha256"}
    return _dump({"body": body, "format": FORMAT, "sha256": sha256_hex(_dump(body))})


def read_past(path: Path) -> Past:
    """A record's file, verified against its own hash.

    Raises
    ------
    PastError
        If it is missing, of another format, altered, or lacks a part.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise PastError(f"expected at most {FILE_BYTES_MAX} bytes in {path}")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PastError(f"expected a record of past seasons at {path}, got: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise PastError(f"expected {FORMAT} in {path}: make one with hazards past")
    found = sha256_hex(_dump(document.get("body")))
    if found != document.get("sha256"):
        raise PastError(
            f"expected the body of {path} to hash to {document.get('sha256')}, got {found}: "
            "the file was altered; use the original or make it again"
        )
    try:
        body = document["body"]
        region, plots = (_usuals(body[name]) for name in ("region", "plots"))
        return Past(str(body["index"]), str(body["software"]), region, plots, found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PastError(
            f"expected every part of a record in {path}, missing or odd: {error}"
        ) from error


def _usuals(raw: Mapping[str, Any]) -> dict[str, Usual]:
    found: dict[str, Usual] = {}
    for key, one in raw.items():
        mean, sd, low, high = (
            tuple(float(v) for v in one[name]) for name in ("mean", "sd", "low", "high")
        )
        found[key] = Usual(mean, sd, low, high, int(one["curves"]))
    return found


def _dump(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _window(season: PastSeason) -> Series:
    if season.sown_day is None:
        return season.series
    return season.series.between(season.sown_day - LEAD_IN_DAYS, season.sown_day + AGE_DAYS_MAX)


def _by_age(curve: Curve, sown_day: int) -> Array:
    """The curve every step since sowing: (step,), NaN where it does not reach."""
    days = sown_day + np.arange(0, AGE_DAYS_MAX + 1, STEP_DAYS)
    values: Array = np.interp(days, curve.days, curve.mean, left=np.nan, right=np.nan)
    return values


def _by_year(curve: Curve) -> list[Array]:
    """The curve every step of each calendar year that it touches."""
    first, last = (date.fromordinal(day).year for day in (curve.first_day, curve.last_day))
    return [
        np.interp(
            date(year, 1, 1).toordinal() + STEP_DAYS * np.arange(YEAR_STEPS),
            curve.days,
            curve.mean,
            left=np.nan,
            right=np.nan,
        )
        for year in range(first, last + 1)
    ]


def _usual(rows: Sequence[Array]) -> Usual:
    """Mean, spread and range of curves, up to the last step that enough of them reach.

    Steps that no curve saw take their neighbours' values in between.
    """
    table = np.array(rows)
    seen = np.isfinite(table).sum(axis=0)
    known = np.flatnonzero(seen >= min(PLOT_SEASONS_MIN, seen.max()))
    columns = [table[np.isfinite(table[:, k]), k] for k in known]
    every = np.arange(int(known[-1]) + 1)
    parts = [
        [float(c.mean()) for c in columns],
        [float(c.std(ddof=1)) if len(c) > 1 else 0.0 for c in columns],
        [_edge(c, 0.05) for c in columns],
        [_edge(c, 0.95) for c in columns],
    ]
    laid = [tuple(round(float(v), DIGITS) for v in np.interp(every, known, part)) for part in parts]
    return Usual(laid[0], laid[1], laid[2], laid[3], len(rows))


def _edge(values: Array, share: float) -> float:
    """The least or greatest of few values; of many, the percentile that chance spares."""
    if len(values) >= 20:
        return float(np.quantile(values, share))
    return float(values.min() if share < 0.5 else values.max())
