"""One round of pictures over a catalog: only days, scenes and plots that are new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path

from core.canonical import canonical_hash
from satellite.indices import BandMissingError, Index
from satellite.quicklooks.canvas import Form
from satellite.quicklooks.chip import Drawn, chips_of
from satellite.quicklooks.composite import Period
from satellite.quicklooks.frame import Framed, framed
from satellite.quicklooks.look import OpenScene, bands_for, day_look
from satellite.quicklooks.maps import MapRound, make_maps
from satellite.quicklooks.sheet import season_sheet
from satellite.quicklooks.shelf import LookRow, PictureRow, Shelf, put, safe_name
from satellite.scenes.faults import RasterError, WebError
from satellite.scenes.identity import fingerprint
from satellite.scenes.item import BrokenItem, Item
from satellite.scenes.source import open_source
from satellite.statistics.plots import Plot, Problem, bounds_of, read_plots

LOOKS_VERSION = 1  # raised whenever a picture of the same numbers would look otherwise
CHIPS, SHEETS = "chips", "sheets"
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PictureJob:
    """What was asked for; ``since`` and ``until`` are the first and last day, if any."""

    catalog: str
    plots_file: Path
    out: Path
    index: Index
    form: Form = Form.WEBP
    since: date | None = None
    until: date | None = None


@dataclass(slots=True)
class PictureRound:
    """What one round did."""

    days_new: int = 0
    days_known: int = 0
    chips_new: int = 0
    sheets_new: int = 0
    bytes_new: int = 0
    broken: list[Problem] = field(default_factory=list)
    plots_skipped: list[Problem] = field(default_factory=list)


class Pictures:
    """Keeps plots, frames and the shelf open over rounds."""

    def __init__(self, job: PictureJob) -> None:
        self._job = job
        self._plots, self._unusable = read_plots(job.plots_file)
        self.shelf = Shelf(job.out, job.index.name)
        self._frames: dict[tuple[str, float], Framed] = {}

    def close(self) -> None:
        """Close the shelf."""
        self.shelf.close()

    def run(self, tell: Tell) -> PictureRound:
        """Make what is missing: chips by day, then the sheets of plots that have new ones.

        Raises
        ------
        CatalogError
            If the catalog cannot be read at all.
        BandMissingError
            If no scene of it can give the index.
        OutputError
            If the folder cannot be written.
        """
        done = PictureRound(plots_skipped=list(self._unusable))
        items = self._items(done)
        days = [(day, list(same)) for day, same in groupby(items, lambda item: item.day)]
        changed: set[str] = set()
        for i, (day, same) in enumerate(days):
            changed |= self._day(day, same, done)
            tell(i + 1, len(days))
        if items and len(done.broken) >= len(items) and not done.days_known:
            raise BandMissingError(done.broken[-1].detail)
        for plot in self._plots:
            if plot.plot_id in changed:
                self._sheet(plot, done)
        return done

    def maps(self, period: Period) -> MapRound:
        """The district's maps by period.

        Raises
        ------
        CatalogError, OutputError
            As ``run``.
        """
        items = self._items(PictureRound())
        return make_maps(self.shelf, self._plots, items, self._job.index, period)

    def _items(self, done: PictureRound) -> list[Item]:
        first, last = self._job.since or date.min, self._job.until or date.max
        found = []
        for item in open_source(self._job.catalog).items(bounds_of(self._plots), self._job.until):
            if isinstance(item, BrokenItem):
                done.broken.append(Problem(item.item_id, item.code, item.detail))
            elif first <= item.day <= last:
                found.append(item)
        return by_day(found)

    def _day(self, day: date, items: Sequence[Item], done: PictureRound) -> set[str]:
        """Make a day's pictures; the plots that have new ones."""
        usable = [item for item in items if self._fits(item, done)]
        if not usable:
            return set()
        marks = [fingerprint(item, bands_for(item, self._job.index)) for item in usable]
        known = self.shelf.inputs(day.isoformat())
        wanted = {plot.plot_id: self._inputs(plot, marks) for plot in self._plots}
        plots = [plot for plot in self._plots if known.get(plot.plot_id) != wanted[plot.plot_id]]
        if not plots:
            done.days_known += 1
            return set()
        try:
            looks, chips = self._looks(plots, usable, wanted)
        except (RasterError, WebError) as error:
            names = ", ".join(item.item_id for item in usable)
            done.broken.append(Problem(names, error.code, str(error)))
            return set()
        self.shelf.save(day.isoformat(), looks, chips)
        done.days_new += 1
        done.chips_new += len(chips)
        done.bytes_new += sum(len(data) for _, data in chips)
        return {row.plot_id for row, _ in chips}

    def _fits(self, item: Item, done: PictureRound) -> bool:
        try:
            bands_for(item, self._job.index)
        except BandMissingError as error:
            done.broken.append(Problem(item.item_id, error.code, str(error)))
            return False
        return True

    def _looks(
        self, plots: Sequence[Plot], items: Sequence[Item], inputs: dict[str, str]
    ) -> tuple[list[LookRow], list[tuple[PictureRow, bytes]]]:
        rows, chips, day = [], [], items[0].day.isoformat()
        with ExitStack() as stack:
            scenes = [OpenScene(i, bands_for(i, self._job.index), stack) for i in items]
            step = min(scene.step for scene in scenes)
            for plot in plots:
                one = self._framed(plot, step)
                look = day_look(scenes, one, self._job.index)
                mean, hidden = (None, 1.0) if look is None else (look.mean, look.hidden)
                rows.append(LookRow(plot.plot_id, day, inputs[plot.plot_id], mean, hidden))
                if look is not None:
                    found = chips_of(one, look, self._job.index, self._job.form)
                    chips += [(self._row(chip), chip.data) for chip in found]
        return rows, chips

    def _row(self, chip: Drawn) -> PictureRow:
        kind = self._job.index.name if chip.ref.kind == "index" else chip.ref.kind
        name = f"{chip.ref.day}-{kind}.{self._job.form.value}"
        return PictureRow(chip.plot_id, chip.ref, f"{CHIPS}/{safe_name(chip.plot_id)}/{name}")

    def _framed(self, plot: Plot, step: float) -> Framed:
        key = (plot.plot_id, step)
        if key not in self._frames:
            self._frames[key] = framed(plot, step)
        return self._frames[key]

    def _inputs(self, plot: Plot, marks: Sequence[str]) -> str:
        return canonical_hash(
            {"looks": LOOKS_VERSION, "plot": plot.ring_sha256, "index": self._job.index.sha256,
             "form": self._job.form.value, "scenes": list(marks)}
        )  # fmt: skip

    def _sheet(self, plot: Plot, done: PictureRound) -> None:
        looks, pictures = self.shelf.looks(plot.plot_id), self.shelf.pictures(plot.plot_id)
        data = season_sheet(plot, looks, pictures, self.shelf.folder, self._job.index,
                            self._job.form)  # fmt: skip
        name = f"{safe_name(plot.plot_id)}-{self._job.index.name}.{self._job.form.value}"
        put(self.shelf.folder / SHEETS / name, data)
        done.sheets_new += 1
        done.bytes_new += len(data)


def by_day(items: Iterable[Item]) -> list[Item]:
    """Scenes in order of their days; of one day, the newest processing first."""
    newest_first = sorted(items, key=lambda i: (i.processed, i.item_id), reverse=True)
    return sorted(newest_first, key=lambda item: item.day)
