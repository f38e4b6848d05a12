"""Foreign devices through real brokers: who may speak for whom, stored once, marked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from core.signing import open_document
from core.wire.registry import Device
from core.wire.telemetry import BATCH, DeviceKind
from edge_node.intake.adapters import Adapters
from edge_node.intake.adapters.mapping import parse_mapping
from edge_node.intake.broker.access import password_hash
from edge_node.keys import KeyRing
from edge_node.store.credentials import Credential, Standing, put_credential, put_gateway
from edge_node.store.credentials import put_standing as stand
from edge_node.store.devices import put_device
from edge_node.store.foreign import unsigned_share_ppm
from edge_node.store.quarantine import Refusal, quarantine_totals
from tests.support.edge_device import EdgeDevice
from tests.support.edge_station import (
    NOW_MS,
    SITE,
    STATION_SIGNER,
    RunningStation,
    batch,
    device,
    eventually,
    running_station,
    secrets_file,
    settings_for,
    signed_batch,
)
from tests.support.requirements import require

ADAPTER = STATION_SIGNER.derived("adapter")
WAIT_S = 60.0
EUI = "0101010101010101"
MAC = "A4:C1:38:8D:18:B2"
MAPPING = [
    {
        "foreign_id": EUI, "format": "chirpstack-up", "device": "soil-7", "gateways": ["lora-1"],
        "metric": [{"from": "moisture", "to": "soil_moisture_ppm", "scale": "10000"}],
    },
    {
        "foreign_id": MAC, "format": "bthome", "device": "shed-1",
        "metric": [{"from": "temperature_c", "to": "air_temperature_mdeg_c", "scale": "1000"}],
    },
    {
        "foreign_id": "gate-1", "format": "ear-tags", "device": "reader-1",
        "metric": [{"from": "animals", "to": "animals_seen_count"}],
    },
    {
        "foreign_id": "urn:dev:mac:0024befffe804ff1", "format": "senml", "device": "soil-8",
        "metric": [{"from": "soil", "to": "soil_temperature_mdeg_c", "scale": "1000"}],
    },
    {
        "foreign_id": "urn:dev:thief", "format": "senml", "device": "probe-1",
        "metric": [{"from": "soil", "to": "soil_moisture_ppm"}],
    },
]  # fmt: skip


def gateway_password(name: str) -> str:
    return hashlib.sha256(f"gateway/{name}".encode()).hexdigest()


def foreign_device(name: str, kind: DeviceKind = DeviceKind.SOIL_PROBE) -> Device:
    return dataclasses.replace(
        device(name, f"subject-of-{name}", kind), public_key=ADAPTER.public_key.hex()
    )


def add_gateway(station: RunningStation, name: str) -> None:
    password = gateway_password(name)
    digest = hashlib.sha256(password.encode()).hexdigest()
    with station.db.atomic():
        put_gateway(station.db, name, NOW_MS)
        given = Credential(name, digest, password_hash(name, password), NOW_MS, None)
        put_credential(station.db, given, NOW_MS)


@pytest.fixture(params=["amqtt", "mosquitto"])
def station(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningStation]:
    if request.param == "mosquitto":
        require("mosquitto")
    secrets = secrets_file(tmp_path, "probe-1")
    settings = settings_for(tmp_path, broker=request.param, device_passwords_file=secrets)
    adapters = Adapters(SITE, parse_mapping(MAPPING, tmp_path), ADAPTER)
    with running_station(settings, "probe-1", adapters=adapters) as found:
        for name in ("soil-7", "soil-8", "shed-1", "reader-1"):
            put_device(found.db, foreign_device(name))
        for name in ("lora-1", "phone-1", "phone-2"):
            add_gateway(found, name)
        version = found.registry.version()
        # Mosquitto reads its files again; the embedded broker asks the registry itself.
        written = getattr(found.broker, "_version", version)
        eventually(lambda: getattr(found.broker, "_version", written) == version)
        yield found


class Gateway:
    """A gateway's own client; ``said`` counts what the broker has confirmed."""

    def __init__(self, name: str, port: int, password: str = "") -> None:
        self.refused = ""
        self.said = 0
        self._changed = threading.Condition()
        self._connected = False
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv311)
        self._client.username_pw_set(name, password or gateway_password(name))
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._name, self._port = name, port

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port, 30)
        self._client.loop_start()
        with self._changed:
            assert self._changed.wait_for(lambda: self._connected or self.refused, WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, kind: str, body: Any, gateway: str = "") -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        topic = f"f1/{SITE}/{gateway or self._name}/{kind}"
        self._client.publish(topic, payload, qos=1)

    def wait_said(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.said >= count, WAIT_S)

    def _on_connect(self, _c: Any, _d: Any, _f: Any, reason: Any, _p: Any) -> None:
        with self._changed:
            self._connected, self.refused = not reason.is_failure, str(reason)
            if self._connected:
                self.refused = ""
            self._changed.notify_all()

    def _on_publish(self, *_: object) -> None:
        with self._changed:
            self.said += 1
            self._changed.notify_all()


