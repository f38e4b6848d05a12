"""From a catalog to remembered looks: only what is new is read, what is broken is named.

Workers read scenes (this process or a cluster, see ``satellite.cluster``); only this
process owns the store. A scene is committed as soon as its turn comes, so a run that
is cut off goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from satellite.cluster.work import Serial, Workers
from satellite.indices import BandMissingError, Index
from satellite.scenes.faults import WebError
from satellite.scenes.identity import fingerprint
from satellite.scenes.item import BrokenItem, Item
from satellite.scenes.source import Found, open_source
from satellite.statistics.plots import Plot, bounds_of
from satellite.statistics.reading import SceneOrder, SceneReading, needed_bands, scene_task
from satellite.statistics.store import SceneRow, Store

Tell = Callable[[int, int], None]
SILENT_SCENES_MAX = 3  # in a row: the host is gone, and each scene costs all its tries


@dataclass(frozen=True, slots=True)
class IntakeCount:
    """Scenes of one round: read now, known before, later than asked for, broken in all."""

    new: int
    known: int
    later: int
    broken: int


@dataclass(slots=True)
class _Tally:
    """Counts a round as it goes, and tells how far it is."""

    tell: Tell
    total: int
    new: int = 0
    later: int = 0
    broken: int = 0
    done: int = 0
    silent: int = 0

    def add(self, scene: SceneRow | None, *, new: bool) -> None:
        self.new += new
        self.later += scene is None
        self.broken += scene is not None and scene.code != ""
        self.done += 1
        self.tell(self.done, self.total)


class Intake:
    """Feeds one catalog into one store.

    Parameters
    ----------
    workers
        Who reads scenes; this process if absent.
    keep
        A folder for plans and plot pixels between runs; None to keep nothing.
    """

    def __init__(
        self,
        store: Store,
        plots: Sequence[Plot],
        index: Index,
        workers: Workers | None = None,
        keep: Path | None = None,
    ) -> None:
        self._store = store
        self._plots = tuple(plots)
        self._index = index
        self._workers = workers or Serial()
        self._task = scene_task(plots, index, keep)
        self._rings = [(plot.plot_id, plot.ring_sha256) for plot in plots]
        self._complete: set[str] = set()

    def run(self, catalog: Path, until: date | None, tell: Tell) -> IntakeCount:
        """Read every scene that is not remembered yet.

        Parameters
        ----------
        until
            Last day to read; later scenes are left alone.
        tell
            Called with scenes done and scenes in all.

        Raises
        ------
        CatalogError
            If the catalog itself cannot be read.
        BandMissingError
            If every scene lacks a band that the index needs.
        ClusterError
            If the workers' cluster is lost; what was read before is kept.
        """
        items = list(open_source(catalog).items(bounds_of(self._plots), until))
        if catalog.exists():
            self._workers.require_seen(catalog)
        known = self._store.scenes(self._index.name)
        tally = _Tally(tell, len(items))
        orders = self._orders(items, known, until, tally)
        for reading in self._workers.map(self._task, orders):
            scene = self._save(reading)
            tally.add(scene, new=scene.item_id not in known)
            tally.silent = tally.silent + 1 if scene.code == WebError.code else 0
            if tally.silent == SILENT_SCENES_MAX:
                raise WebError(f"{tally.silent} scenes in a row do not answer; {scene.detail}")
        self._refuse_if_no_scene_has_the_bands(len(items) - tally.later)
        return IntakeCount(
            tally.new, len(items) - tally.later - tally.new, tally.later, tally.broken
        )

    def _orders(
        self, items: Sequence[Found], known: dict[str, SceneRow], until: date | None, tally: _Tally
    ) -> Iterator[SceneOrder]:
        """What must be read; all else is counted here, when its turn comes."""
        for item in items:
            if isinstance(item, BrokenItem):
                # It has no date of its own; and what is broken is looked at again each round.
                scene = SceneRow(item.item_id, "", "", date.min, "", "", item.code, item.detail)
                self._store.save(self._index.name, scene, (), ())
                tally.add(scene, new=item.item_id not in known)
            elif until is not None and item.day > until:
                tally.add(None, new=False)
            else:
                before = known.get(item.item_id)
                mark = fingerprint(item, needed_bands(item, self._index))
                if before is not None and before.fingerprint == mark and self._is_complete(before):
                    tally.add(before, new=False)
                else:
                    yield self._order(item, mark, before)

    def _order(self, item: Item, mark: str, before: SceneRow | None) -> SceneOrder:
        if before is None or not before.sha256:
            return SceneOrder(item, mark)
        seen = self._store.plots_seen(item.item_id, self._index.name)
        missing = tuple(i for i, ring in enumerate(self._rings) if ring not in seen)
        return SceneOrder(item, mark, before.sha256, missing)

    def _is_complete(self, scene: SceneRow) -> bool:
        if scene.code or scene.item_id in self._complete:
            return True
        if not self._store.plots_seen(scene.item_id, self._index.name).issuperset(self._rings):
            return False
        self._complete.add(scene.item_id)
        return True

    def _save(self, reading: SceneReading) -> SceneRow:
        item = reading.order.item
        # Behind a link that failed the scene may be whole: without a mark it is tried again.
        unmarked = reading.code == WebError.code
        scene = SceneRow(
            item_id=item.item_id,
            fingerprint="" if unmarked else reading.order.mark,
            sha256=reading.sha256,
            day=item.day,
            acquired=item.acquired,
            baseline=item.baseline or "",
            code=reading.code,
            detail=reading.detail,
            tile=item.tile,
            platform=item.platform,
            processed=item.processed,
            assets=reading.assets,
        )
        plots = [self._plots[i] for i in reading.places]
        self._store.save(self._index.name, scene, reading.looks, plots)
        return scene

    def _refuse_if_no_scene_has_the_bands(self, scenes: int) -> None:
        broken = self._store.broken(self._index.name)
        lacking = [p for p in broken if p.code == BandMissingError.code]
        if scenes and len(lacking) >= scenes:
            raise BandMissingError(f"{lacking[0].detail} (the same for all {scenes} scenes)")
