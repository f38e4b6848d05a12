"""From a catalog to remembered looks: only what is new is read, what is broken is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.errors import HarvestlineError
from satellite.indices import BandMissingError, Index
from satellite.scenes.bands import SCL
from satellite.scenes.faults import CatalogError, RasterError, WebError
from satellite.scenes.identity import content_hash, fingerprint
from satellite.scenes.item import BrokenItem, Item
from satellite.scenes.source import open_source
from satellite.statistics.plots import Plot, bounds_of
from satellite.statistics.sample import Sampler
from satellite.statistics.store import SceneRow, Store

Tell = Callable[[int, int], None]
SCENE_FAULTS = (CatalogError, BandMissingError, RasterError, WebError)
SILENT_SCENES_MAX = 3  # in a row: the host is gone, and each scene costs all its tries


@dataclass(frozen=True, slots=True)
class IntakeCount:
    """Scenes of one round: read now, known before, later than asked for, broken in all."""

    new: int
    known: int
    later: int
    broken: int


class Intake:
    """Feeds one catalog into one store."""

    def __init__(self, store: Store, plots: Sequence[Plot], index: Index) -> None:
        self._store = store
        self._plots = tuple(plots)
        self._index = index
        self._whole = Sampler(plots, index)
        self._wanted = {(plot.plot_id, plot.ring_sha256) for plot in plots}
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
        """
        items = list(open_source(catalog).items(bounds_of(self._plots), until))
        known = self._store.scenes(self._index.name)
        new = later = broken = silent = 0
        for done, item in enumerate(items, start=1):
            scene = self._one(item, known, until)
            new += scene is not None and scene.item_id not in known
            later += scene is None
            broken += scene is not None and scene.code != ""
            silent = silent + 1 if scene is not None and scene.code == WebError.code else 0
            if scene is not None and silent == SILENT_SCENES_MAX:
                raise WebError(f"{silent} scenes in a row do not answer; {scene.detail}")
            tell(done, len(items))
        self._refuse_if_no_scene_has_the_bands(len(items) - later)
        return IntakeCount(new, len(items) - later - new, later, broken)

    def _one(
        self, item: Item | BrokenItem, known: dict[str, SceneRow], until: date | None
    ) -> SceneRow | None:
        if isinstance(item, BrokenItem):
            # It has no date of its own; and what is broken is looked at again each round.
            scene = SceneRow(item.item_id, "", "", date.min, "", "", item.code, item.detail)
            self._store.save(self._index.name, scene, (), ())
            return scene
        if until is not None and item.day > until:
            return None
        mark = fingerprint(item, _needed(item, self._index))
        before = known.get(item.item_id)
        if before is not None and before.fingerprint == mark and self._is_complete(before):
            return before
        return self._read(item, mark, before)

    def _is_complete(self, scene: SceneRow) -> bool:
        if scene.code or scene.item_id in self._complete:
            return True
        seen = self._store.plots_seen(scene.item_id, self._index.name)
        if not self._wanted <= seen:
            return False
        self._complete.add(scene.item_id)
        return True

    def _read(self, item: Item, mark: str, before: SceneRow | None) -> SceneRow:
        try:
            sha256 = content_hash(item, _needed(item, self._index))
            plots = self._plots_to_read(item, sha256, before)
            sampler = self._whole if plots == self._plots else Sampler(plots, self._index)
            looks = sampler.look(item) if plots else []
        except SCENE_FAULTS as error:
            # Behind a link that failed the scene may be whole: without a mark it is tried again.
            scene = _scene(item, "" if isinstance(error, WebError) else mark, "", error)
            self._store.save(self._index.name, scene, (), ())
            return scene
        scene = _scene(item, mark, sha256, None)
        self._store.save(self._index.name, scene, looks, plots)
        return scene

    def _plots_to_read(self, item: Item, sha256: str, before: SceneRow | None) -> tuple[Plot, ...]:
        if before is None or before.sha256 != sha256:
            return self._plots
        seen = self._store.plots_seen(item.item_id, self._index.name)
        return tuple(p for p in self._plots if (p.plot_id, p.ring_sha256) not in seen)

    def _refuse_if_no_scene_has_the_bands(self, scenes: int) -> None:
        broken = self._store.broken(self._index.name)
        lacking = [p for p in broken if p.code == BandMissingError.code]
        if scenes and len(lacking) >= scenes:
            raise BandMissingError(f"{lacking[0].detail} (the same for all {scenes} scenes)")


def _scene(item: Item, mark: str, sha256: str, error: HarvestlineError | None) -> SceneRow:
    return SceneRow(
        item_id=item.item_id,
        fingerprint=mark,
        sha256=sha256,
        day=item.day,
        acquired=item.acquired,
        baseline=item.baseline or "",
        code=error.code if error else "",
        detail=str(error) if error else "",
    )


def _needed(item: Item, index: Index) -> list[str]:
    return [band for band in (*index.bands, SCL) if band in item.assets]
