"""Messages that a broker holds for the station before anybody's clock starts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from core.wire.telemetry import Batch, topic
from edge_node.intake.broker.access import BrokerAccess
from tests.support.edge_station import SITE, device_password, sample, signed_batch

DEVICES = tuple(f"probe-{i}" for i in range(1, 11))
IN_FLIGHT_MAX = 20  # of each device: what firmware with little memory does
WAIT_S_MAX = 120.0
METRICS = {"soil_moisture_ppm": 200_000, "soil_temperature_mdeg_c": 21_000, "battery_mv": 3_900}


@dataclass(frozen=True, slots=True)
class Load:
    """Messages of one run: one line each, the topic and the document."""

    path: Path
    messages_count: int
    samples_count: int

    @property
    def readings_count(self) -> int:
        """How many values there are in all."""
        return self.samples_count * len(METRICS)


def written_load(folder: Path, samples_each: int, messages: int) -> Load:
    """Signed batches of all devices, taking turns."""
    path = folder / f"load-{samples_each}-{messages}.txt"
    with path.open("wb") as file:
        for i in range(messages):
            name = DEVICES[i % len(DEVICES)]
            first = i // len(DEVICES) * samples_each + 1
            samples = tuple(sample(first + n, **METRICS) for n in range(samples_each))
            document = signed_batch(Batch(name, "e1", 1, first, samples))
            file.write(f"{name} ".encode() + document + b"\n")
    return Load(path, messages, messages * samples_each)


@contextlib.contextmanager
def publishing(path: Path, port: int) -> Iterator[None]:
    """Send a load, each device over its own connection, until the broker has it all.

    The devices stay connected: amqtt forgets what a device sent that has left.
    """
    clients = {name: _client(name, device_password(name), port) for name in DEVICES}
    sent = []
    for line in path.read_bytes().splitlines():
        name, _, document = line.partition(b" ")
        where = topic(SITE, name.decode(), "t")
        sent.append(clients[name.decode()].publish(where, document, qos=1))
    for info in sent:
        info.wait_for_publish(WAIT_S_MAX)
    try:
        yield
    finally:
        for client in clients.values():
            client.disconnect()
            client.loop_stop()


def _client(user: str, password: str, port: int, client_id: str = "") -> mqtt.Client:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id or user, clean_session=not client_id
    )
    client.username_pw_set(user, password)
    client.max_inflight_messages_set(IN_FLIGHT_MAX)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


@contextlib.contextmanager
def holding(kind: str, access: BrokerAccess, load: Load) -> Iterator[None]:
    """Let the broker hold a load for the station, which is away until the caller is it."""
    away = _client(access.user, access.password, access.port, access.client_id)
    subscribed = threading.Event()
    away.on_subscribe = lambda *_: subscribed.set()
    away.on_connect = lambda client, *_: client.subscribe(f"v1/{SITE}/+/t", qos=1)
    away.subscribe(f"v1/{SITE}/+/t", qos=1)
    assert subscribed.wait(WAIT_S_MAX)
    away.disconnect()
    away.loop_stop()
    with publishing(load.path, access.port) if kind != "amqtt" else _dealt_with(access, load):
        yield


@contextlib.contextmanager
def _dealt_with(access: BrokerAccess, load: Load) -> Iterator[None]:
    with witness(access, load) as seen, publishing(load.path, access.port):
        assert seen.wait(WAIT_S_MAX), "amqtt did not pass on all that it took"
        yield


@contextlib.contextmanager
def witness(access: BrokerAccess, load: Load) -> Iterator[threading.Event]:
    """Somebody else at the broker, who tells when it has dealt with all messages.

    A PUBACK does not say that: amqtt still has them in a queue, and what is there when
    the station subscribes may be lost. Mosquitto names a client after its user and would
    take the witness for the station.
    """
    seen, subscribed, left = threading.Event(), threading.Event(), [load.messages_count]

    def count(_c: mqtt.Client, _d: object, _message: mqtt.MQTTMessage) -> None:
        left[0] -= 1
        if not left[0]:
            seen.set()

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="witness")
    client.username_pw_set(access.user, access.password)
    client.on_message, client.on_subscribe = count, lambda *_: subscribed.set()
    client.on_connect = lambda c, *_: c.subscribe(f"v1/{SITE}/+/t", qos=1)
    client.connect(access.host, access.port)
    client.loop_start()
    assert subscribed.wait(WAIT_S_MAX)
    try:
        yield seen
    finally:
        client.disconnect()
        client.loop_stop()
