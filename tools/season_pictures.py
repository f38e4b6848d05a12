"""Draws the figures of docs/how-numbers-are-made.md from the real series of Flanders.

Run as ``python -m tools.season_pictures DATA``: DATA is the folder with the real data
sets. Reads them by the real command, draws one wheat plot from pixels to what was said
of it day by day, and prints the numbers that the page tells.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from core.units import PPM
from core.wire.evidence import Stage
from satellite.hazards.anomalies import anomalies_of
from satellite.indices import index_named
from satellite.scenes.calibration import settle
from satellite.scenes.item import Item
from satellite.scenes.source import open_source
from satellite.season.detect import season_of
from satellite.series import Series, series_of, smooth
from satellite.statistics.coverage import projected
from satellite.statistics.plots import Plot, bounds_of, read_plots
from satellite.statistics.sample import Sampler
from satellite.statistics.store import Store
from satellite.yields.estimate import Subject

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the backend is chosen
from matplotlib.dates import ConciseDateFormatter, MonthLocator

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
PLOT_ID = "flanders_2019_a-01"
CROP = "winter wheat"
CLEAR_DAY, HIDDEN_DAY = date(2019, 5, 16), date(2019, 4, 26)
NDVI = index_named("ndvi")
INK, FAINT, SOFT, GREEN, WARM = "#22302B", "#9AA5A0", "#DDE3E0", "#1B7837", "#B35806"
STAGES = ("#D9C9A8", "#CBDDA0", "#86B66A", "#2E7D4F", "#E0B252", "#A8714B")
CRS = "EPSG:32631"  # of tile 31UES
# left, bottom, width, height: two maps, their colours, the histogram
PIXEL_BOXES = (
    (0.005, 0.03, 0.225, 0.83), (0.245, 0.03, 0.225, 0.83),
    (0.485, 0.18, 0.013, 0.53), (0.60, 0.13, 0.385, 0.76),
)  # fmt: skip
EDGE_M, NORTH_EDGE_M = 55, 6  # the plot lies at the picture's northern edge
CREDIT = "Contains modified Copernicus Sentinel data 2018–2019"


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: the plots in their order, the wheat among them, and the scenes."""

    plots: list[Plot]
    wheat: list[tuple[Plot, Series]]
    items: dict[date, Item]

    @property
    def own(self) -> tuple[Plot, Series]:
        """The plot that the page follows."""
        return next(pair for pair in self.wheat if pair[0].plot_id == PLOT_ID)


