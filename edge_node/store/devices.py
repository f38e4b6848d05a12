"""The devices that this station accepts, and a view of them that is always current.

The centre registers devices; a record on the way down is put here. Brokers and the
intake ask :class:`DeviceRegistry`, which notices a change made by any connection.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from core.errors import HarvestlineError
from core.wire.registry import Device
from core.wire.telemetry import DeviceKind
from edge_node.store.database import StationDatabase, open_database, storage_errors


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


class DeviceRegistry:
    """The devices of one station, current at every look, for any thread.

    Parameters
    ----------
    path
        The station's database, with its schema applied.
    station
        Only devices that are registered at this station count.
    """

    def __init__(self, path: Path, station: str) -> None:
        self._db = open_database(path, any_thread=True)
        self._station = station
        self._lock = threading.Lock()
        self._data_version = -1
        self._version = -1
        self._devices: Mapping[str, Device] = {}

    def device(self, device_id: str) -> Device | None:
        """The device, if it is registered here."""
        with self._lock:
            self._refresh()
            return self._devices.get(device_id)

    def known(self, device_id: str) -> Device:
        """The device.

        Raises
        ------
        UnknownDeviceError
            If it is not registered here.
        """
        device = self.device(device_id)
        if device is None:
            raise UnknownDeviceError(
                f"device {device_id} is not registered at {self._station}: register it at the "
                "centre, or move it to its own station"
            )
        return device

    def all_devices(self) -> tuple[Device, ...]:
        """Every device that is registered here, by id."""
        with self._lock:
            self._refresh()
            return tuple(self._devices.values())

    def version(self) -> int:
        """A number that rises with every change of a device."""
        with self._lock:
            self._refresh()
            return self._version

    def close(self) -> None:
        """Close the registry's own connection."""
        with self._lock:
            self._db.close()

    def _refresh(self) -> None:
        with storage_errors():
            # data_version tells in a microsecond whether anyone has committed since.
            data_version = self._db.conn.execute("PRAGMA data_version").fetchone()[0]
            if data_version == self._data_version:
                return
            version = self._db.conn.execute("SELECT version FROM devices_version").fetchone()[0]
            if version != self._version:
                found = devices(self._db)
                self._devices = {d.device_id: d for d in found if d.station == self._station}
            self._data_version, self._version = data_version, version
