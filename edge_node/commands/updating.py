"""A station that looks for updates while it runs, and proves that it runs well with them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from core.lending.lease import Clock
from edge_node.commands.hands import Bench, allowance_of, client_of
from edge_node.config import SettingError, Settings
from edge_node.faces.kiosk.words import LANGUAGES, needed
from edge_node.store import updates
from edge_node.store.box import BoxNotConfirmedError
from edge_node.store.clocks import read_clock
from edge_node.store.database import DiskFullError, StationDatabase, StoreError
from edge_node.sync.metering import Meter
from edge_node.sync.updating import LinkSource
from edge_node.sync.wires import CentreClient
from edge_node.updates.activation import Bay
from edge_node.updates.errors import UpdatesNotSetUpError
from edge_node.updates.rounds import Channel, Looked, basemap_path, look, watch

STEADY_S = 300  # a start after which the station ran so long is no sign of a bad version
ROOT_FILE_BYTES_MAX = 64 * 1024
Log = Callable[[str, dict[str, str | int]], None]


def channel_of(station: Bench, db: StationDatabase, log: Log) -> Channel:
    """How this station gets updates.

    Raises
    ------
    UpdatesNotSetUpError
        If no root was set.
    """
    settings = station.settings
    if settings.update_root_file == Path():
        raise UpdatesNotSetUpError(
            "expected update_root_file in the settings, the lender's 1.root.json: without it "
            "no update could be believed"
        )
    bay = Bay(db, station.ends.desk, settings.updates_folder, station.ends.centre.verifier)
    return Channel(
        bay=bay,
        root=_root(settings.update_root_file),
        prompts=dict.fromkeys(LANGUAGES, needed()),
        watch_h=settings.update_watch_h,
        step=lambda step: log("update_step", {"step": step.replace(" ", ":")}),
    )


def look_over_link(channel: Channel, station: Bench, client: CentreClient) -> Looked:
    """One look for updates at the centre, within what they may cost today."""
    db = channel.bay.db
    clock = read_clock(db, station.hands.reading())
    meter = Meter.of(db, station.ends, client, clock, allowance_of(station.settings))
    return look(channel, LinkSource(station.ends, meter, clock), clock)


def basemap_of(settings: Settings, db: StationDatabase) -> Callable[[], Path | None]:
    """Where the map in use lies, asked by one request at a time."""
    turn = threading.Lock()

    def path() -> Path | None:
        with turn:
            return basemap_path(db, settings.updates_folder)

    return path


def is_due(db: StationDatabase, settings: Settings, at_ms: int) -> bool:
    """Whether it is time to look again; a clock that was set back is no reason to wait."""
    since_ms = at_ms - updates.look(db).tried_ms
    return not 0 <= since_ms < settings.update_every_s * 1_000


def updating_of(
    station: Bench, connect: Callable[[], StationDatabase], log: Log
) -> Updating | None:
    """The part of a station that gets updates; None if it was given no root to trust."""
    if station.settings.update_root_file == Path():
        return None
    return Updating(station, connect(), log)


class Updating:
    """The part of a running station that looks for updates and watches them.

    Parameters
    ----------
    station
        Settings, keys and both ends of the link.
    db
        A connection of its own.
    log
        Where steps and refusals are told.
    """

    def __init__(self, station: Bench, db: StationDatabase, log: Log) -> None:
        self._station, self._db, self._log = station, db, log
        self._channel = channel_of(station, db, log)
        self._proven = False

    def begin(self) -> None:
        """Count this start, and examine what is in use before anything decides by it."""
        updates.count_start(self._db, self._at_ms())
        watch(self._channel, self._clock(), starting=True)

    def prove(self, db: StationDatabase) -> None:
        """Say that this start went well: it ran steadily, or is being stopped in order."""
        if not self._proven:
            self._proven = True
            updates.count_steady(db)

    def run(self, stop: threading.Event) -> None:
        """Look for updates, and watch them, until told to stop."""
        hands, settings = self._station.hands, self._station.settings
        client = client_of(settings, hands.elapsed_ms) if settings.server_url else None
        began_ms = hands.elapsed_ms()
        try:
            while not stop.wait(min(settings.sync_every_s, STEADY_S)):
                if hands.elapsed_ms() - began_ms >= STEADY_S * 1_000:
                    self.prove(self._db)
                self._turn(client)
        finally:
            if client is not None:
                client.close()

    def _turn(self, client: CentreClient | None) -> None:
        try:
            watch(self._channel, self._clock())
            if client is None or not is_due(self._db, self._station.settings, self._at_ms()):
                return
            looked = look_over_link(self._channel, self._station, client)
        except (DiskFullError, StoreError, BoxNotConfirmedError) as error:
            self._log("updates_wait", {"code": error.code})
            return
        for words in (looked.problem, *looked.refusals):
            if words:
                self._log("update_refused", {"reason": words})

    def _clock(self) -> Clock:
        return read_clock(self._db, self._station.hands.reading())

    def _at_ms(self) -> int:
        return read_clock(self._db, self._station.hands.reading()).at_ms


def _root(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(ROOT_FILE_BYTES_MAX)
    except OSError as error:
        raise SettingError(f"expected the root of updates at {path}: {error}") from error
