"""The intake over a real amqtt and a real Mosquitto: who may speak, and what is kept."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from amqtt.session import Session

from core.wire.registry import Device
from core.wire.telemetry import MESSAGE_BYTES_MAX
from edge_node.config import SettingError
from edge_node.intake.broker.access import PACKET_BYTES_MAX, BrokerError
from edge_node.intake.broker.embedded import drop
from edge_node.intake.broker.fanout import SteadySubscriptions
from edge_node.intake.broker.mosquitto import MosquittoBroker, password_line, read_passwords
from edge_node.store.devices import DeviceRegistry, put_device, remove_device
from edge_node.store.quarantine import Refusal, quarantine_totals
from tests.support.edge_device import EdgeDevice
from tests.support.edge_station import (
    SITE,
    STATION_SIGNER,
    Events,
    RunningStation,
    batch,
    database,
    device,
    device_password,
    device_signer,
    eventually,
    running_station,
    secrets_file,
    settings_for,
    signed_batch,
    signed_death,
)
from tests.support.requirements import require

STATION_KEY = STATION_SIGNER.public_key


@pytest.fixture(params=["amqtt", "mosquitto"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "mosquitto":
        require("mosquitto")
    return str(request.param)


@pytest.fixture
def station(kind: str, tmp_path: Path) -> Iterator[RunningStation]:
    secrets = secrets_file(tmp_path, "probe-1", "probe-2", "probe-3")
    settings = settings_for(tmp_path, broker=kind, device_passwords_file=secrets)
    with running_station(settings, "probe-1", "probe-2") as found:
        yield found


def connected(station: RunningStation, name: str = "probe-1", **how: str) -> EdgeDevice:
    return EdgeDevice(name, station.access.port, station_key=STATION_KEY, **how)  # type: ignore[arg-type]


def test_batch_is_durable_before_the_signed_watermark(station: RunningStation):
    with connected(station) as probe:
        probe.say(signed_batch(batch("probe-1", 1, 2, 3)))
        probe.wait_watermark(3)
        assert station.count("samples") == 3
        assert station.intake.state().samples_count == 3


@pytest.mark.parametrize(
    ("name", "password"), [("probe-1", "wrong"), ("probe-9", "any"), ("@kijani-1", "guess")]
)
def test_wrong_login_is_refused(station: RunningStation, name: str, password: str):
    with connected(station, name, password=password) as stranger:
        assert "uthori" in stranger.refused  # Not authorized / Unauthorized
    assert station.intake.state().connected


def test_stranger_with_the_stations_client_id_does_not_disturb_it(station: RunningStation):
    with connected(station, "probe-9", password="x", client_id=station.access.client_id) as thief:
        assert thief.refused
    with connected(station) as probe:
        probe.say(signed_batch(batch("probe-1", 1)))
        probe.wait_watermark(1)
    assert "intake_disconnected" not in station.events.names


def test_device_cannot_speak_for_others_nor_hear_them(station: RunningStation):
    with connected(station) as probe, connected(station, "probe-2") as other:
        for name in ("v1/kijani/+/t", "v1/kijani/+/ack", "#", "v1/kijani/probe-2/ack"):
            probe.subscribe(name)
        probe.say(signed_batch(batch("probe-2", 1), device_signer("probe-2")), device="probe-2")
        probe.say(b"forged", "ack", device="probe-2")
        probe.say(b"forged", "ack")
        other.say(signed_batch(batch("probe-2", 5, 6)))
        other.wait_watermark(6)
        probe.say(signed_batch(batch("probe-1", 1)))
        probe.wait_watermark(1)
        assert {name for name, _ in probe.heard} == {f"v1/{SITE}/probe-1/ack"}
        assert b"forged" not in [payload for _, payload in (*probe.heard, *other.heard)]
    assert station.count("samples") == 3
    assert station.count("quarantine") == 0


BAD = {
    Refusal.SIGNATURE: signed_batch(batch("probe-1", 9), device_signer("probe-2")),
    Refusal.OTHER_DEVICE: signed_batch(batch("probe-2", 9), device_signer("probe-1")),
    Refusal.MALFORMED: b'{"not":"canonical"',
    Refusal.OVERSIZED: b"x" * (MESSAGE_BYTES_MAX + 1),
}


def test_bad_messages_are_quarantined_and_the_connection_survives(station: RunningStation):
    with connected(station) as probe:
        for payload in BAD.values():
            probe.say(payload)
            probe.say(payload)
        probe.say(signed_batch(batch("probe-1", 1, 2)))
        probe.wait_watermark(2)
        probe.wait(lambda me: me.published == 2 * len(BAD) + 1)
        assert probe.is_connected
        assert quarantine_totals(station.db) == dict.fromkeys(BAD, 2)
        assert station.count("quarantine") == len(BAD)
        assert station.count("samples") == 2


def test_huge_packet_ends_its_connection_and_nothing_else(station: RunningStation):
    with connected(station) as probe, connected(station, "probe-2") as other:
        probe.say(b"x" * (PACKET_BYTES_MAX + 1))
        eventually(lambda: station.count("sessions", "died_ms IS NOT NULL") == 1)
        other.say(signed_batch(batch("probe-2", 1)))
        other.wait_watermark(1)
    assert station.intake.is_running


def test_ten_times_the_same_is_once(station: RunningStation):
    message = signed_batch(batch("probe-1", 1, 2, 3))
    with connected(station) as probe:
        for _ in range(10):
            probe.say(message)
        eventually(lambda: station.intake.state().known_count == 27)
        assert station.count("samples") == 3
        assert station.count("telemetry_documents") == 1
        probe.wait_watermark(3)


def test_a_thousand_samples_in_any_order_are_complete(station: RunningStation):
    chunks = [batch("probe-1", *range(i, i + 10), oldest=1) for i in range(1, 1_001, 10)]
    random.Random(5).shuffle(chunks)
    with connected(station) as probe:
        for chunk in chunks:
            probe.say(signed_batch(chunk))
        probe.wait_watermark(1_000)
    assert station.count("samples") == 1_000
    assert station.count("gaps") == 0


def test_numbers_that_a_device_gave_up_become_a_gap(station: RunningStation):
    with connected(station) as probe:
        probe.say(signed_batch(batch("probe-1", 1, 2)))
        probe.say(signed_batch(batch("probe-1", 8, 9)))
        probe.wait_watermark(9)
    gaps = station.db.conn.execute("SELECT first_seq, last_seq FROM gaps").fetchall()
    assert gaps == [(3, 7)]


@pytest.mark.parametrize("again", ["birth", "duplicate"])
def test_device_that_missed_its_watermark_is_told_again(station: RunningStation, again: str):
    message = signed_batch(batch("probe-1", 1, 2))
    with connected(station) as probe:
        probe.say(message)
        probe.wait_watermark(2)
    with connected(station) as probe:
        assert probe.watermark == {}
        if again == "birth":
            probe.born()
        else:
            probe.say(message)
        probe.wait_watermark(2)


def test_silent_device_is_recorded_as_dead_until_it_is_born_again(station: RunningStation):
    with connected(station) as probe:
        probe.born()
        eventually(lambda: station.count("sessions", "born_ms IS NOT NULL") == 1)
        probe.vanish()
        eventually(lambda: station.count("sessions", "died_ms IS NOT NULL") == 1)
        probe.wait(lambda me: me.is_connected)
        probe.born()
        eventually(lambda: station.count("sessions", "died_ms IS NULL") == 1)


def test_registry_changes_count_without_a_restart(station: RunningStation):
    put_device(station.db, device("probe-3"))

    def reaches(name: str) -> bool:
        with connected(station, name) as probe:
            return not probe.refused

    eventually(reaches, "probe-3")
    with connected(station, "probe-3") as probe:
        probe.say(signed_batch(batch("probe-3", 1)))
        probe.wait_watermark(1)
        remove_device(station.db, "probe-3")
        probe.say(signed_batch(batch("probe-3", 2)))
        eventually(lambda: not reaches("probe-3"))
    assert station.count("samples") == 1


def test_device_of_another_station_is_a_stranger(station: RunningStation):
    mine = device("probe-3")
    put_device(station.db, Device(mine.device_id, mine.kind, mine.subject_id, "elsewhere-1",
                                  mine.public_key, mine.password_sha256))  # fmt: skip
    with connected(station, "probe-3") as probe:
        assert probe.refused


def test_broker_survives_bytes_that_are_not_mqtt(station: RunningStation):
    address = ("127.0.0.1", station.access.port)
    for noise in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\xff\xff",
        b"\x10\x02\x00",
        b"",
        b"\x00" * 999,
    ):
        # The broker may hang up before all is said.
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=15) as sock:
            sock.sendall(noise)
            sock.shutdown(socket.SHUT_WR)
            assert len(sock.recv(64)) <= 4
    with connected(station) as probe:
        probe.say(signed_batch(batch("probe-1", 1)))
        probe.wait_watermark(1)


def connect_packet(name: str, password: str, keepalive_s: int, will_topic: str) -> bytes:
    def text(value: bytes) -> bytes:
        return len(value).to_bytes(2, "big") + value

    body = text(b"MQTT") + bytes([4, 0b11001110]) + keepalive_s.to_bytes(2, "big")
    body += text(name.encode()) + text(will_topic.encode()) + text(signed_death(name))
    body += text(name.encode()) + text(password.encode())
    length = bytes([len(body) & 0x7F | 0x80, len(body) >> 7])
    return b"\x10" + length + body


def test_half_open_connection_is_dropped_and_its_death_told(station: RunningStation):
    with socket.create_connection(("127.0.0.1", station.access.port), timeout=15) as sock:
        sock.sendall(
            connect_packet("probe-1", device_password("probe-1"), 1, "v1/kijani/probe-1/d")
        )
        assert sock.recv(4) == b"\x20\x02\x00\x00"
        assert sock.recv(4) == b""
    eventually(lambda: station.count("sessions", "died_ms IS NOT NULL") == 1)


def test_will_on_another_devices_topic_is_not_told(station: RunningStation):
    with socket.create_connection(("127.0.0.1", station.access.port), timeout=15) as sock:
        sock.sendall(
            connect_packet("probe-1", device_password("probe-1"), 30, "v1/kijani/probe-2/d")
        )
        assert sock.recv(4) in (b"\x20\x02\x00\x05", b"\x20\x02\x00\x00")
    # Mosquitto lets the client in and keeps its will to itself.
    with connected(station, "probe-2") as other:
        other.say(signed_batch(batch("probe-2", 1)))
        other.wait_watermark(1)
    assert (station.count("sessions"), station.count("quarantine")) == (0, 0)


def test_port_in_use_is_an_error(kind: str, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = settings_for(
            tmp_path, broker=kind, broker_port=taken.getsockname()[1],
            device_passwords_file=secrets_file(tmp_path),
        )  # fmt: skip
        with pytest.raises(BrokerError, match="expected"), running_station(settings):
            pytest.fail("two brokers on one port")


def test_external_broker_is_used_as_it_is(tmp_path: Path, station: RunningStation):
    folder = tmp_path / "second"
    folder.mkdir()
    (folder / "password").write_text("station-secret\n")
    settings = settings_for(
        folder, broker="external", broker_port=station.access.port,
        broker_user=station.access.user, broker_password_file=folder / "password",
        station="kijani-1",
    )  # fmt: skip
    station.intake.stop()
    with running_station(settings, "probe-1") as second, connected(second) as probe:
        probe.say(signed_batch(batch("probe-1", 1)))
        probe.wait_watermark(1)
        assert second.count("samples") == 1


def test_missing_mosquitto_is_named(tmp_path: Path):
    secrets = secrets_file(tmp_path)
    settings = settings_for(
        tmp_path, broker="mosquitto", mosquitto_path="no-such-broker", device_passwords_file=secrets
    )
    with pytest.raises(BrokerError, match="no-such-broker"), running_station(settings):
        pytest.fail("started")


def test_password_of_another_device_does_not_count(tmp_path: Path):
    require("mosquitto")
    path = secrets_file(tmp_path, "probe-2")
    path.write_text(path.read_text().replace("probe-2", "probe-1"))
    database(tmp_path, "probe-1").close()
    settings = settings_for(tmp_path, broker="mosquitto", device_passwords_file=path)
    registry, events = DeviceRegistry(settings.database_path, settings.station), Events()
    broker = MosquittoBroker(settings, registry, "s", events)
    broker.start()
    broker.stop()
    registry.close()
    assert events.names[0] == "device_passwords_missing"
    assert events.facts[0] == {"devices": 1, "first": "probe-1"}
    assert "probe-1" not in (tmp_path / "mosquitto" / "passwords").read_text()
    assert (tmp_path / "mosquitto" / "passwords").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "[]", '{"a": {}}', '{"a": "b"}'])
def test_damaged_password_file_is_named(tmp_path: Path, text: str):
    path = tmp_path / "secret.json"
    path.write_text(text)
    with pytest.raises(SettingError, match="expected"):
        read_passwords(path)


def test_password_line_is_in_mosquittos_format():
    line = password_line("probe-1", "secret")
    user, rest = line.strip().split(":")
    assert user == "probe-1"
    assert rest.startswith("$7$101$")
    assert "secret" not in line
    assert line == password_line("probe-1", "secret") != password_line("probe-2", "secret")


def test_subscriptions_may_change_while_a_message_is_handed_round():
    subscriptions = SteadySubscriptions()
    subscriptions["first"], subscriptions["second"] = [], []
    for name, sessions in subscriptions.items():
        subscriptions[f"{name}-new"] = []
        sessions.append((Session(), 1))
    for name in subscriptions:
        subscriptions[f"{name}-newer"] = []
    assert len(subscriptions) == 8
    assert subscriptions["first"] == []


def test_topic_is_looked_up_among_subscriptions_not_searched():
    subscriptions = SteadySubscriptions()
    for name in ("v1/kijani/probe-1/ack", "v1/kijani/probe-2/ack", "v1/kijani/+/t"):
        subscriptions[name] = []
    assert subscriptions.candidates("v1/kijani/probe-1/ack") == [
        "v1/kijani/probe-1/ack",
        "v1/kijani/+/t",
    ]
    del subscriptions["v1/kijani/+/t"]
    assert subscriptions.candidates("v1/kijani/probe-3/ack") == []


def test_device_that_comes_back_takes_its_half_open_connection_over(station: RunningStation):
    with connected(station) as first:
        first.say(signed_batch(batch("probe-1", 1)))
        first.wait_watermark(1)
        first.fall_silent()
        with connected(station) as second:
            second.say(signed_batch(batch("probe-1", 2)))
            second.wait_watermark(2)
            second.say(signed_batch(batch("probe-1", 3)))
            second.wait_watermark(3)
        assert station.count("samples") == 3


async def dropped_while_its_own_task_is_cancelled() -> None:
    """A connection whose task waits, with much unsent, for its end, as amqtt's handlers do."""
    handlers: list[tuple[asyncio.StreamWriter, asyncio.Task[None]]] = []
    taken = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.append((writer, task))
        writer.write(b"\0" * 50_000_000)  # more than any system's buffers take
        writer.close()
        taken.set()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=15):
        await taken.wait()
        writer, task = handlers[0]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await drop([writer])
        assert writer.transport.is_closing()
        server.close()


def test_connection_that_is_cancelled_as_it_closes_does_not_end_the_broker_by_an_error():
    asyncio.run(dropped_while_its_own_task_is_cancelled())