def uplink(count: int, moisture: float = 30.74, address: str = "00189440") -> dict[str, Any]:
    return {
        "deviceInfo": {"devEui": EUI.upper()}, "devAddr": address, "fCnt": count,
        "object": {"moisture": moisture},
        "rxInfo": [{"gatewayId": "a", "gwTime": f"2026-05-28T10:15:{count % 60:02d}Z"}],
    }  # fmt: skip


def stored(station: RunningStation, count: int) -> None:
    eventually(lambda: station.intake.state().samples_count >= count)


def rows(station: RunningStation, sql: str) -> list[tuple[Any, ...]]:
    return list(station.db.conn.execute(sql).fetchall())


def test_uplinks_twice_late_and_out_of_order_are_stored_once_and_marked(station: RunningStation):
    with Gateway("lora-1", station.access.port) as lora:
        for count in (5, 3, 5, 4, 3):
            lora.say("chirpstack-up", uplink(count))
        stored(station, 3)
        lora.wait_said(5)
        eventually(lambda: station.intake.state().known_count == 2)
    found = rows(
        station,
        "SELECT metric, value, grade, gateway_id, format, foreign_id FROM readings_by_source",
    )
    assert found == [("soil_moisture_ppm", 307_400, "relayed", "lora-1", "chirpstack-up", EUI)] * 3
    assert quarantine_totals(station.db) == {}
    assert rows(station, "SELECT count(*) FROM gaps") == [(0,)]


def test_same_count_with_other_content_is_a_contradiction_and_after_a_join_is_news(
    station: RunningStation,
):
    with Gateway("lora-1", station.access.port) as lora:
        lora.say("chirpstack-up", uplink(1))
        lora.say("chirpstack-up", uplink(1, moisture=99.0))
        lora.say("chirpstack-up", uplink(1, moisture=20.0, address="00aabbcc"))
        stored(station, 2)
        eventually(lambda: station.intake.state().refused_count == 1)
    assert quarantine_totals(station.db) == {Refusal.CONFLICT: 1}
    found = rows(station, "SELECT value FROM readings ORDER BY value")
    assert found == [(200_000,), (307_400,)]


def test_document_of_a_foreign_reading_is_the_adapters_and_says_where_it_came_from(
    station: RunningStation,
):
    with Gateway("lora-1", station.access.port) as lora:
        lora.say("chirpstack-up", uplink(1))
        stored(station, 1)
    ((raw,),) = rows(station, "SELECT raw FROM telemetry_documents")
    document = open_document(raw, BATCH, KeyRing([ADAPTER.public_key]))
    source = document.body["source"]
    assert (source["gateway"], source["grade"], source["foreign_id"]) == ("lora-1", "relayed", EUI)
    assert document.body["epoch"] == "x-lora-1"
    assert unsigned_share_ppm(station.db, "subject-of-soil-7", 0, 2**50) == 1_000_000
    assert unsigned_share_ppm(station.db, "nobody", 0, 2**50) is None


def test_advert_that_two_phones_relay_is_one_reading(station: RunningStation):
    port = station.access.port
    adverts = [
        {"mac": MAC.lower(), "data": "40000902ca09", "at_ms": NOW_MS - 5_000},
        {"mac": MAC, "data": "40000902CA09", "at_ms": NOW_MS - 3_000},
        {"mac": "11:22:33:44:55:66", "data": "41a472", "at_ms": NOW_MS},  # a neighbour's, sealed
        {"mac": MAC, "data": "40000A02CA09", "at_ms": NOW_MS},
    ]
    with Gateway("phone-1", port) as one, Gateway("phone-2", port) as two:
        one.say("bthome", {"adverts": adverts})
        stored(station, 2)
        two.say("bthome", {"adverts": adverts[:2]})
        eventually(lambda: station.intake.state().known_count == 3)
    assert rows(station, "SELECT value, at_ms FROM telemetry_readings ORDER BY at_ms") == [
        (25_060, NOW_MS - 5_000), (25_060, NOW_MS),
    ]  # fmt: skip


