"""A village with some weeks of a season behind it, told by the demo's real processes.

The benches that need a station in use take a copy of this one's: its database, keys
and signed model are what ``make run`` leaves behind, not a fixture.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from bench.report import Effort
from core.timeline import parse_clock_text
from edge_node.config import Settings, load_settings
from edge_node.decide.desk import Desk
from edge_node.keys import KeyRing, PeerSealer, load_key_file, read_identity
from edge_node.store.database import StationDatabase, open_database
from edge_node.sync.peers import Centre, Ends

BIN = Path(sys.executable).parent
PRODUCTS = Path(__file__).resolve().parents[1] / "server" / "products"
STATION = "station-1"
PAGE_S_MAX = 60.0
TELL_S_MAX = 900


@dataclass(frozen=True, slots=True)
class Telling:
    """How long one demo took to its first page and decision, and how it came out [s].

    ``page_s`` and ``decision_s`` count from the start of the process, ``season_s`` from
    the season's first day to the first decision.
    """

    page_s: float
    season_s: float
    decision_s: float
    outcome: dict[str, Any]


def tell(folder: Path, days: int) -> Telling:
    """Play the demo into a folder and watch it as somebody at the terminal would."""
    said = folder.parent / f"{folder.name}.json"
    command = [
        str(BIN / "harvestline-sim"), "demo", "--leave", "--days", str(days),
        "--folder", str(folder), "--products", str(PRODUCTS), "--json",
    ]  # fmt: skip
    began_s = time.perf_counter()
    with said.open("w") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "COLUMNS": "200"},
        )  # fmt: skip
    try:
        assert process.stderr is not None
        up_s, page_s, heard = _first_page(process.stderr, began_s)
        heard += process.stderr.read()
        assert process.wait(TELL_S_MAX) == 0, f"expected a told season, got: {heard[-2000:]}"
    finally:
        process.kill()
        process.wait()
    outcome = json.loads(said.read_text())
    season_s = float(outcome["first_decision_s"])
    return Telling(page_s, season_s, up_s + season_s, outcome)


def _first_page(said: Iterable[str], began_s: float) -> tuple[float, float, str]:
    """When the addresses are printed and when the kiosk's first page is read [s]."""
    heard = ""
    for line in said:
        heard += line
        words = [word for word in line.split() if word.startswith("http://")]
        if "farmer" in line and words:
            up_s = time.perf_counter() - began_s
            page = httpx.get(words[0], timeout=PAGE_S_MAX, follow_redirects=True)
            assert page.status_code == httpx.codes.OK, page.text
            return up_s, time.perf_counter() - began_s, heard
    raise AssertionError(f"expected the kiosk's address, got: {heard[-2000:]}")


def told_village(effort: Effort) -> Path:
    """The folder of a told village; it is told once a run."""
    folder = effort.village or effort.scratch / "village"
    if not folder.exists():
        tell(folder, effort.days)
    return folder


@dataclass(frozen=True, slots=True)
class StationCopy:
    """A copy of the village's station: nothing that is done to it reaches another bench."""

    folder: Path
    village: Path
    settings: Settings
    ends: Ends
    now_ms: int

    @property
    def desk(self) -> Desk:
        """Who decides there."""
        return self.ends.desk

    @property
    def verifier(self) -> KeyRing:
        """Who verifies what the station signed."""
        return KeyRing([load_key_file(self.settings.key_path, STATION).signer.public_key])

    @contextmanager
    def fresh_database(self) -> Iterator[StationDatabase]:
        """The station's database as the season left it; what is done to it is lost."""
        path = self.folder / "tried.db"
        for old in self.folder.glob("tried.db*"):
            old.unlink()
        shutil.copyfile(self.settings.database_path, path)
        db = open_database(path)
        try:
            yield db
        finally:
            db.close()


def copied_station(village: Path, folder: Path) -> StationCopy:
    """Copy the station of a told village; its processes have ended."""
    shutil.copytree(village / "station", folder)
    settings = replace(load_settings(folder / "station.toml", {}), folder=folder)
    keys = load_key_file(settings.key_path, STATION)
    identity = read_identity(settings.server_identity_file)
    sealer = PeerSealer([bytes.fromhex(identity.seal_key)], os.urandom)
    centre = Centre(identity, KeyRing.of_hex(identity.public_key), sealer)
    desk = Desk(STATION, keys.signer, settings.utc_offset_ms)
    now_ms = parse_clock_text((village / "clock").read_text(encoding="ascii"))
    _fold_in_the_journal(settings.database_path)
    return StationCopy(folder, village, settings, Ends(desk, keys.opener, centre), now_ms)


def _fold_in_the_journal(path: Path) -> None:
    db = open_database(path)
    db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
