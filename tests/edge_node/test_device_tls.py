"""TLS with the station's own authority: real paho clients, real handshakes, both brokers."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import ssl
import stat
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from paho.mqtt.enums import CallbackAPIVersion

from core.units import MS_PER_DAY
from edge_node.authority import STATION_DAYS, Authority, AuthorityError, Issued
from edge_node.config import SettingError, Settings, load_settings
from edge_node.intake import Intake, make_broker
from edge_node.intake.broker.access import Broker, BrokerAccess
from edge_node.store.credentials import put_certificate, revoke_certificates
from edge_node.store.database import StationDatabase
from edge_node.store.devices import DeviceRegistry
from tests.support.edge_station import (
    STATION,
    STATION_SIGNER,
    Events,
    batch,
    database,
    device_password,
    eventually,
    secrets_file,
    settings_for,
    signed_batch,
)
from tests.support.requirements import require

WAIT_S = 60.0


def wall_ms() -> int:
    """OpenSSL judges by the machine's clock, so these tests do too."""
    return time.time_ns() // 1_000_000


def authority(folder: Path, now_ms: Any = wall_ms, names: tuple[str, ...] = ()) -> Authority:
    return Authority(folder, STATION, names, now_ms, os.urandom)


class SecureStation:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.authority = authority(settings.tls_folder)
        self.db: StationDatabase = database(settings.folder, "probe-1", "probe-2")
        self.registry = DeviceRegistry(settings.database_path, STATION, wall_ms)
        self.events = Events()
        self.broker: Broker = make_broker(
            settings, self.registry, "station-secret", self.events, self.authority
        )
        self.access: BrokerAccess
        self.intake = Intake(
            settings, settings.database_path, self.registry, STATION_SIGNER, wall_ms, self.events
        )

    def start(self) -> None:
        self.access = self.broker.start()
        self.intake.start(self.access)
        assert self.intake.wait_connected(WAIT_S)

    def stop(self) -> None:
        self.intake.stop()
        self.broker.stop()
        self.registry.close()
        self.db.close()

    def issue(self, name: str, days: int = 30) -> Issued:
        made = self.authority.issue(name, days)
        with self.db.atomic():
            put_certificate(self.db, made.serial, name, made.not_after_ms, wall_ms())
        return made


@contextlib.contextmanager
def secure(kind: str, mode: str, folder: Path) -> Iterator[SecureStation]:
    if kind == "mosquitto":
        require("mosquitto")
    secrets = secrets_file(folder, "probe-1", "probe-2")
    settings = settings_for(
        folder, broker=kind, broker_tls=mode, broker_tls_port=0, device_passwords_file=secrets
    )
    station = SecureStation(settings)
    station.start()
    try:
        yield station
    finally:
        station.stop()


COUNTER = itertools.count()


