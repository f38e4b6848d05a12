"""What the centre makes of a station's word on its devices."""

from __future__ import annotations

import json
from dataclasses import replace

from core.shape import encode
from core.signing import sign_document
from core.wire.envelope import LogClass
from core.wire.records import DeviceAct, DeviceEvent
from core.wire.registry import Device
from core.wire.telemetry import BATCH, DeviceKind
from server.services.envelopes import accept_envelope
from server.store import registry
from tests.support.centre_kit import STATION, Kit, keys_of
from tests.support.kiosk_kit import flags

KEY = keys_of("probe-9", 41)
PROBE = Device(
    "probe-9", DeviceKind.SOIL_PROBE, "plot-b1", STATION, KEY.identity().public_key, "ab" * 32
)


def say(kit: Kit, event: DeviceEvent | dict) -> None:
    """Let the station write an event, and send what is new."""
    kit.station.write(LogClass.MONEY, "device_event", event, kit.clock.at_ms)
    last = len(kit.station.records[LogClass.MONEY])
    accept_envelope(kit.centre, kit.station.envelope(LogClass.MONEY, last))


def enrolled(device: Device, device_id: str = "") -> DeviceEvent:
    return DeviceEvent(device_id or device.device_id, DeviceAct.ENROLLED, "", device)


def known(kit: Kit, device_id: str = "probe-9") -> Device | None:
    return kit.read(registry.find_device, device_id)


def test_an_enrolled_device_is_registered_and_its_readings_verify(kit: Kit):
    say(kit, enrolled(PROBE))
    assert known(kit) == PROBE
    sample = {"seq": 1, "at_ms": 1, "error_ms": 0, "values": {"soil_moisture_ppm": 200_000}}
    body = {"device": "probe-9", "epoch": "e1", "boot": 1, "oldest": 1, "samples": [sample]}
    document = json.loads(sign_document(BATCH, body, KEY))
    kit.station.write(LogClass.RAW, "telemetry", document, kit.clock.at_ms)
    accept_envelope(kit.centre, kit.station.envelope(LogClass.RAW))
    assert flags(kit) == []


def test_the_same_word_twice_changes_nothing_and_a_new_key_takes_the_place(kit: Kit):
    say(kit, enrolled(PROBE))
    say(kit, enrolled(PROBE))
    assert known(kit) == PROBE
    fresh = replace(PROBE, public_key=keys_of("probe-9", 42).identity().public_key)
    say(kit, enrolled(fresh))
    assert known(kit) == fresh
    assert flags(kit) == []


def test_every_other_act_is_kept_and_registers_nothing(kit: Kit):
    for act in DeviceAct:
        if act is not DeviceAct.ENROLLED:
            say(kit, DeviceEvent("probe-9", act, "odd", PROBE))
        say(kit, DeviceEvent("gateway-1", act, "odd"))
    assert known(kit) is None
    assert known(kit, "gateway-1") is None
    assert flags(kit) == []


WRONG = (
    (enrolled(replace(PROBE, station="st-two")), "was enrolled at st-one"),
    (enrolled(PROBE, "probe-8"), "was enrolled at st-one"),
    (enrolled(replace(PROBE, subject_id="plot-nobody")), "which is not known"),
    (enrolled(replace(PROBE, public_key="no key")), "expected"),
    (enrolled(replace(PROBE, public_key="ab")), "expected"),
)


def test_what_cannot_be_is_flagged_and_registers_nothing(kit: Kit):
    for event, _ in WRONG:
        say(kit, event)
    assert known(kit) is None
    assert known(kit, "probe-8") is None
    found = flags(kit)
    assert len(found) == len(WRONG)
    newest = zip(found, reversed(WRONG), strict=True)
    assert all(says in flag for flag, (_, says) in newest), found


def test_a_station_cannot_take_a_device_of_another(kit: Kit):
    theirs = replace(PROBE, station="st-two")
    kit.centre.write(lambda work: registry.put_device(work.tx, theirs))
    say(kit, enrolled(PROBE))
    assert known(kit) == theirs
    assert flags(kit) == ["device probe-9 is registered at st-two"]


def test_an_act_that_nobody_knows_is_flagged_and_stops_nothing(kit: Kit):
    say(kit, {**encode(enrolled(PROBE)), "act": "teleported"})
    assert known(kit) is None
    assert "teleported" in flags(kit)[0]
    say(kit, enrolled(PROBE))
    assert known(kit) == PROBE
