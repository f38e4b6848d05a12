"""A station that takes updates from a folder, for tests: real store, keys and checks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.modelfile import Model
from edge_node.store import logs, updates
from edge_node.store.updates import Version
from edge_node.updates.activation import Bay
from edge_node.updates.rounds import Channel, Looked, basemap_path, look
from edge_node.updates.source import FolderSource, Source
from tests.support.lending_station import Station
from tests.support.models import small_model
from tests.support.update_repository import Repository, model_target

SENTENCES = frozenset({"Draw money", "You may draw {amount} until {day}."})
SWAHILI = {
    "Draw money": "Chukua pesa",
    "You may draw {amount} until {day}.": "Unaweza kuchukua {amount} hadi {day}.",
}


class UpdatingStation:
    """A populated station, and a repository that it trusts."""

    def __init__(self, folder: Path, like: UpdatingStation | None = None) -> None:
        """A new one, or one that goes on where another was closed."""
        if like is not None:
            shutil.copytree(like.station.folder, folder / "station")
            (folder / "station" / like.station.settings.key_path.name).unlink()
        self.station = Station(folder / "station")
        if like is None:
            self.station.populate()
            self.repository = Repository(folder / "repository", self.station.at_ms)
        else:
            self.repository = like.repository.copied_to(folder / "repository")
            self.station.at_ms = like.station.at_ms
            self.station.centre.down = list(like.station.centre.down)
        self.root = self.repository.root
        self.steps: list[str] = []
        self.folder = self.station.settings.updates_folder

    def close(self) -> None:
        self.station.close()

    @property
    def db(self) -> Any:
        return self.station.db

    def channel(self, step: Any = None) -> Channel:
        bay = Bay(self.db, self.station.desk, self.folder, self.station.ends.centre.verifier)
        return Channel(bay, self.root, {"sw": SENTENCES}, 24, step or self.steps.append)

    def look(self, source: Source | None = None) -> Looked:
        source = source or FolderSource(self.repository.path)
        return look(self.channel(), source, self.station.clock)

    def days_later(self, days: int) -> None:
        self.station.at_ms += days * MS_PER_DAY

    def offer_model(self, version: int, **changes: Any) -> None:
        """Publish a model for every station."""
        self.publish_model(small_model(version), **changes)

    def publish_model(self, model: Model, **changes: Any) -> None:
        note, data = model_target(model, self.station.centre.signer)
        self.repository.add(note, data, **changes)
        self.repository.publish()

    def in_use(self, slot: str = "model") -> int:
        """The version that came by updates and is in use; 0 if none."""
        found = updates.in_use(self.db, slot)
        return found.version if found else 0

    def basemap(self) -> Path | None:
        """The file of the map in use."""
        return basemap_path(self.db, self.folder)

    def version(self, slot: str, number: int) -> Version:
        return next(one for one in updates.of_slot(self.db, slot) if one.version == number)

    def events(self) -> list[tuple[str, int, str, int]]:
        """What the money log says of updates: slot, version, act, what is in use after it."""
        records = logs.read_run(self.db, LogClass.MONEY, 0, 10_000, 2**30)
        bodies = [one.body for one in records if one.kind == "update_event"]
        return [(b["slot"], b["version"], b["act"], b["in_use_version"]) for b in bodies]