def attempt(
    station: SecureStation, name: str, ca: Path, shown: Issued | None = None, say: bytes = b""
) -> str:
    """What a real client meets: ``ok``, ``no: …`` from the broker, or the failure of TLS."""
    outcome: queue.Queue[str] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv311)
    client.username_pw_set(name, device_password(name))
    context = ssl.create_default_context(cafile=str(ca))
    if shown is not None:
        path = station.settings.folder / f"client-{next(COUNTER)}.pem"
        path.write_text(shown.certificate + shown.key, encoding="ascii")
        context.load_cert_chain(path)
    client.tls_set_context(context)

    def on_connect(_c: Any, _d: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            outcome.put(f"no: {reason}")
        elif say:
            client.publish(f"v1/kijani/{name}/t", say, qos=1)
        else:
            outcome.put("ok")

    client.on_connect = on_connect
    client.on_publish = lambda *_: outcome.put("ok")
    client.on_disconnect = lambda _c, _d, _f, reason, _p: outcome.put(f"cut: {reason}")
    with warnings.catch_warnings():
        # paho leaves the socket of a failed handshake to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client.connect("127.0.0.1", station.access.tls_port, 30)
        except ssl.SSLError as error:
            return f"tls: {error}"
    client.loop_start()
    try:
        return outcome.get(timeout=WAIT_S)
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture(params=["amqtt", "mosquitto"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_device_speaks_over_tls_and_a_wrong_authority_is_refused_by_the_device(
    kind: str, tmp_path: Path
):
    with secure(kind, "server", tmp_path) as station:
        ca = station.authority.authority_path
        said = signed_batch(batch("probe-1", 1, 2))
        assert attempt(station, "probe-1", ca, say=said) == "ok"
        eventually(lambda: station.intake.state().samples_count == 2)
        other = authority(tmp_path / "other")
        assert "CERTIFICATE_VERIFY_FAILED" in attempt(station, "probe-1", other.authority_path)
        assert station.access.host == "127.0.0.1"


def test_client_certificate_is_demanded_and_must_be_ours_and_valid(kind: str, tmp_path: Path):
    with secure(kind, "mutual", tmp_path) as station:
        ca = station.authority.authority_path
        assert attempt(station, "probe-1", ca, station.issue("probe-1")) == "ok"
        assert attempt(station, "probe-1", ca) != "ok"
        stranger = authority(tmp_path / "other").issue("probe-1")
        assert attempt(station, "probe-1", ca, stranger) != "ok"
        past = authority(station.settings.tls_folder, lambda: wall_ms() - 40 * MS_PER_DAY)
        assert attempt(station, "probe-1", ca, past.issue("probe-1", 30)) != "ok"
        if kind == "amqtt":
            reasons = [str(f["reason"]) for f in station.events.facts if "reason" in f]
            assert "peer did not return a certificate" in reasons
            assert "certificate has expired" in reasons
            assert any("issuer" in r or "signature" in r for r in reasons), reasons


def test_revoked_certificate_is_refused_by_name_while_another_goes_on(kind: str, tmp_path: Path):
    with secure(kind, "mutual", tmp_path) as station:
        ca = station.authority.authority_path
        first, other = station.issue("probe-1"), station.issue("probe-2")
        assert attempt(station, "probe-1", ca, first) == "ok"
        with station.db.atomic():
            assert revoke_certificates(station.db, "probe-1", wall_ms()) == 1
        eventually(lambda: _attempt_or_down(station, "probe-1", ca, first) not in ("ok", "down"))
        eventually(lambda: _attempt_or_down(station, "probe-2", ca, other) == "ok")
        if kind == "amqtt":
            reasons = [f["reason"] for f in station.events.facts if "reason" in f]
            assert "certificate revoked" in reasons


def _attempt_or_down(station: SecureStation, name: str, ca: Path, shown: Issued) -> str:
    """Mosquitto starts again to read its list of revoked certificates."""
    with warnings.catch_warnings():
        # A handshake that is cut off leaves its socket to the collector, as in `attempt`.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return attempt(station, name, ca, shown)
        except OSError:
            return "down"


def test_certificate_of_another_device_does_not_open_the_door(tmp_path: Path):
    with secure("amqtt", "mutual", tmp_path) as station:
        ca = station.authority.authority_path
        assert attempt(station, "probe-1", ca, station.issue("probe-2")).startswith("no: ")


def test_plain_talk_at_the_secure_door_is_told_and_does_no_harm(tmp_path: Path):
    with secure("amqtt", "server", tmp_path) as station:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, "probe-1")
        client.connect("127.0.0.1", station.access.tls_port, 30)
        client.loop_start()
        eventually(lambda: "tls_refused" in station.events.names)
        client.loop_stop()
        assert attempt(station, "probe-1", station.authority.authority_path) == "ok"


def test_renewed_certificate_is_shown_without_a_restart(kind: str, tmp_path: Path):
    with secure(kind, "server", tmp_path) as station:
        before = ssl.get_server_certificate(("127.0.0.1", station.access.tls_port))
        station.authority.certificate_path.unlink()
        assert station.authority.renew()

        def shown() -> str:
            return ssl.get_server_certificate(("127.0.0.1", station.access.tls_port))

        eventually(lambda: shown() != before)
        assert attempt(station, "probe-1", station.authority.authority_path) == "ok"


def test_authority_is_made_once_and_the_station_certificate_is_renewed_before_it_ends(
    tmp_path: Path,
):
    now = [wall_ms()]
    made = authority(tmp_path, lambda: now[0])
    ca, first = made.authority_path.read_bytes(), made.certificate_path.read_bytes()
    again = authority(tmp_path, lambda: now[0])
    assert (again.authority_path.read_bytes(), again.certificate_path.read_bytes()) == (ca, first)
    now[0] += (STATION_DAYS - 31) * MS_PER_DAY
    assert not again.renew()
    now[0] += 2 * MS_PER_DAY
    assert again.renew()
    assert again.certificate_path.read_bytes() != first
    assert authority(tmp_path, lambda: now[0], ("kijani.local",)).renewals_count == 1
    found = x509.load_pem_x509_certificate((tmp_path / "station.pem").read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kijani.local" in names.get_values_for_type(x509.DNSName)
    for name in ("ca.key", "station.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_certificate_is_not_made_by_a_clock_of_1970(tmp_path: Path):
    with pytest.raises(AuthorityError, match="clock"):
        authority(tmp_path, lambda: 1_000)
    assert authority(tmp_path).authority_path.exists()


def test_spoiled_authority_is_told_by_name(tmp_path: Path):
    made = authority(tmp_path)
    (tmp_path / "ca.key").write_text("spoiled", encoding="ascii")
    with pytest.raises(AuthorityError, match="authority in"):
        authority(tmp_path)
    assert made.authority_path.exists()


@pytest.mark.parametrize("name", ["BROKER_TLS", "PAGE_TLS"])
def test_tls_mode_that_does_not_exist_is_refused(name: str):
    with pytest.raises(SettingError, match="broker_tls"):
        load_settings(None, {f"HARVESTLINE_EDGE_{name}": "sometimes"})
