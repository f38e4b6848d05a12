"""From looks to a series: one look a day, and which looks a curve may rest on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from satellite.indices import Levels
from satellite.statistics.resolve import resolve
from satellite.statistics.store import LookRow
from satellite.statistics.weighted import Spread

VALID_MIN = 0.4  # JRC: a date counts with under 60 % of the pixels lost
FULL_PIXELS_MIN = 8  # JRC: after the 5 m inner buffer
VALID_MIN_SMALL = 0.8  # a plot below that has no pixels to spare
PIXELS_MIN = 4.0  # below, one mixed pixel is a quarter of the plot: it is refused
DIP_GAP_DAYS_MAX = 15
DIP_PASSES = 2
# The steepest rise of a closing canopy: 0.03 NDVI a day, in units of the index's `dip`.
RISE_DIPS_PER_DAY_MAX = 0.3


@dataclass(frozen=True, slots=True)
class SeriesLook:
    """One day's look at a plot; ``used`` tells whether the curve rests on it.

    ``day`` is a proleptic ordinal [days], ``mean`` and ``spread`` absent where
    nothing was seen.
    """

    day: int
    mean: float | None
    valid_fraction: float
    scene_id: str
    scene_sha256: str
    used: bool
    spread: Spread | None = None

    @property
    def date(self) -> date:
        """The civil date."""
        return date.fromordinal(self.day)


@dataclass(frozen=True, slots=True)
class Series:
    """A plot's looks in order of day, and how well the grid can see it."""

    plot_id: str
    looks: tuple[SeriesLook, ...]
    pixels: float
    full_pixels: int

    @property
    def is_small(self) -> bool:
        """Whether the plot has fewer full pixels than an observation should have."""
        return self.full_pixels < FULL_PIXELS_MIN

    @property
    def used(self) -> tuple[SeriesLook, ...]:
        """The looks that the curve rests on."""
        return tuple(look for look in self.looks if look.used)

    def between(self, first: int, last: int) -> Series:
        """The same plot over some days only, both included."""
        looks = tuple(look for look in self.looks if first <= look.day <= last)
        return Series(self.plot_id, looks, self.pixels, self.full_pixels)


def series_of(rows: Iterable[LookRow], levels: Levels) -> dict[str, Series]:
    """Each plot's series: one look a day, the unusable and the cloudy marked as not used.

    Scenes that were processed again, tiles of one pass and satellites that meet show
    the same day several times: see ``satellite.statistics.resolve``.
    """
    by_plot: dict[str, list[LookRow]] = {}
    for row in rows:
        by_plot.setdefault(row.plot_id, []).append(row)
    return {plot_id: _series(plot_id, resolve(one), levels) for plot_id, one in by_plot.items()}


def _series(plot_id: str, rows: Sequence[LookRow], levels: Levels) -> Series:
    small = rows[-1].full_pixels < FULL_PIXELS_MIN
    valid_min = VALID_MIN_SMALL if small else VALID_MIN
    usable = [row.mean is not None and row.valid_fraction >= valid_min for row in rows]
    kept = kept_looks(
        [row.scene.day.toordinal() for row, ok in zip(rows, usable, strict=True) if ok],
        [row.mean for row, ok in zip(rows, usable, strict=True) if ok and row.mean is not None],
        levels.dip,
        levels.bare,
    )
    looks = tuple(
        _look(row, ok and row.scene.day.toordinal() in kept)
        for row, ok in zip(rows, usable, strict=True)
    )
    return Series(plot_id, looks, rows[-1].pixels, rows[-1].full_pixels)


def _look(row: LookRow, used: bool) -> SeriesLook:  # noqa: FBT001  # a field of the result
    return SeriesLook(
        row.scene.day.toordinal(),
        row.mean,
        row.valid_fraction,
        row.scene.item_id,
        row.scene.sha256,
        used,
        row.spread,
    )


def kept_looks(
    days: Sequence[int], means: Sequence[float], dip: float, bare: float | None = None
) -> set[int]:
    """The days whose look does not fall far below both its neighbours.

    Cloud, haze and shadow that the classification missed pull an index down for one
    date; a crop cannot fall by ``dip`` and rise again within ``DIP_GAP_DAYS_MAX``
    days either side. The first and last look have one neighbour and are kept.

    Parameters
    ----------
    bare
        The index at or near bare soil. Where it is given, a look that low is kept if
        the soil may truly have been seen: a field is harvested or ploughed in a day,
        so only the rise that follows can contradict it, by being faster than a crop
        can grow.
    """
    kept = list(zip(days, means, strict=True))
    for _ in range(DIP_PASSES):
        dropped = [
            i
            for i in range(1, len(kept) - 1)
            if _is_dip(kept[i - 1], kept[i], kept[i + 1], dip)
            and not (
                bare is not None and _may_be_soil(kept[i - 1], kept[i], kept[i + 1], dip, bare)
            )
        ]
        if not dropped:
            break
        kept = [look for i, look in enumerate(kept) if i not in dropped]
    return {day for day, _ in kept}


def _is_dip(
    before: tuple[int, float], here: tuple[int, float], after: tuple[int, float], dip: float
) -> bool:
    near = max(here[0] - before[0], after[0] - here[0]) <= DIP_GAP_DAYS_MAX
    return near and here[1] < min(before[1], after[1]) - dip


def _may_be_soil(
    before: tuple[int, float],
    here: tuple[int, float],
    after: tuple[int, float],
    dip: float,
    bare: float,
) -> bool:
    grown = (after[1] - here[1]) / (after[0] - here[0])
    is_between_crops = here[1] <= bare < min(before[1], after[1])
    return is_between_crops and grown <= RISE_DIPS_PER_DAY_MAX * dip
