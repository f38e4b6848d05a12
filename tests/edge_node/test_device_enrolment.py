"""Devices invited, enrolled, rotated, held and revoked at the station, over real brokers."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.lending.lease import Clock
from core.shape import decode
from core.wire.envelope import LogClass
from core.wire.records import DeviceAct, DeviceEvent
from core.wire.telemetry import DeviceKind
from edge_node.intake.enrolment import FAILURES_MAX, Enrolled, EnrolmentError, Registrar
from edge_node.keys import StationSigner
from edge_node.store import logs
from edge_node.store.credentials import Standing, put_standing
from edge_node.store.devices import put_device
from edge_node.store.quarantine import Refusal, quarantine_totals
from tests.support.edge_device import EdgeDevice
from tests.support.edge_station import (
    NOW_MS,
    STATION,
    STATION_SIGNER,
    RunningStation,
    batch,
    device,
    device_password,
    device_signer,
    eventually,
    running_station,
    secrets_file,
    settings_for,
    signed_batch,
)
from tests.support.requirements import require

HOUR_MS = 3_600_000
COUNTER = itertools.count()


@pytest.fixture(params=["amqtt", "mosquitto"])
def station(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningStation]:
    if request.param == "mosquitto":
        require("mosquitto")
    secrets = secrets_file(tmp_path, "probe-1", "probe-2")
    settings = settings_for(tmp_path, broker=request.param, device_passwords_file=secrets)
    with running_station(settings, "probe-1") as found:
        with found.db.atomic():
            found.db.conn.execute(
                "INSERT INTO subjects (subject_id, farmer_id, kind, body)"
                " VALUES ('plot-1', 'f-1', 'plot', '{}')"
            )
        yield found


def registrar(station: RunningStation) -> Registrar:
    def entropy(size: int) -> bytes:
        seed = f"{station.settings.folder}/{next(COUNTER)}/{station.clock_ms[0]}"
        return hashlib.shake_256(seed.encode()).digest(size)

    now_ms = station.clock_ms[0]
    return Registrar(station.db, STATION, Clock(now_ms, 1_000, now_ms), entropy)


def is_let_in(station: RunningStation, name: str, password: str | None) -> bool:
    with connected(station, name, password) as probe:
        return not probe.refused


def taken_up(station: RunningStation, name: str, password: str | None, *, let_in: bool) -> None:
    """Wait until the broker knows: Mosquitto reads its files a moment later."""
    eventually(lambda: is_let_in(station, name, password) is let_in)


def enrolled(station: RunningStation, name: str) -> Enrolled:
    hand = registrar(station)
    code = hand.invite(name, DeviceKind.SOIL_PROBE, "plot-1").code
    done = hand.enrol(code, device_signer(name).public_key.hex())
    taken_up(station, name, done.password, let_in=True)
    return done


def connected(station: RunningStation, name: str, password: str | None = None) -> EdgeDevice:
    return EdgeDevice(name, station.access.port, password, station_key=STATION_SIGNER.public_key)


def acts(station: RunningStation) -> list[tuple[str, DeviceAct]]:
    records = logs.read_run(station.db, LogClass.MONEY, 0, 100, 10**6)
    events = [decode(DeviceEvent, one.body) for one in records if one.kind == "device_event"]
    return [(event.device_id, event.act) for event in events]


def test_enrolled_device_speaks_and_the_log_tells(station: RunningStation):
    done = enrolled(station, "probe-9")
    with connected(station, "probe-9", done.password) as probe:
        probe.say(signed_batch(batch("probe-9", 1, 2)))
        probe.wait_watermark(2)
    assert acts(station) == [("probe-9", DeviceAct.INVITED), ("probe-9", DeviceAct.ENROLLED)]
    kept = station.db.conn.execute("SELECT group_concat(body) FROM log_records").fetchone()[0]
    assert done.password not in kept


def test_device_without_a_key_gets_one_that_the_station_does_not_keep(station: RunningStation):
    hand = registrar(station)
    done = hand.enrol(hand.invite("probe-9", DeviceKind.SOIL_PROBE, "plot-1").code)
    taken_up(station, "probe-9", done.password, let_in=True)
    signer = StationSigner(bytes.fromhex(done.key_seed))
    with connected(station, "probe-9", done.password) as probe:
        probe.say(signed_batch(batch("probe-9", 1), signer))
        probe.wait_watermark(1)
    files = station.settings.folder.glob("station.db*")  # with the journal beside it
    kept = b"".join(path.read_bytes() for path in files)
    assert signer.public_key.hex().encode() in kept  # so what is kept is really looked through
    assert done.key_seed.encode() not in kept
    assert bytes.fromhex(done.key_seed) not in kept


def test_code_counts_once_and_a_day_and_guessing_is_bounded(station: RunningStation):
    hand = registrar(station)
    first = hand.invite("probe-9", DeviceKind.SOIL_PROBE, "plot-1").code
    second = hand.invite("probe-9", DeviceKind.SOIL_PROBE, "plot-1").code
    with pytest.raises(EnrolmentError, match="wrong or was used"):
        hand.enrol(first)
    assert hand.enrol(f" {second[:5].lower()}-{second[5:]} ").device_id == "probe-9"
    with pytest.raises(EnrolmentError, match="wrong or was used"):
        hand.enrol(second)
    late = hand.invite("probe-8", DeviceKind.SOIL_PROBE, "plot-1").code
    station.clock_ms[0] += 25 * HOUR_MS
    hand = registrar(station)
    with pytest.raises(EnrolmentError, match="too old"):
        hand.enrol(late)
    for _ in range(FAILURES_MAX - 1):
        with pytest.raises(EnrolmentError, match="wrong"):
            hand.enrol("00000-00000")
    fresh = hand.invite("probe-8", DeviceKind.SOIL_PROBE, "plot-1").code
    with pytest.raises(EnrolmentError, match="too many"):
        hand.enrol(fresh)
    station.clock_ms[0] += HOUR_MS
    assert registrar(station).enrol(fresh).device_id == "probe-8"


@pytest.mark.parametrize("key", ["zz" * 32, "ab" * 31, "ab" * 33])
def test_public_key_that_is_none_is_refused_and_the_code_stays(station: RunningStation, key: str):
    hand = registrar(station)
    code = hand.invite("probe-9", DeviceKind.SOIL_PROBE, "plot-1").code
    with pytest.raises(EnrolmentError, match="public key"):
        hand.enrol(code, key)
    assert hand.enrol(code).device_id == "probe-9"


def test_unknown_subject_and_unknown_device_are_refused(station: RunningStation):
    hand = registrar(station)
    with pytest.raises(EnrolmentError, match="plot, herd or machine"):
        hand.invite("probe-9", DeviceKind.SOIL_PROBE, "plot-99")
    for act in (lambda: hand.revoke("probe-77", "x"), lambda: hand.rotate("probe-77", 0)):
        with pytest.raises(EnrolmentError, match="expected a device or gateway"):
            act()
    with pytest.raises(EnrolmentError, match="reason"):
        hand.revoke("probe-1", "")
    assert acts(station) == []


def test_revocation_ends_a_live_connection_and_stays_although_the_centre_sends_again(
    station: RunningStation,
):
    with connected(station, "probe-1") as probe:
        probe.say(signed_batch(batch("probe-1", 1)))
        probe.wait_watermark(1)
        registrar(station).revoke("probe-1", "stolen")
        probe.wait(lambda me: me.refused)
        assert "uthori" in probe.refused
    put_device(station.db, device("probe-1"))  # as a record on the way down does
    assert not is_let_in(station, "probe-1", None)
    assert station.registry.device("probe-1") is None
    with pytest.raises(EnrolmentError, match="invite and enrol"):
        registrar(station).rotate("probe-1", 0)


def test_revoked_device_that_is_enrolled_again_speaks_under_its_new_password(
    station: RunningStation,
):
    registrar(station).revoke("probe-1", "lost")
    done = enrolled(station, "probe-1")
    with connected(station, "probe-1") as old:
        assert old.refused
    with connected(station, "probe-1", done.password) as probe:
        probe.say(signed_batch(batch("probe-1", 1)))
        probe.wait_watermark(1)


def test_quarantined_device_keeps_its_readings_until_it_is_released(station: RunningStation):
    hand = registrar(station)
    hand.quarantine("probe-1", "disagrees with its neighbours")
    with connected(station, "probe-1") as probe:
        probe.say(signed_batch(batch("probe-1", 1)))
        eventually(lambda: station.intake.state().refused_count == 1)
        assert probe.watermark == {}
        assert station.count("samples") == 0
        hand.release("probe-1")
        probe.say(signed_batch(batch("probe-1", 1)))
        probe.wait_watermark(1)
    assert quarantine_totals(station.db) == {Refusal.HELD: 1}
    with pytest.raises(EnrolmentError, match="nothing to release"):
        hand.release("probe-1")
    assert [act for _, act in acts(station)] == [DeviceAct.QUARANTINED, DeviceAct.RELEASED]


# Mosquitto knows one password for each user: for it, see the next test.
@pytest.mark.parametrize("station", ["amqtt"], indirect=True)
def test_rotated_password_counts_at_once_and_the_old_one_until_the_overlap_ends(
    station: RunningStation,
):
    fresh = registrar(station).rotate("probe-1", HOUR_MS)
    assert is_let_in(station, "probe-1", fresh)
    with connected(station, "probe-1") as old:
        old.say(signed_batch(batch("probe-1", 1)))
        old.wait_watermark(1)
        station.clock_ms[0] += HOUR_MS
        old.wait(lambda me: me.refused)  # its connection ended, and it may not come back
    with connected(station, "probe-1", fresh) as probe:
        probe.say(signed_batch(batch("probe-1", 2)))
        probe.wait_watermark(2)


def test_rotated_password_replaces_the_old_one_at_every_broker_when_there_is_no_overlap(
    station: RunningStation,
):
    fresh = registrar(station).rotate("probe-1", 0)
    taken_up(station, "probe-1", fresh, let_in=True)
    assert not is_let_in(station, "probe-1", None)
    with connected(station, "probe-1", fresh) as probe:
        probe.say(signed_batch(batch("probe-1", 1)))
        probe.wait_watermark(1)


def test_new_password_from_the_centre_replaces_what_was_given_out_here(station: RunningStation):
    fresh = registrar(station).rotate("probe-1", 0)
    given_out = hashlib.sha256(fresh.encode()).hexdigest()
    assert station.registry.password_hashes("probe-1") == (given_out,)
    digest = hashlib.sha256(device_password("probe-2").encode()).hexdigest()
    put_device(station.db, dataclasses.replace(device("probe-1"), password_sha256=digest))
    assert station.registry.password_hashes("probe-1") == (digest,)


def test_standing_of_a_gateway_and_a_device_never_share_a_name(station: RunningStation):
    hand = registrar(station)
    hand.open_gateway("lora-1")
    with pytest.raises(EnrolmentError, match="is a gateway"):
        hand.invite("lora-1", DeviceKind.SOIL_PROBE, "plot-1")
    with pytest.raises(EnrolmentError, match="is a device"):
        hand.open_gateway("probe-1")
    with station.db.atomic():
        put_standing(station.db, "lora-1", Standing.REVOKED, "x", NOW_MS)
    assert not station.registry.is_gateway("lora-1")
