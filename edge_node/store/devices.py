"""The devices that this station accepts, and a view of them that is always current.

The centre registers devices; a record on the way down is put here. Brokers and the
intake ask :class:`DeviceRegistry`, which notices a change made by any connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import HarvestlineError
from core.wire.registry import Device
from core.wire.telemetry import DeviceKind
from edge_node.store.credentials import (
    Credential,
    Standing,
    credentials,
    gateways,
    remove_credentials,
    revoked_serials,
    standings,
)
from edge_node.store.database import StationDatabase, open_database, storage_errors

_ENDS_MAX = 4_095  # overlaps that one version of the database may count


class UnknownDeviceError(HarvestlineError):
    """A device is not registered at this station."""

    code = "HL-EDGE-006"


_PUT = """
INSERT INTO devices (device_id, kind, subject_id, station, public_key, password_sha256)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (device_id) DO UPDATE SET
    kind = excluded.kind, subject_id = excluded.subject_id, station = excluded.station,
    public_key = excluded.public_key, password_sha256 = excluded.password_sha256
"""


def put_device(db: StationDatabase, device: Device) -> None:
    """Register a device, or replace what was known of it."""
    row = (
        device.device_id,
        device.kind.value,
        device.subject_id,
        device.station,
        device.public_key,
        device.password_sha256,
    )
    with db.atomic():
        before = db.conn.execute(
            "SELECT password_sha256 FROM devices WHERE device_id = ?", (device.device_id,)
        ).fetchone()
        if before is not None and before[0] != device.password_sha256:
            # Whoever registers a new password means that one and no other.
            remove_credentials(db, device.device_id)
        db.execute(_PUT, row)


def remove_device(db: StationDatabase, device_id: str) -> None:
    """Accept nothing more from a device; what it said stays."""
    with db.atomic():
        db.execute("DELETE FROM devices WHERE device_id = ?", (device_id,))


def devices(db: StationDatabase) -> tuple[Device, ...]:
    """Every registered device, by id."""
    rows = db.conn.execute(
        "SELECT device_id, kind, subject_id, station, public_key, password_sha256 "
        "FROM devices ORDER BY device_id"
    )
    return tuple(Device(row[0], DeviceKind(row[1]), *row[2:]) for row in rows)


@dataclass(frozen=True, slots=True)
class View:
    """Everything about devices and gateways, as of one version of the database."""

    station: str
    devices: Mapping[str, Device]
    gateways: frozenset[str]
    credentials: Mapping[str, tuple[Credential, ...]]
    standings: Mapping[str, Standing]
    revoked: tuple[tuple[str, int], ...]
    ends_ms: tuple[int, ...]  # when overlaps of rotations end, in order

    def known(self, device_id: str) -> Device:
        """The device.

        Raises
        ------
        UnknownDeviceError
            If it is not registered at this station, or revoked.
        """
        device = self.devices.get(device_id)
        if device is None and self.standings.get(device_id) is Standing.REVOKED:
            raise UnknownDeviceError(f"device {device_id} is revoked: invite and enrol it again")
        if device is None:
            raise UnknownDeviceError(
                f"device {device_id} is not registered at {self.station}: register it at the "
                "centre, or move it to its own station"
            )
        return device

    def is_held(self, user: str) -> bool:
        """Whether a device or gateway is in quarantine."""
        return self.standings.get(user) is Standing.QUARANTINED


class DeviceRegistry:
    """The devices and gateways of one station, current at every look, for any thread.

    Parameters
    ----------
    path
        The station's database, with its schema applied.
    station
        Only devices that are registered at this station count.
    now_ms
        The station's clock [ms UTC], by which overlaps of rotations end; without one
        they do not.
    """

    def __init__(self, path: Path, station: str, now_ms: Callable[[], int] | None = None) -> None:
        self._db = open_database(path, any_thread=True)
        self._station = station
        self._now_ms = now_ms or (lambda: 0)
        self._lock = threading.Lock()
        self._data_version = -1
        self._version = -1
        self._view = View(station, {}, frozenset(), {}, {}, (), ())

    def device(self, device_id: str) -> Device | None:
        """The device, if it is registered here and not revoked."""
        return self.view().devices.get(device_id)

    def known(self, device_id: str) -> Device:
        """The device.

        Raises
        ------
        UnknownDeviceError
            If it is not registered here, or revoked.
        """
        return self.view().known(device_id)

    def all_devices(self) -> tuple[Device, ...]:
        """Every device that is registered here and not revoked, by id."""
        return tuple(self.view().devices.values())

    def all_gateways(self) -> tuple[str, ...]:
        """Every gateway that is not revoked, by id."""
        return tuple(sorted(self.view().gateways))

    def is_gateway(self, user: str) -> bool:
        """Whether a user is a gateway and not revoked."""
        return user in self.view().gateways

    def is_held(self, user: str) -> bool:
        """Whether a device or gateway is in quarantine."""
        return self.view().is_held(user)

    def credentials_of(self, user: str) -> tuple[Credential, ...]:
        """What was given out here that a device or gateway may log in with now."""
        view, now_ms = self.view(), self._now_ms()
        if user not in view.devices and user not in view.gateways:
            return ()
        found = view.credentials.get(user, ())
        return tuple(one for one in found if one.until_ms is None or one.until_ms > now_ms)

    def password_hashes(self, user: str) -> tuple[str, ...]:
        """The hashes of every password that a device or gateway may log in with now."""
        view = self.view()
        device = view.devices.get(user)
        if device is not None and user not in view.credentials:
            return (device.password_sha256,)
        return tuple(one.password_sha256 for one in self.credentials_of(user))

    def revoked_certificates(self) -> tuple[tuple[str, int], ...]:
        """Serial and time of every revoked client certificate [hex, ms UTC]."""
        return self.view().revoked

    def version(self) -> int:
        """A number that rises with every change, and with every end of an overlap."""
        view = self.view()
        now_ms = self._now_ms()
        return self._version * (_ENDS_MAX + 1) + min(
            _ENDS_MAX, sum(end_ms <= now_ms for end_ms in view.ends_ms)
        )

    def close(self) -> None:
        """Close the registry's own connection."""
        with self._lock:
            self._db.close()

    def view(self) -> View:
        """Who is registered now, for several looks that must agree."""
        with self._lock, storage_errors():
            # data_version tells in a microsecond whether anyone has committed since.
            data_version = self._db.conn.execute("PRAGMA data_version").fetchone()[0]
            if data_version != self._data_version:
                row = self._db.conn.execute("SELECT version FROM devices_version").fetchone()
                if row[0] != self._version:
                    self._view = self._read()
                self._data_version, self._version = data_version, row[0]
            return self._view

    def _read(self) -> View:
        found = devices(self._db)
        standing = standings(self._db)
        gone = {name for name, word in standing.items() if word is Standing.REVOKED}
        given = credentials(self._db)
        ends = [one.until_ms for all_of in given.values() for one in all_of]
        return View(
            station=self._station,
            devices={
                d.device_id: d
                for d in found
                if d.station == self._station and d.device_id not in gone
            },
            gateways=gateways(self._db) - gone,
            credentials=given,
            standings=standing,
            revoked=revoked_serials(self._db),
            ends_ms=tuple(sorted(end_ms for end_ms in ends if end_ms is not None)),
        )