def test_bad_advert_in_a_list_does_not_take_the_others_with_it(station: RunningStation):
    adverts = [
        {"mac": MAC, "data": "4002CA", "at_ms": NOW_MS},  # ends within an object
        {"mac": MAC, "data": "4002CA09", "at_ms": NOW_MS},
    ]
    with Gateway("phone-1", station.access.port) as phone:
        phone.say("bthome", {"adverts": adverts})
        stored(station, 1)
        eventually(lambda: station.intake.state().refused_count == 1)
    assert rows(station, "SELECT value FROM readings") == [(25_060,)]
    assert quarantine_totals(station.db) == {Refusal.MALFORMED: 1}


def test_tags_that_a_reader_saw_are_counted_and_kept(station: RunningStation):
    lines = ["LA 982 000001088420", "276000312312345", "276000312312345", "999123456789012"]
    with Gateway("phone-1", station.access.port) as phone:
        for _ in range(2):
            phone.say("ear-tags", {"reader": "gate-1", "at_ms": NOW_MS, "lines": lines})
        stored(station, 1)
        eventually(lambda: station.intake.state().known_count == 1)
    assert rows(station, "SELECT metric, value FROM readings") == [("animals_seen_count", 2)]
    assert rows(station, "SELECT tag, device_id, at_ms FROM tag_sightings ORDER BY tag") == [
        ("276000312312345", "reader-1", NOW_MS), ("982000001088420", "reader-1", NOW_MS),
    ]  # fmt: skip


def test_reading_without_a_clock_gets_the_stations_and_says_how_far_it_may_be_off(
    station: RunningStation,
):
    pack = [{"bn": "urn:dev:mac:0024befffe804ff1/", "n": "soil", "u": "Cel", "v": 22.5}]
    with Gateway("phone-1", station.access.port) as phone:
        phone.say("senml", pack)
        stored(station, 1)
    found = rows(station, "SELECT value, at_ms, error_ms FROM telemetry_readings")
    assert found == [(22_500, NOW_MS, 300_000)]


def test_nobody_speaks_for_others_through_a_gateway(station: RunningStation):
    port = station.access.port
    thief = [{"bn": "urn:dev:thief/", "n": "soil", "v": 1}]
    stranger = [{"bn": "urn:dev:stranger/", "n": "soil", "v": 1}]
    with Gateway("phone-1", port) as phone, EdgeDevice("probe-1", port) as probe:
        phone.say("senml", thief)  # probe-1 signs for itself
        phone.say("chirpstack-up", uplink(1))  # the mapping lets only lora-1 say this
        phone.say("senml", stranger)  # nobody has mapped it
        phone.say("senml", b"{")
        phone.say("chirpstack-up", uplink(2), gateway="lora-1")  # not its own topic
        phone._client.publish(f"v1/{SITE}/probe-1/t", signed_batch(batch("probe-1", 1)), qos=1)
        probe.publish(f"f1/{SITE}/lora-1/chirpstack-up", json.dumps(uplink(3)).encode())
        probe.say(signed_batch(batch("probe-1", 9)))
        stored(station, 1)
        eventually(lambda: station.intake.state().refused_count == 4)
    assert rows(station, "SELECT device_id, seq FROM telemetry_readings") == [("probe-1", 9)]
    assert quarantine_totals(station.db) == {
        Refusal.OTHER_DEVICE: 2, Refusal.UNKNOWN_DEVICE: 1, Refusal.MALFORMED: 1,
    }  # fmt: skip


def test_gateway_with_a_wrong_password_is_refused(station: RunningStation):
    with Gateway("lora-1", station.access.port, "guess") as lora:
        assert lora.refused


def test_gateway_in_quarantine_is_heard_and_not_believed(station: RunningStation):
    with station.db.atomic():
        stand(station.db, "lora-1", Standing.QUARANTINED, "odd readings", NOW_MS)
    with Gateway("lora-1", station.access.port) as lora:
        lora.say("chirpstack-up", uplink(1))
        eventually(lambda: station.intake.state().refused_count == 1)
        with station.db.atomic():
            stand(station.db, "lora-1", Standing.GOOD, "", NOW_MS)
        lora.say("chirpstack-up", uplink(1))
        stored(station, 1)
    assert quarantine_totals(station.db) == {Refusal.HELD: 1}


def test_foreign_readings_survive_a_kill_because_puback_follows_the_commit(
    station: RunningStation,
):
    """The station's own acknowledgement to the broker comes after the commit: T6, F4."""
    with Gateway("lora-1", station.access.port) as lora:
        station.db.conn.execute("BEGIN IMMEDIATE")  # the committer waits for the lock
        lora.say("chirpstack-up", uplink(1))
        lora.wait_said(1)
        station.intake._link.renew()  # type: ignore[union-attr]  # what is unacknowledged comes again
        station.db.conn.execute("COMMIT")
        stored(station, 1)
    assert station.count("samples") == 1
    assert Decimal(rows(station, "SELECT value FROM readings")[0][0]) == 307_400
