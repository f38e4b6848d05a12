"""What every command is given: settings, time, identifiers and chance, made in ``app.py``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.lending.clock import WALL_ERROR_MS, Reading
from core.lending.lease import Clock
from edge_node.config import SettingError, Settings, load_settings
from edge_node.decide.desk import Desk
from edge_node.keys import KeyRing, PeerSealer, StationKeys, load_key_file, read_identity
from edge_node.store.ballast import Ballast
from edge_node.store.clocks import read_clock
from edge_node.store.database import StationDatabase, open_database
from edge_node.store.schema import migrate
from edge_node.sync.metering import Allowance
from edge_node.sync.peers import Centre, Ends
from edge_node.sync.wires import CentreClient


@dataclass(frozen=True, slots=True)
class Hands:
    """Where time, identifiers and chance come from.

    ``now_ms`` is the station's clock [ms UTC], ``elapsed_ms`` one that is never set,
    ``mint`` gives UUIDv7s, ``entropy`` so many unpredictable bytes. ``boot_id`` says from
    which boot ``elapsed_ms`` counts; it is empty where that count means nothing.
    """

    environment: Mapping[str, str]
    now_ms: Callable[[], int]
    elapsed_ms: Callable[[], int]
    mint: Callable[[], str]
    entropy: Callable[[int], bytes]
    boot_id: str = ""

    def reading(self) -> Reading:
        """The clocks now; on a clock that is set as in a demonstration, it alone counts."""
        wall_ms = self.now_ms()
        return Reading(wall_ms, self.elapsed_ms() if self.boot_id else wall_ms, self.boot_id)

    def now(self) -> tuple[int, int]:
        """The clock's reading and how far it may be off [ms UTC, ms]."""
        return self.now_ms(), WALL_ERROR_MS

    def settings(self, config: Path | None) -> Settings:
        """Settings from a file and the environment."""
        return load_settings(config, self.environment)


@dataclass(frozen=True, slots=True)
class Bench:
    """One command's station: settings, keys, database, both ends of the link."""

    hands: Hands
    settings: Settings
    keys: StationKeys
    db: StationDatabase
    ends: Ends

    def clock(self) -> Clock:
        """The clock, held against the latest instant that was trusted."""
        return read_clock(self.db, self.hands.reading())


@contextlib.contextmanager
def bench(hands: Hands, config: Path | None) -> Iterator[Bench]:
    """A station that is set up, its database brought to this release.

    Raises
    ------
    SettingError, KeyFileError
        If something is missing; the message says what.
    """
    settings = hands.settings(config)
    keys = load_key_file(settings.key_path, settings.station)
    ends = ends_of(hands, settings, keys)
    db = open_database(settings.database_path, ballast=ballast_of(settings))
    try:
        migrate(db, hands.now_ms())
        yield Bench(hands, settings, keys, db, ends)
    finally:
        db.close()


def ends_of(hands: Hands, settings: Settings, keys: StationKeys) -> Ends:
    """Both ends of the link.

    Raises
    ------
    SettingError
        If the settings do not say who the centre is.
    """
    if settings.server_identity_file == Path():
        raise SettingError(
            "expected server_identity_file, the centre's public identity (NAME.pub.json): "
            "without it nothing that comes from a centre could be trusted"
        )
    identity = read_identity(settings.server_identity_file)
    seal_key = bytes.fromhex(identity.seal_key)
    centre = Centre(
        identity, KeyRing.of_hex(identity.public_key), PeerSealer([seal_key], hands.entropy)
    )
    desk = Desk(settings.station, keys.signer, settings.utc_offset_ms)
    if settings.link_key_path.exists():
        link = load_key_file(settings.link_key_path, settings.station)
        asked = settings.box_request_path
        request = asked.read_bytes() if asked.is_file() else b""
        return Ends(desk, link.opener, centre, link.signer, request)
    return Ends(desk, keys.opener, centre)


def ballast_of(settings: Settings) -> Ballast:
    """What money, consents and retention may fall back on when the disk is full."""
    return Ballast(settings.ballast_path, settings.ballast_mib)


def client_of(settings: Settings, elapsed_ms: Callable[[], int]) -> CentreClient:
    """Who speaks with the centre that the settings name."""
    return CentreClient(settings.server_url, elapsed_ms, authority=settings.server_authority_file)


def allowance_of(settings: Settings) -> Allowance:
    """What may go up on a day."""
    return Allowance(
        settings.uplink_bytes_a_day_max,
        settings.uplink_reserve_bytes,
        settings.picture_bytes_a_day_max,
        settings.update_bytes_a_day_max,
        settings.photo_bytes_a_day_max,
        settings.photo_bytes_kept_max,
    )
