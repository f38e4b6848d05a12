"""A station's backups and boxes for tests, over the simulator's real stations and centre."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_node.commands.backing_up import Made, PutBack, hand_over, make_backup, put_back
from edge_node.commands.hands import Bench, Hands
from edge_node.config import load_settings
from edge_node.keys import write_identity
from server.services.boxes import Replacement, declare_box_gone, replace_box
from server.services.destruction import Declared, Proof
from server.store.people import Actor
from tests.simulation.faults import Weather
from tests.simulation.station import SimulatedStation
from tests.simulation.world import World
from tests.support.edge_station_process import write_settings

PASSPHRASE = "correct horse battery"
OFFICERS = (Actor("officer-a", "supervisor"), Actor("officer-b", "supervisor"))


def hands(now_ms: Callable[[], int], seed: int = 0) -> Hands:
    """Time from a test; chance that is none, and never the same twice."""
    drawn = itertools.count(seed * 1_000_000 + 1)
    return Hands(
        environment={},
        now_ms=now_ms,
        elapsed_ms=now_ms,
        mint=lambda: f"minted-{next(drawn)}",
        entropy=lambda count: (next(drawn)).to_bytes(count, "big"),
    )


class Boxes:
    """A world whose stations can be backed up, put back, confirmed, and declared gone."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self._count = itertools.count(1)

    def bench(self, station: SimulatedStation) -> Bench:
        """A command's view of a station."""
        made = hands(lambda: self.world.now_ms, next(self._count))
        return Bench(made, station.settings, station.keys, station.db, station.ends)

    def config(self, station: SimulatedStation) -> Path:
        """The station's settings as a file, with the centre's identity beside it."""
        identity = station.settings.folder / "centre.pub.json"
        write_identity(identity, self.world.centre.keys.identity())
        path = write_settings(station.settings)
        text = path.read_text(encoding="utf-8")
        if "server_identity_file" not in text:
            path.write_text(text + f"server_identity_file = {json.dumps(str(identity))}\n")
        return path

    def back_up(self, station: SimulatedStation, *, handing_over: bool = False) -> Path:
        """A backup file."""
        path = self.folder / f"backup-{next(self._count)}.hlb"
        bench = self.bench(station)
        if handing_over:
            hand_over(bench, station.clock(self.world.now_ms))
        made: Made = make_backup(bench, path, PASSPHRASE, self.config(station))
        assert made.handed_over or not handing_over
        return path

    def put_back(self, path: Path) -> tuple[PutBack, SimulatedStation]:
        """The backup on another box: what was told, and its station."""
        count = next(self._count)
        folder = self.folder / f"box-{count}"
        told = put_back(hands(lambda: self.world.now_ms, count), path, folder, PASSPHRASE)
        box = SimulatedStation(
            folder, told.station, self.world.centre.keys.identity(), self.world.mint,
            load_settings(Path(told.config), {}),
        )  # fmt: skip
        return told, box

    def confirm(self, told: PutBack) -> Replacement:
        """An officer confirms a box."""
        document = Path(told.request).read_bytes()
        return replace_box(self.world.centre, document, OFFICERS[0])

    def gone(
        self, station: str, receipts: list[dict[str, Any]], generation: int | None = None
    ) -> Declared:
        """Two officers declare that a box before is gone."""
        proof = Proof(b"a photograph", json.dumps(receipts).encode())
        for officer in OFFICERS:
            told = declare_box_gone(self.world.centre, station, proof, officer, generation)
        return told

    def sync(self, station: SimulatedStation, rounds: int = 4) -> str:
        """Sync over a fair link; the last problem, if any."""
        problem = ""
        for _ in range(rounds):
            link = self.world.link(station, Weather())
            problem = station.sync(link, self.world.now_ms).problem
        return problem


def receipts_of(station: SimulatedStation) -> list[dict[str, Any]]:
    """The receipts that people were shown at a box, as they bring them in."""
    found: list[dict[str, Any]] = json.loads(station.receipts())
    return found
