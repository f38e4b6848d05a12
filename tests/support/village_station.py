"""A real station whose registered devices are a simulated village's, and fleets for it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.units import MS_PER_DAY
from edge_node.store.devices import put_device
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.district.simulate import rebuild
from firmware_sim.fleet.flash import FlashStore
from firmware_sim.fleet.fleet import Fleet
from firmware_sim.fleet.member import Member
from firmware_sim.fleet.secrets import Secret
from firmware_sim.fleet.station import Uplink, uplink_to
from firmware_sim.fleet.village import season_start_ms
from firmware_sim.history.register import registered_devices
from firmware_sim.keys import device_key_seed, device_password
from tests.support.edge_station import (
    STATION,
    STATION_SIGNER,
    RunningStation,
    running_station,
    settings_for,
)

SEED = 4
PATIENCE_S = 60.0


@cache
def season() -> tuple[District, SeasonTruth]:
    """A village and its season."""
    return rebuild(SEED)


def secrets_of(district: District) -> dict[str, Secret]:
    """What the village's devices hold."""
    return {
        place.device_id: Secret(
            device_key_seed(district.seed, place.device_id),
            device_password(district.seed, place.device_id),
        )
        for place in district.devices
    }


def passwords_file(folder: Path, district: District) -> Path:
    """The devices' passwords as a lender hands them over for Mosquitto."""
    path = folder / "passwords.json"
    held = secrets_of(district)
    path.write_text(json.dumps({name: {"password": one.password} for name, one in held.items()}))
    return path


@dataclass
class VillageStation:
    """A station that hears a village."""

    station: RunningStation
    start_ms: int

    @property
    def uplink(self) -> Uplink:
        """Where its devices report to."""
        key = STATION_SIGNER.public_key.hex()
        return uplink_to(self.station.settings.site, f"127.0.0.1:{self.station.access.port}", key)

    def fleet(self, members: Sequence[Member], flash: FlashStore | None = None) -> Fleet:
        """A fleet of its devices, not started."""
        numbers = iter(range(1, 1_000_000))
        return Fleet(members, self.uplink, self.start_ms, lambda: f"e{next(numbers)}", flash)

    def live(self, fleet: Fleet, day: float) -> None:
        """Let devices measure until a time of the season, and the station's clock with them."""
        at_ms = self.start_ms + round(day * MS_PER_DAY)
        self.station.clock_ms[0] = at_ms
        fleet.advance(at_ms)

    def told(self, device: str) -> dict[tuple[str, int], Mapping[str, int]]:
        """What is stored of a device: (epoch, number) to values."""
        rows = self.station.db.conn.execute(
            "SELECT epoch, seq, metric, value FROM readings JOIN streams USING (stream_id)"
            " WHERE device_id = ? ORDER BY epoch, seq",
            (device,),
        )
        found: dict[tuple[str, int], dict[str, int]] = {}
        for epoch, seq, metric, value in rows:
            found.setdefault((epoch, seq), {})[metric] = value
        return dict(found)

    def refused(self) -> dict[str, int]:
        """Messages in quarantine, by reason."""
        rows = self.station.db.conn.execute(
            "SELECT reason, sum(count) FROM quarantine GROUP BY reason"
        )
        return {str(reason): int(count) for reason, count in rows}


@contextlib.contextmanager
def village_station(
    folder: Path, district: District | None = None, **changes: object
) -> Iterator[VillageStation]:
    """A running station with all devices of a village registered, at the season's first day."""
    found, truth = season()
    village = district or found
    if changes.get("broker") == "mosquitto":
        changes["device_passwords_file"] = passwords_file(folder, village)
    settings = settings_for(folder, site=village.site, **changes)
    with running_station(settings) as station:
        with station.db.atomic():
            for device in registered_devices(village, STATION):
                put_device(station.db, device)
        start_ms = season_start_ms(truth)
        station.clock_ms[0] = start_ms
        yield VillageStation(station, start_ms)
