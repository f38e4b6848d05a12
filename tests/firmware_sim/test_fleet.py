"""A fleet over a real broker: whatever is killed, every sample arrives, and once."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from core.shape import encode
from core.signing import sign_document
from core.wire.telemetry import WATERMARK, DeviceKind, Watermark
from firmware_sim.config import OutputFolderError, SettingError
from firmware_sim.device import machine
from firmware_sim.device.machine import Device, DeviceSpec, Phase
from firmware_sim.device.models import device_spec
from firmware_sim.fleet.flash import FlashFolder
from firmware_sim.fleet.fleet import Fleet
from firmware_sim.fleet.member import Member
from firmware_sim.fleet.station import Uplink
from firmware_sim.keys import DeviceSigner, KeyRing, device_key_seed, device_password
from firmware_sim.links.tcp import TcpLink
from tests.support.mosquitto import HOST, Mosquitto
from tests.support.tiny_station import TinyStation

T0 = 1_772_323_200_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SITE = "kijani"
STATION = DeviceSigner(device_key_seed(1, "station"))
PATIENCE_S = 30


class SteadyField:
    """Readings that count up, so that a test sees which arrived."""

    def __init__(self) -> None:
        self._count = 0

    def due_ms(self, spec: DeviceSpec, device: Device) -> int | None:
        return machine.due_at_ms(spec, device)

    def sun_w_per_m2(self, at_ms: int) -> int:
        return 600 if 6 <= at_ms % DAY_MS // HOUR_MS < 18 else 0

    def read(self, device: Device, at_ms: int) -> dict[str, int] | None:  # noqa: ARG002
        if device.phase is not Phase.SAMPLE:
            return None
        self._count += 1
        return {"soil_moisture_ppm": self._count}


@dataclass
class World:
    broker: Mosquitto
    station: TinyStation
    members: list[Member]

    def uplink(self, port: int | None = None) -> Uplink:
        key = KeyRing((STATION.public_key,))
        return Uplink(SITE, HOST, port or self.broker.port, key, retry_ms_max=1_000)

    def fleet(self, port: int | None = None, flash: FlashFolder | None = None) -> Fleet:
        return Fleet(self.members, self.uplink(port), T0, epochs(), flash)


def epochs() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"e{next(numbers)}"


def member(name: str, outbox_samples_max: int = 5_000, key_name: str = "") -> Member:
    return Member(
        spec=replace(
            device_spec(name, DeviceKind.SOIL_PROBE, 20, outbox_samples_max), ack_wait_ms=400
        ),
        signer=DeviceSigner(device_key_seed(1, key_name or name)),
        password=device_password(1, name),
        readings=SteadyField(),
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    names = [f"soil-{i:02d}" for i in range(1, 7)]
    broker = Mosquitto(tmp_path)
    broker.start()
    rings = {n: KeyRing((DeviceSigner(device_key_seed(1, n)).public_key,)) for n in names}
    station = TinyStation(broker.port, STATION, rings)
    yield World(broker, station, [member(n) for n in names])
    station.stop()
    broker.stop()


def arrived(station: TinyStation) -> dict[tuple[str, str], list[int]]:
    numbers: dict[tuple[str, str], list[int]] = {}
    for device, epoch, seq in sorted(station.samples):
        numbers.setdefault((device, epoch), []).append(seq)
    return numbers


def test_every_sample_arrives_signed_and_once(world: World) -> None:
    with world.fleet() as fleet:
        assert fleet.wait_connected(PATIENCE_S) == 6
        for day in range(1, 6):
            fleet.advance(T0 + day * DAY_MS)
            assert fleet.wait_acknowledged(PATIENCE_S)
        counts = fleet.counts()
    numbers = arrived(world.station)
    assert len(numbers) == 6
    assert all(seqs == list(range(1, 41)) for seqs in numbers.values())
    assert set(world.station.repeats.values()) == {1}
    assert (world.station.refused, world.station.lost) == ([], set())
    assert (counts.samples_sent, counts.refused_watermarks) == (240, 0)
    assert {b.kind for b in world.station.births} == {DeviceKind.SOIL_PROBE}
    assert world.station.deaths == []  # all said goodbye


def test_broker_killed_in_mid_flight_loses_nothing(world: World) -> None:
    with world.fleet() as fleet:
        assert fleet.wait_connected(PATIENCE_S) == 6
        fleet.advance(T0 + 2 * DAY_MS)
        world.broker.kill()
        fleet.advance(T0 + 4 * DAY_MS)
        dark = fleet.wait_acknowledged(0.2)
        assert not dark
        world.broker.start()
        fleet.advance(T0 + 6 * DAY_MS)
        assert fleet.wait_acknowledged(PATIENCE_S)
        world.broker.kill()
        world.broker.start()
        fleet.advance(T0 + 7 * DAY_MS)
        assert fleet.wait_acknowledged(PATIENCE_S)
    numbers = arrived(world.station)
    assert all(seqs == list(range(1, 57)) for seqs in numbers.values())
    assert (len(numbers), world.station.refused, world.station.lost) == (6, [], set())


def test_lost_acknowledgements_lead_to_repeats_never_to_loss(world: World) -> None:
    world.station.is_deaf = True
    with world.fleet() as fleet:
        fleet.wait_connected(PATIENCE_S)
        fleet.advance(T0 + DAY_MS)
        assert fleet.wait_acknowledged(0.2).unacknowledged == 48
        world.station.is_deaf = False
        assert fleet.wait_acknowledged(PATIENCE_S)  # sent again after the device's own wait
    assert len(world.station.samples) == 48


def test_killed_device_dies_by_its_will_and_goes_on_from_flash(world: World) -> None:
    with world.fleet() as fleet:
        fleet.wait_connected(PATIENCE_S)
        fleet.advance(T0 + DAY_MS)
        fleet.wait_acknowledged(PATIENCE_S)
        fleet.kill("soil-03")
        assert world.station.wait_for(lambda s: [d.device for d in s.deaths] == ["soil-03"])
        fleet.advance(T0 + 2 * DAY_MS)
        fleet.restart("soil-03")
        assert fleet.wait_connected(PATIENCE_S) == 6
        fleet.advance(T0 + 3 * DAY_MS)
        assert fleet.wait_acknowledged(PATIENCE_S)
    boots = [b.boot for b in world.station.births if b.device == "soil-03"]
    assert boots == [1, 2]
    by_device = {device: len(seqs) for (device, _), seqs in arrived(world.station).items()}
    assert by_device.pop("soil-03") == 16  # it measured nothing while it had no power
    assert set(by_device.values()) == {24}
    assert world.station.lost == set()


def test_factory_reset_begins_a_new_epoch_at_one(world: World) -> None:
    with world.fleet() as fleet:
        fleet.wait_connected(PATIENCE_S)
        fleet.advance(T0 + DAY_MS)
        fleet.wait_acknowledged(PATIENCE_S)
        before = fleet.epochs()["soil-01"]
        fleet.factory_reset("soil-01")
        fleet.wait_connected(PATIENCE_S)
        fleet.advance(T0 + 2 * DAY_MS)
        assert fleet.wait_acknowledged(PATIENCE_S)
        after = fleet.epochs()["soil-01"]
    numbers = arrived(world.station)
    assert before != after
    assert numbers["soil-01", before] == numbers["soil-01", after] == list(range(1, 9))


def test_fleet_process_that_ends_goes_on_from_its_folder(world: World, tmp_path: Path) -> None:
    world.station.is_deaf = True
    flash = FlashFolder(tmp_path / "flash")
    with world.fleet(flash=flash) as fleet:
        fleet.wait_connected(PATIENCE_S)
        fleet.advance(T0 + DAY_MS)
    world.station.is_deaf = False
    again = Fleet(world.members, world.uplink(), T0 + DAY_MS, epochs(), flash)
    with again as fleet:
        fleet.wait_connected(PATIENCE_S)
        fleet.advance(T0 + 2 * DAY_MS)
        assert fleet.wait_acknowledged(PATIENCE_S)
    numbers = arrived(world.station)
    assert len(numbers) == 6
    assert all(seqs == list(range(1, 17)) for seqs in numbers.values())


def test_flapping_link_loses_nothing(world: World) -> None:
    rng = np.random.default_rng(5)
    with TcpLink(HOST, world.broker.port, rng) as link, world.fleet(link.port) as fleet:
        fleet.wait_connected(PATIENCE_S)
        for day in range(1, 9):
            fleet.advance(T0 + day * DAY_MS)
            if day % 2:
                link.cut()
            else:
                link.mend()
        link.drop_connections()
        assert fleet.wait_acknowledged(PATIENCE_S)
    numbers = arrived(world.station)
    assert len(numbers) == 6
    assert all(seqs == list(range(1, 65)) for seqs in numbers.values())


def test_overflow_in_the_dark_is_declared_lost(world: World) -> None:
    world.members[0] = member("soil-01", outbox_samples_max=10)
    rng = np.random.default_rng(5)
    with TcpLink(HOST, world.broker.port, rng) as link, world.fleet(link.port) as fleet:
        fleet.wait_connected(PATIENCE_S)
        link.cut()
        fleet.advance(T0 + 5 * DAY_MS)
        link.mend()
        assert fleet.wait_acknowledged(PATIENCE_S)
        epoch = fleet.epochs()["soil-01"]
    assert arrived(world.station)["soil-01", epoch] == list(range(31, 41))
    assert {seq for _, _, seq in world.station.lost} == set(range(1, 31))


def test_device_with_a_wrong_key_is_never_acknowledged(world: World) -> None:
    world.members[0] = member("soil-01", key_name="somebody-else")
    with world.fleet() as fleet:
        fleet.wait_connected(PATIENCE_S)
        fleet.advance(T0 + DAY_MS)
        assert world.station.wait_for(lambda s: len(s.samples) == 40)
        assert world.station.wait_for(lambda s: any("soil-01/t" in r for r in s.refused))
        left = fleet.wait_acknowledged(0.5)
    assert (left.unacknowledged, left.waiting) == (8, 1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"{}", "expected harvestline/watermark/v1"),
        (b"\xff", "canonical JSON"),
        (
            sign_document(
                WATERMARK,
                encode(Watermark("soil-01", "e1", 8)),
                DeviceSigner(device_key_seed(1, "soil-02")),
            ),
            "expected a key",
        ),
        (
            sign_document(WATERMARK, encode(Watermark("soil-02", "e1", 8)), STATION),
            "one for soil-02",
        ),
    ],
)
def test_forged_acknowledgement_is_refused(world: World, said: bytes, reason: str) -> None:
    world.station.is_deaf = True
    with world.fleet() as fleet:
        fleet.wait_connected(PATIENCE_S)
        fleet.advance(T0 + DAY_MS)
        world.station.say(SITE, "soil-01", said)
        world.station.is_deaf = False
        # The device still holds everything: the honest station gets it in the end.
        assert fleet.wait_acknowledged(PATIENCE_S)
        assert fleet.counts().refused_watermarks == 1
        assert reason in fleet.reasons()["soil-01"]
    assert len(world.station.samples) == 48


def test_wrong_password_is_refused_and_named(tmp_path: Path) -> None:
    good, bad = member("soil-01"), member("soil-02")
    passwords = {"soil-01": good.password, "soil-02": "another", "station": "s"}
    broker = Mosquitto(tmp_path, passwords)
    broker.start()
    rings = {"soil-01": KeyRing((DeviceSigner(device_key_seed(1, "soil-01")).public_key,))}
    station = TinyStation(broker.port, STATION, rings, ("station", "s"))
    uplink = Uplink(SITE, HOST, broker.port, KeyRing((STATION.public_key,)))
    with Fleet([good, bad], uplink, T0, epochs()) as fleet:
        assert fleet.wait_connected(PATIENCE_S, count=1) == 1
        fleet.advance(T0 + DAY_MS)
        assert station.wait_for(lambda s: len(s.samples) == 8)
        assert fleet.wait_acknowledged(0.5).unacknowledged == 8
        assert "refused" in fleet.reasons()["soil-02"]
        assert fleet.counts().refused_sessions >= 1
    station.stop()
    broker.stop()


def test_flash_that_breaks_ends_the_fleet_with_its_name(world: World, tmp_path: Path) -> None:
    """A device whose flash cannot be written must not send: its numbers could come twice."""
    folder = tmp_path / "flash"
    fleet = world.fleet(flash=FlashFolder(folder))
    fleet.start()
    assert fleet.wait_connected(PATIENCE_S) == 6
    shutil.rmtree(folder)
    with pytest.raises(OutputFolderError, match="write the flash"):
        fleet.advance(T0 + DAY_MS)
    with pytest.raises(OutputFolderError):
        fleet.stop()
    assert world.station.samples == {}


def test_fleet_says_what_it_cannot_do(world: World, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="each device once"):
        Fleet([world.members[0]] * 2, world.uplink(), T0, epochs())
    fleet = world.fleet()
    with pytest.raises(SettingError, match="start"):
        fleet.advance(T0)
    with fleet, pytest.raises(SettingError, match="soil-99"):
        fleet.kill("soil-99")
    fleet.stop()
    (tmp_path / "soil-01.flash").write_bytes(b"torn")
    with pytest.raises(OutputFolderError, match="begin a new epoch"):
        world.fleet(flash=FlashFolder(tmp_path))
    with pytest.raises(OutputFolderError, match="a writable folder at"):
        FlashFolder(tmp_path / "soil-01.flash")