def main() -> None:
    """Draw the three figures."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tools.season_pictures DATA")
    folder = Path(sys.argv[1]) / "sentinel2_flanders_2019"
    plt.rcParams.update(
        {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
         "axes.edgecolor": FAINT, "text.color": INK, "axes.labelcolor": INK,
         "axes.titlesize": 10, "axes.titlelocation": "left"}
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as out:
        read = _read(folder, Path(out))
    _save(_pixels(read), "wheat-pixels.png")
    _save(_curve(read), "wheat-curve.png")
    _save(_told(read), "wheat-told.png")


def _read(folder: Path, out: Path) -> Read:
    catalog, plots_file = folder / "stac" / "catalog.json", folder / "plots.geojson"
    subprocess.run(
        [Path(sys.executable).parent / "harvestline-satellite", "ingest", catalog,
         "--plots", plots_file, "--out", out, "--no-picture"],
        check=True,
    )  # fmt: skip
    plots, _ = read_plots(plots_file)
    store = Store(out / "state.sqlite")
    series = series_of(store.looks(NDVI.name, None), NDVI.levels)
    store.close()
    items = [
        one
        for one in open_source(str(catalog)).items(bounds_of(plots), None)
        if isinstance(one, Item)
    ]
    wheat = [(plot, series[plot.plot_id]) for plot in plots if plot.crop == CROP]
    return Read(plots, wheat, {one.day: one for one in items})


def _subjects(some: Sequence[tuple[Plot, Series]], until: int) -> list[Subject]:
    """What was known of the plots on a day."""
    cut = [(plot, one.between(0, until)) for plot, one in some]
    curves = smooth([one for _, one in cut], NDVI.levels.noise_sd)
    return [
        Subject(plot, one, curve, season_of(plot, one, curve, NDVI.levels))
        for (plot, one), curve in zip(cut, curves, strict=True)
    ]


def _pixels(read: Read) -> Any:
    figure = plt.figure(figsize=(10, 4.2))
    axes = [figure.add_axes(box) for box in PIXEL_BOXES]
    sampler = Sampler(read.plots, NDVI)
    looks = {day: sampler.pixels(settle(read.items[day])) for day in (CLEAR_DAY, HIDDEN_DAY)}
    for axis, (day, pixels) in zip(axes[:2], looks.items(), strict=True):
        shown = _map(axis, read, pixels)
        look = next(k for k in read.own[1].looks if k.date == day)
        axis.set_title(
            f"{_day(day)} {day.year}\n{100 * look.valid_fraction:.0f} % seen, mean {look.mean:.3f}"
        )
    bar = figure.colorbar(shown, cax=axes[2], extend="min", shrink=0.7)
    axes[2].set_title("NDVI", fontsize=8.5)
    bar.outline.set_visible(False)
    _spread(axes[3], read, looks[CLEAR_DAY])
    return figure


def _map(axis: Any, read: Read, pixels: xr.Dataset) -> Any:
    own = [plot.plot_id for plot in read.plots].index(PLOT_ID)
    ring = np.array(projected(read.plots[own].polygon, CRS).exterior.coords)
    west, south = ring.min(axis=0) - EDGE_M
    east, north = ring.max(axis=0) + np.array([EDGE_M, NORTH_EDGE_M])
    x, y = pixels["x"].to_numpy(), pixels["y"].to_numpy()
    grid = np.full((int((north - south) // 10) + 2, int((east - west) // 10) + 2), np.nan)
    hidden = np.zeros(grid.shape, dtype=np.bool_)
    inside = (x > west) & (x < east) & (y > south) & (y < north)
    left, top = np.floor(west / 10) * 10, np.ceil(north / 10) * 10
    rows, cols = ((top - y) // 10).astype(int), ((x - left) // 10).astype(int)
    values = pixels["index"].to_numpy()
    grid[rows[inside], cols[inside]] = values[inside]
    hidden[rows[inside], cols[inside]] = np.isnan(values[inside])
    extent = (left, left + 10 * grid.shape[1], top - 10 * grid.shape[0], top)
    axis.imshow(np.where(hidden, 0.0, np.nan), extent=extent, cmap="Greys", vmin=-1, vmax=2)
    shown = axis.imshow(grid, extent=extent, cmap="YlGn", vmin=0.6, vmax=0.96)
    if hidden.any():
        axis.text(ring[:, 0].mean(), north - 45, "cloud or\nits edge", ha="center", fontsize=9)
    axis.plot(ring[:, 0], ring[:, 1], color="white", lw=3.2)
    axis.plot(ring[:, 0], ring[:, 1], color=INK, lw=1.4)
    axis.plot([west + 10, west + 110], [south + 12] * 2, color=INK, lw=2)
    axis.text(west + 10, south + 18, "100 m", fontsize=8)
    axis.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    return shown


def _spread(axis: Any, read: Read, pixels: xr.Dataset) -> None:
    own = [plot.plot_id for plot in read.plots].index(PLOT_ID)
    mine = pixels.where(pixels["plot"] == own, drop=True)
    values, weight = mine["index"].to_numpy(), mine["weight"].to_numpy()
    look = next(k for k in read.own[1].looks if k.date == CLEAR_DAY)
    if look.mean is None or look.spread is None:
        raise SystemExit(f"expected a look at {PLOT_ID} on {CLEAR_DAY}")
    axis.hist(values, bins=np.arange(0.80, 0.981, 0.005), weights=weight, color="#A9CFA0")
    tall = axis.get_ylim()[1]
    marks = (
        ("a tenth below", look.spread.p10, 0.6, "right"),
        ("mean", look.mean, 1.03, "right"),
        ("median", look.spread.median, 1.13, "center"),
        ("a tenth above", look.spread.p90, 1.03, "left"),
    )
    for name, value, high, side in marks:
        axis.plot(
            [value] * 2, [0, tall * high], color=INK, lw=1.2, ls="-" if name == "mean" else ":"
        )
        axis.text(value, tall * (high + 0.01), f"{name} {value:.3f}", ha=side, fontsize=8.5)
    axis.set(xlabel="NDVI of a pixel", ylabel="pixels", ylim=(0, tall * 1.25), xlim=(0.815, 0.995))
    axis.set_title(f"{weight.sum():.0f} pixels of {_day(CLEAR_DAY)}: one line of series.csv")


def _curve(read: Read) -> Any:
    plot, series = read.own
    (subject,) = _subjects([(plot, series)], series.looks[-1].day)
    curve, season = subject.curve, subject.season
    if curve is None or season.peak is None:
        raise SystemExit(f"expected a season of {PLOT_ID}")
    figure, axis = plt.subplots(figsize=(10, 4))
    days = _dates(curve.days)
    first, last = (
        date.fromordinal(d) for d in (season.declared.first_day, season.declared.last_day)
    )
    axis.axvspan(first, last, color="#F3F5EC", zorder=0)
    axis.fill_between(days, curve.low, curve.high, color=GREEN, alpha=0.18, lw=0)
    axis.plot(days, curve.mean, color=GREEN, lw=1.8, label="curve, and where it lies at 90 %")
    used = [k for k in series.looks if k.used]
    left = [k for k in series.looks if not k.used and k.mean is not None]
    few = [k for k in left if k.valid_fraction < 0.4]
    dips = [k for k in left if k.valid_fraction >= 0.4]
    axis.plot([k.date for k in used], [k.mean for k in used], "o", color=INK, ms=3.5,
              label=f"{len(used)} looks used")  # fmt: skip
    axis.plot([k.date for k in few], [k.mean for k in few], "o", mfc="none", color=FAINT, ms=5,
              label=f"{len(few)} with less than 40 % seen")  # fmt: skip
    if dips:
        axis.plot([k.date for k in dips], [k.mean for k in dips], "x", color=WARM, ms=6,
                  label=f"{len(dips)} far below both neighbours: cloud")  # fmt: skip
    _dates_of(axis, subject)
    axis.text(first + timedelta(days=4), 1.005, "declared season: winter wheat 2019", fontsize=8,
              color=FAINT, va="top")  # fmt: skip
    axis.set(
        ylim=(0, 1.02),
        ylabel="NDVI",
        xlim=(days[0] - timedelta(days=8), days[-1] + timedelta(days=8)),
    )
    axis.legend(frameon=False, fontsize=8, loc="lower center", ncols=4, bbox_to_anchor=(0.5, -0.24))
    _months(axis)
    figure.tight_layout()
    return figure


def _dates_of(axis: Any, subject: Subject) -> None:
    season, curve = subject.season, subject.curve
    told = (
        ("start", season.start_day, season.start_days_90, (0, 16)),
        ("peak", season.peak_day, season.peak_days_90, (0, 14)),
        ("end", season.end_day, season.end_days_90, (52, 12)),
    )
    for name, day, either, shift in told:
        value = None if day is None or curve is None else curve.at(day)
        if day is None or either is None or value is None:
            raise SystemExit(f"expected a {name} of the season of {PLOT_ID}")
        at = date.fromordinal(day)
        axis.errorbar([at], [value], xerr=[timedelta(days=either)], fmt="D", color=WARM, ms=5,
                      capsize=3, lw=1.4, zorder=5)  # fmt: skip
        axis.annotate(f"{name} {_day(at)} ± {either} d", (at, value), textcoords="offset points",
                      xytext=shift, ha="center", fontsize=8.5, color=WARM)  # fmt: skip


def _told(read: Read) -> Any:
    """What could be said on each day of the season, from what was known then."""
    declared = _subjects([read.own], read.own[1].looks[-1].day)[0].season.declared
    days = [k.day for k in read.own[1].looks if declared.first_day <= k.day <= declared.last_day]
    at = [plot.plot_id for plot, _ in read.wheat].index(PLOT_ID)
    known = [_subjects(read.wheat, day) for day in days]
    # Until the winter the calendar still speaks of the season before.
    of_season = [s[at].season.declared.season_id == declared.season_id for s in known]
    days = [day for day, is_now in zip(days, of_season, strict=True) if is_now]
    known = [some for some, is_now in zip(known, of_season, strict=True) if is_now]
    shares = np.array([_shares(subjects[at]) for subjects in known])
    stages = [subjects[at].season.stage.stage for subjects in known]
    near = [anomalies_of(subjects, None, NDVI.levels)[at].neighbours_ppm for subjects in known]
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(10, 4.9), sharex=True, height_ratios=(1.6, 1)
    )
    when = [date.fromordinal(day) for day in days]
    above.stackplot(when, shares.T, colors=STAGES, step="post", lw=0,
                    labels=[stage.value for stage in Stage])  # fmt: skip
    above.legend(ncols=6, fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 0.99),
                 handlelength=1, columnspacing=1.2)  # fmt: skip
    above.set(ylim=(0, 1.16), yticks=(0, 0.5, 1), yticklabels=("0", "50 %", "100 %"),
              ylabel="chance of each stage")  # fmt: skip
    _confirmed(above, when, stages)
    seen = [(day, ppm / PPM) for day, ppm in zip(when, near, strict=True) if ppm is not None]
    below.axhline(0, color=FAINT, lw=0.8)
    below.plot([d for d, _ in seen], [100 * v for _, v in seen], "o-", color=GREEN, ms=3, lw=1.2)
    below.set(ylabel="against the other\nthree wheat plots [%]", ylim=(-30, 30))
    _months(below)
    figure.tight_layout()
    return figure


def _shares(subject: Subject) -> NDArray[np.float64]:
    chances = subject.season.chances
    ppm = (PPM, 0, 0, 0, 0, 0) if chances is None else chances.ppm
    return np.array(ppm, dtype=np.float64) / PPM


def _confirmed(axis: Any, when: Sequence[date], stages: Sequence[Stage]) -> None:
    """The confirmed stages as a strip above the chances, and the names of all."""
    starts = [i for i, stage in enumerate(stages) if i == 0 or stage is not stages[i - 1]]
    for i, first in enumerate(starts):
        last = starts[i + 1] if i + 1 < len(starts) else len(when) - 1
        stage = stages[first]
        axis.fill_between([when[first], when[last]], 1.03, 1.14, color=STAGES[stage.rank], lw=0)
        middle = when[first] + (when[last] - when[first]) / 2
        ink = "white" if stage in {Stage.HEADING, Stage.HARVESTED} else INK
        said = f"confirmed: {stage.value}"
        axis.text(middle, 1.085, said, ha="center", va="center", fontsize=7.5, color=ink)


def _dates(days: NDArray[np.int64]) -> list[date]:
    return [date.fromordinal(int(day)) for day in days]


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _months(axis: Any) -> None:
    locator = MonthLocator(interval=2)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _save(figure: Any, name: str) -> None:
    figure.text(0.995, 0.005, CREDIT, ha="right", va="bottom", fontsize=6.5, color=FAINT)
    figure.savefig(FOLDER / name, dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    main()
