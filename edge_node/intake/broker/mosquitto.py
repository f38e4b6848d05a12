"""Mosquitto as a child of the station: configured, watched, reloaded.

The registry holds SHA-256 hashes of the devices' random passwords, and Mosquitto stores
PBKDF2 hashes, which cannot be made from a hash of another kind. So a lender who chooses
Mosquitto hands the passwords over in a secret file (``{device_id: {"password": …}}``); one
counts only if its hash is the registered one. The files that are generated hold hashes only.

The child is restarted when it ends, and reads its files again when a device changes. What
it loses, the devices send again.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.wire.registry import Device
from edge_node.config import SettingError, Settings
from edge_node.files import PRIVATE, write_whole
from edge_node.intake.broker.access import (
    CONNECTIONS_MAX,
    DEVICE_LEAVES,
    PACKET_BYTES_MAX,
    BrokerAccess,
    BrokerError,
    gateway_topic,
    gateway_topics,
    is_password_among,
    missing,
    password_hash,
    plain_host,
    publish_topics,
    station_user,
)
from edge_node.intake.events import OnEvent
from edge_node.store.devices import DeviceRegistry

if TYPE_CHECKING:
    from edge_node.authority import Authority

START_S_MAX = 10.0
STOP_S_MAX = 5.0
WATCH_S = 0.25  # how soon an ended child or a changed device is noticed
RESTART_S_MIN = 0.2
_STEP_S = 0.02
SECRETS_BYTES_MAX = 8 * 1024 * 1024
QUEUED_BYTES_MAX = 64 * 1024 * 1024

_CONFIGURATION = """\
# Written by the station at every start; changes are lost.
listener {port} {host}
max_connections {connections_max}
user {user}
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
use_username_as_clientid true
allow_zero_length_clientid false
persistence false
retain_available false
max_packet_size {packet_bytes_max}
max_inflight_messages {inflight_max}
max_queued_messages {queued_max}
max_queued_bytes {queued_bytes_max}
log_dest stderr
log_type error
log_type warning
connection_messages false
"""

# Before the plain listener: what stands after belongs to that one, or to all.
_SECURE_LISTENER = """\
listener {port} {host}
max_connections {connections_max}
cafile {authority}
certfile {certificate}
keyfile {key}
tls_version tlsv1.2
require_certificate {required}
use_username_as_clientid true
{revoked}
"""


def password_line(user: str, password: str) -> str:
    """A line of a Mosquitto password file."""
    return f"{user}:{password_hash(user, password)}\n"


def access_rules(
    site: str, user: str, devices: tuple[Device, ...], gateways: tuple[str, ...] = ()
) -> str:
    """The contents of a Mosquitto access control file."""
    lines = [f"user {user}", f"topic write v1/{site}/+/ack"]
    lines += [f"topic read v1/{site}/+/{leaf}" for leaf in DEVICE_LEAVES]
    lines.append(f"topic read {gateway_topic(site, '+', '+')}")
    for gateway in gateways:
        lines.append(f"user {gateway}")
        lines += [f"topic write {name}" for name in gateway_topics(site, gateway)]
    for device in devices:
        lines.append(f"user {device.device_id}")
        lines += [f"topic write {name}" for name in publish_topics(site, device.device_id)]
        lines.append(f"topic read v1/{site}/{device.device_id}/ack")
    return "\n".join(lines) + "\n"


def read_passwords(path: Path) -> Mapping[str, str]:
    """Device id to password, from a secret file.

    Raises
    ------
    SettingError
        If it is not a JSON object of objects with a ``password``, or too large.
    """
    if path == Path():
        return {}
    try:
        if path.stat().st_size > SECRETS_BYTES_MAX:
            raise SettingError(f"expected at most {SECRETS_BYTES_MAX} bytes in {path}")
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(entry["password"]) for name, entry in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingError(
            f'expected {{device_id: {{"password": …}}}} in {path}, got {type(error).__name__}'
        ) from error


class MosquittoBroker:
    """Starts and watches a Mosquitto.

    Parameters
    ----------
    settings
        ``mosquitto_path``, ``device_passwords_file``, ``broker_host``, ``broker_port``.
    registry
        The devices that may connect.
    station_password
        The station's own login.
    on_event
        Told of starts, restarts, reloads and missing passwords.
    authority
        The station's certificates, if ``broker_tls`` asks for them.
    """

    def __init__(
        self,
        settings: Settings,
        registry: DeviceRegistry,
        station_password: str,
        on_event: OnEvent,
        authority: Authority | None = None,
    ) -> None:
        self._settings = settings
        self._authority = authority if settings.broker_tls != "off" else None
        self._tls_port = 0
        self._renewals_count = authority.renewals_count if authority is not None else 0
        self._revoked: tuple[tuple[str, int], ...] = ()
        self._registry = registry
        self._password = station_password
        self._on_event = on_event
        self._user = station_user(settings.station)
        self._folder = (settings.folder / "mosquitto").absolute()
        self._port = settings.broker_port
        self._child: subprocess.Popen[bytes] | None = None
        self._version = -1
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def process_id(self) -> int | None:
        """The child's process id, while there is one."""
        return self._child.pid if self._child is not None else None

    def start(self) -> BrokerAccess:
        """Start the child and wait until it listens."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._port = self._freed_port()
        self._write_accounts()
        self._write_revoked()
        self._write("mosquitto.conf", self._configuration())
        self._launch()
        self._watcher = threading.Thread(target=self._watch, name="mosquitto", daemon=True)
        self._watcher.start()
        self._on_event("broker_started", {"broker": "mosquitto", "port": self._port})
        return BrokerAccess(
            host=plain_host(self._settings),
            port=self._port,
            user=self._user,
            password=self._password,
            client_id=f"{self._settings.station}-intake",
            tls_port=self._tls_port,
        )

    @property
    def is_running(self) -> bool:
        """Whether the child is watched, and so started anew when it ends."""
        return self._watcher is not None and self._watcher.is_alive()

    def stop(self) -> None:
        """Stop the child."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join(STOP_S_MAX + WATCH_S)
        if self._child is not None:
            _end(self._child)
            self._child = None
            (self._folder / "pid").unlink(missing_ok=True)

    def _watch(self) -> None:
        pause_s = RESTART_S_MIN
        while not self._stopping.wait(WATCH_S):
            if self._child is not None and self._child.poll() is not None:
                code = self._child.returncode
                try:
                    self._launch()
                except BrokerError as error:
                    self._on_event("broker_unavailable", {"detail": str(error)})
                    self._stopping.wait(pause_s)
                    pause_s = min(2 * pause_s, float(self._settings.retry_s_max))
                    continue
                pause_s = RESTART_S_MIN
                self._on_event("broker_restarted", {"exit_code": code})
            elif self._registry.version() != self._version or self._is_stale():
                self._write_accounts()
                if self._child is not None:
                    # Mosquitto reads its list of revoked certificates only when it starts.
                    again = signal.SIGTERM if self._write_revoked() else signal.SIGHUP
                    self._child.send_signal(again)
                self._on_event("broker_reloaded", {"devices": len(self._registry.all_devices())})

    def _is_stale(self) -> bool:
        """Whether the station has a newer certificate than Mosquitto has read."""
        found = self._authority.renewals_count if self._authority is not None else 0
        stale, self._renewals_count = found != self._renewals_count, found
        return stale

    def _write_revoked(self) -> bool:
        """Write the revoked certificates; whether they have changed since the last time."""
        if self._authority is None:
            return False
        found = self._registry.revoked_certificates()
        changed = found != self._revoked or not self._authority.revoked_path.exists()
        self._revoked = found
        if changed:
            self._authority.write_revoked(found)
        return changed

    def _launch(self) -> None:
        executable = shutil.which(
            self._settings.mosquitto_path, path=f"{os.environ.get('PATH', '')}:/usr/sbin"
        )
        if executable is None:
            raise BrokerError(
                f"expected Mosquitto as {self._settings.mosquitto_path!r}: install it, or set "
                "broker to amqtt"
            )
        log = self._folder / "mosquitto.log"
        with log.open("wb") as stderr:
            self._child = subprocess.Popen(
                [executable, "-c", str(self._folder / "mosquitto.conf")],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
            )
        self._write("pid", f"{self._child.pid}\n")
        if not self._listens():
            said = log.read_text(encoding="utf-8", errors="replace")[-400:].strip()
            raise BrokerError(f"expected Mosquitto on port {self._port}, it said: {said}")

    def _listens(self) -> bool:
        address = (plain_host(self._settings), self._port)
        waited_s = 0.0
        while self._child is not None and self._child.poll() is None and waited_s < START_S_MAX:
            with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
                return True
            if self._stopping.wait(_STEP_S):
                return False
            waited_s += _STEP_S
        return False

    def _write_accounts(self) -> None:
        """Write who may connect and what they may do, from the registry as it is now."""
        self._version = self._registry.version()
        registry, devices = self._registry, self._registry.all_devices()
        passwords = read_passwords(self._settings.device_passwords_file)
        lines = [password_line(self._user, self._password)]
        known = []
        for device in devices:
            found = self._line_of(device, passwords.get(device.device_id, ""))
            if found:
                lines.append(found)
                known.append(device)
        gateways = registry.all_gateways()
        given = [one for name in gateways for one in registry.credentials_of(name)[:1]]
        lines += [f"{one.user}:{one.mosquitto}\n" for one in given if one.mosquitto]
        self._write("passwords", "".join(lines))
        rules = access_rules(self._settings.site, self._user, tuple(known), gateways)
        self._write("acl", rules)
        without = missing((d.device_id for d in devices), (d.device_id for d in known))
        if without:
            self._on_event(
                "device_passwords_missing", {"devices": len(without), "first": without[0]}
            )

    def _line_of(self, device: Device, handed_over: str) -> str:
        """A device's line of the password file; Mosquitto knows only one for each user."""
        for one in self._registry.credentials_of(device.device_id):
            if one.mosquitto:
                return f"{one.user}:{one.mosquitto}\n"
        hashes = self._registry.password_hashes(device.device_id)
        if not is_password_among(handed_over, hashes):
            return ""
        return password_line(device.device_id, handed_over)

    def _configuration(self) -> str:
        return self._secure_listener() + _CONFIGURATION.format(
            port=self._port,
            host=plain_host(self._settings),
            connections_max=CONNECTIONS_MAX,
            user=pwd.getpwuid(os.geteuid()).pw_name,
            folder=self._folder,
            packet_bytes_max=PACKET_BYTES_MAX,
            inflight_max=min(65_535, max(self._settings.batch_messages_max, 20) * 2),
            queued_max=self._settings.queue_messages_max * 5,
            queued_bytes_max=QUEUED_BYTES_MAX,
        )

    def _secure_listener(self) -> str:
        if self._authority is None:
            return ""
        settings, files = self._settings, self._authority
        self._tls_port = _free_port(settings.broker_host, settings.broker_tls_port)
        mutual = settings.broker_tls == "mutual"
        return _SECURE_LISTENER.format(
            port=self._tls_port,
            host=settings.broker_host,
            connections_max=CONNECTIONS_MAX,
            certificate=files.certificate_path.absolute(),
            key=files.key_path.absolute(),
            authority=files.authority_path.absolute(),
            required="true" if mutual else "false",
            revoked=f"crlfile {files.revoked_path.absolute()}" if mutual else "",
        )

    def _write(self, name: str, text: str) -> None:
        write_whole(self._folder / name, text.encode(), PRIVATE)

    def _freed_port(self) -> int:
        """The port, once no child of a killed station holds it.

        A station may be killed between the fork of its child and the moment at which that one
        is known by its command: it then takes the port after it was looked for.
        """
        waited_s = 0.0
        while True:
            self._end_orphan()
            try:
                return _free_port(plain_host(self._settings), self._settings.broker_port)
            except BrokerError:
                if waited_s >= STOP_S_MAX:
                    raise
            self._stopping.wait(_STEP_S)
            waited_s += _STEP_S

    def _end_orphan(self) -> None:
        """End the child of a station that was killed: it still holds the port.

        The note of its number is not trusted: a station may be killed before it wrote it.
        """
        waited_s = 0.0
        while (orphans := self._children()) and waited_s < STOP_S_MAX:
            for orphan in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            self._stopping.wait(_STEP_S)
            waited_s += _STEP_S

    def _children(self) -> tuple[int, ...]:
        running = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        return tuple(number for number in running if self._is_our_child(number))

    def _is_our_child(self, process_id: int) -> bool:
        """Whether a process runs with the configuration that this station writes."""
        try:
            command = Path(f"/proc/{process_id}/cmdline").read_bytes()
        except OSError:
            return False
        return str(self._folder / "mosquitto.conf").encode() in command.split(b"\0")


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(STOP_S_MAX)


def _free_port(host: str, port: int) -> int:
    """The port if it is free; any free one for 0."""
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise BrokerError(f"expected to listen on {host}:{port}: {error}") from error
