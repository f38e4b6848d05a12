"""What the doctor looks at inside a station: its database, keys, broker, backlog, clock."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.lending.clock import Reading, estimate
from core.lending.lease import Clock
from core.units import MS_PER_DAY, MS_PER_HOUR
from edge_node.authority import certificate_end_ms
from edge_node.commands.file_systems import file_system
from edge_node.commands.findings import Finding, Verdict, good, judged
from edge_node.commands.standing import Backlog, backlog, counts
from edge_node.config import LOOPBACK_NAMES, Settings
from edge_node.keys import load_key_file, read_identity
from edge_node.store import box, leases, outbox
from edge_node.store.ballast import Ballast
from edge_node.store.box import BoxState
from edge_node.store.clocks import newest_anchor
from edge_node.store.database import StationDatabase
from edge_node.store.schema import schema_files

BYTES_PER_MIB = 1024 * 1024
CLOCK_ERROR_WARN_MS = MS_PER_HOUR
BACKLOG_WARN_MS = 7 * MS_PER_DAY
BACKLOG_BAD_MS = 40 * MS_PER_DAY  # leases last 45 days
CERTIFICATE_WARN_MS = 25 * MS_PER_DAY  # a running station renews at 30
LEASE_WARN_MS = 10 * MS_PER_DAY
DISK_SPARE_MIB = 256
CONNECT_S = 2.0


@dataclass(frozen=True, slots=True)
class Patient:
    """A station as the doctor sees it: what is set, what is stored, what the clocks say."""

    settings: Settings
    db: StationDatabase
    reading: Reading
    runs: Mapping[str, object]  # where it is reached; empty if it does not run

    def clock(self) -> Clock:
        """What the station takes for the time; looking at it changes nothing."""
        floor_ms = outbox.clock_floor_ms(self.db)
        return Clock(*estimate(self.reading, newest_anchor(self.db), floor_ms), floor_ms)


def inside(patient: Patient) -> Mapping[str, Callable[[], Finding]]:
    """Every look inside a station, by name, in the order in which they are told."""
    return {
        "loss_window": lambda: loss_window(patient),
        "box": lambda: this_box(patient),
        "clock": lambda: clock_of(patient),
        "disk": lambda: disk(patient),
        "ballast": lambda: ballast(patient),
        "schema": lambda: schema(patient),
        "file_system": lambda: file_system(patient.settings.folder),
        "broker": lambda: broker(patient),
        "broker_open": lambda: broker_open(patient),
        "backlog": lambda: waiting(patient),
        "link": lambda: link(patient),
        "keys": lambda: keys(patient),
        "certificates": lambda: certificates(patient),
        "leases": lambda: lending(patient),
        "model": lambda: model(patient),
    }


def loss_window(patient: Patient) -> Finding:
    """What would be lost by a power cut now, and what with the whole box."""
    settings, clock = patient.settings, patient.clock()
    only_here = sum(one.records_count for one in backlog(patient.db, clock) if one.log == "money")
    gateways = settings.adapters_file != Path()
    window = f"{settings.batch_ms_max} ms or {settings.batch_messages_max} messages"
    found = (
        "a power cut loses nothing that was acknowledged; devices with an outbox send the rest "
        f"again; with the box {only_here} money records would go that the centre has not"
    )
    if gateways:
        found += f"; of a gateway that keeps nothing, what came within {window}, and in the broker"
    return judged(
        "loss_window", "0 readings and receipts after their acknowledgement", found,
        [(gateways, Verdict.WARN, "let gateways keep messages until the broker has taken them")],
    )  # fmt: skip


def this_box(patient: Patient) -> Finding:
    """Whether this box is the station's, and what it may not draw on."""
    found, held = box.standing(patient.db), len(box.held_leases(patient.db))
    to_do = {
        BoxState.RESTORED: "let an officer confirm box-request.json (replace-box), then sync",
        BoxState.RETIRED: "this box was handed over: restore its backup elsewhere",
        BoxState.REPLACED: "take it out of use; `retire` writes what the centre has not heard",
    }
    return judged(
        "box", "active", f"{found.state.value}, generation {found.generation}, {held} leases held",
        [
            (not found.may_write, Verdict.BAD, to_do.get(found.state, "")),
            (bool(held), Verdict.WARN, "let two officers declare the box before gone (box-gone)"),
        ],
    )  # fmt: skip


def clock_of(patient: Patient) -> Finding:
    """Whether the time may be used to lend, and how far it may be off."""
    clock, anchor = patient.clock(), newest_anchor(patient.db)
    told = "never compared" if anchor is None else "compared with the centre or by an operator"
    return judged(
        "clock", f"known, off by at most {CLOCK_ERROR_WARN_MS // 60_000} min",
        f"{'known' if clock.known else 'unknown'}, ± {max(0, clock.error_ms) // 1000} s, {told}",
        [
            (not clock.known, Verdict.BAD, "sync with the centre, or `clock --at … --error-s …`"),
            (anchor is None, Verdict.WARN, "sync once, so that the clock is compared"),
            (clock.error_ms > CLOCK_ERROR_WARN_MS, Verdict.WARN, "sync, or fit a battery clock"),
        ],
    )  # fmt: skip


def disk(patient: Patient) -> Finding:
    """Free space, and how near the database is to its bound."""
    settings = patient.settings
    free_mib = shutil.disk_usage(settings.folder).free // BYTES_PER_MIB
    used_mib = settings.database_path.stat().st_size // BYTES_PER_MIB
    need_mib = settings.ballast_mib + DISK_SPARE_MIB
    return judged(
        "disk", f"{need_mib} MiB free, database below {settings.database_mib_max} MiB",
        f"{free_mib} MiB free, database {used_mib} MiB",
        [
            (free_mib < settings.ballast_mib, Verdict.BAD, "free space: readings will stop"),
            (used_mib >= settings.database_mib_max, Verdict.BAD, "raise database_mib_max or sync"),
            (free_mib < need_mib, Verdict.WARN, "free space, or sync so that readings may go"),
            (used_mib * 10 > settings.database_mib_max * 9, Verdict.WARN, "sync soon"),
        ],
    )  # fmt: skip


def ballast(patient: Patient) -> Finding:
    """Whether the reserve of money, consents and checkpoints is there."""
    settings = patient.settings
    there = Ballast(settings.ballast_path, settings.ballast_mib).is_set_aside()
    running = bool(patient.runs)
    return judged(
        "ballast", f"{settings.ballast_mib} MiB set aside for money and checkpoints",
        "set aside" if there else "not set aside",
        [
            (not settings.ballast_mib, Verdict.WARN, "set ballast_mib: a full disk stops all"),
            (not there and running, Verdict.BAD, "free space: only money is written now"),
            (not there, Verdict.WARN, "it is set aside when the station starts"),
        ],
    )  # fmt: skip


def schema(patient: Patient) -> Finding:
    """Whether the database is of this release."""
    wanted = {file.number: file.sha256 for file in schema_files()}
    rows = patient.db.execute("SELECT number, sha256 FROM schema_files").fetchall()
    applied = dict(rows)
    altered = [number for number in applied if wanted.get(number, "") != applied[number]]
    return judged(
        "schema", f"files 1 to {len(wanted)}, unaltered",
        f"files 1 to {max(applied, default=0)}, {len(altered)} unlike this release's",
        [
            (bool(altered), Verdict.BAD, "install the release that the database is of, or newer"),
            (len(applied) < len(wanted), Verdict.WARN, "it is brought up when the station starts"),
        ],
    )  # fmt: skip


def broker(patient: Patient) -> Finding:
    """How the broker is set: nothing may rest on its memory, and nobody listen in."""
    settings = patient.settings
    bare = settings.broker_tls == "off" and settings.broker_host not in LOOPBACK_NAMES
    tls_off = (bare, Verdict.WARN, "set broker_tls: passwords cross the village in the clear")
    if settings.broker == "external":
        return Finding(
            "broker", Verdict.WARN, "QoS 1, persistence on, one login for the station",
            f"external at {settings.broker_host}:{settings.broker_port}; its settings are not ours",
            "look at its queue limits; what it loses the devices send again",
        )  # fmt: skip
    if settings.broker == "amqtt":
        return judged(
            "broker", "QoS 1, nothing rests on the broker",
            f"amqtt in process, QoS 1, no persistence, tls {settings.broker_tls}", [tls_off],
        )  # fmt: skip
    return _mosquitto(settings, tls_off)


def _mosquitto(settings: Settings, tls_off: tuple[bool, Verdict, str]) -> Finding:
    path = settings.folder / "mosquitto" / "mosquitto.conf"
    there = shutil.which(settings.mosquitto_path, path="/usr/sbin:/usr/bin:/usr/local/sbin")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    said = dict(re.findall(r"^(\S+) (.+)$", text, re.MULTILINE))
    inflight, queued = int(said.get("max_inflight_messages", 0)), said.get("max_queued_messages")
    found = (
        f"mosquitto, QoS 1, persistence {said.get('persistence', '?')}, in flight {inflight}, "
        f"queued {queued or '?'}, tls {settings.broker_tls}"
        if said
        else "mosquitto, not configured yet: the station writes it at every start"
    )
    anyone = said.get("allow_anonymous") == "true"
    few = bool(said) and inflight < settings.batch_messages_max
    return judged(
        "broker", f"in flight at least {settings.batch_messages_max}, nobody without a password",
        found,
        [
            (there is None, Verdict.BAD, "install mosquitto, or set broker to amqtt"),
            (anyone, Verdict.BAD, "the file was altered: start the station, it writes it anew"),
            (few, Verdict.BAD, "the file was altered: batches would never fill"),
            tls_off,
        ],
    )  # fmt: skip


def broker_open(patient: Patient) -> Finding:
    """Whether the broker takes connections, while the station runs."""
    where = str(patient.runs.get("broker", ""))
    if not where:
        return good("broker_open", "a connection while the station runs", "the station is stopped")
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        return Finding(
            "broker_open", Verdict.BAD, f"a connection to {where}", type(error).__name__,
            "look at the log: broker_unavailable, storage_blocked, parts_stuck",
        )  # fmt: skip
    return good("broker_open", f"a connection to {where}", "taken")


def waiting(patient: Patient) -> Finding:
    """What the centre has not receipted: how much, how old."""
    found = backlog(patient.db, patient.clock())
    money = next(one for one in found if one.log == "money")
    old_ms = money.age_ms if money.records_count else 0
    return judged(
        "backlog", f"money not older than {BACKLOG_WARN_MS // MS_PER_DAY} days",
        "; ".join(_said(one) for one in found),
        [
            (old_ms > BACKLOG_BAD_MS, Verdict.BAD, "carry a stick now: leases are ending"),
            (old_ms > BACKLOG_WARN_MS, Verdict.WARN, "carry a stick, or look at the link"),
        ],
    )  # fmt: skip


def _said(one: Backlog) -> str:
    if not one.records_count:
        return f"{one.log} 0"
    days = one.age_ms / MS_PER_DAY
    return f"{one.log} {one.records_count} records, {one.size_bytes} bytes, {days:.1f} days"


def link(patient: Patient) -> Finding:
    """When the centre was last reached, and what it or the link said."""
    state, settings = outbox.link_state(patient.db), patient.settings
    away_ms = patient.clock().at_ms - state.reached_at_ms
    days = f"{away_ms / MS_PER_DAY:.1f} days ago" if state.reached_at_ms else "never"
    return judged(
        "link", f"reached within {BACKLOG_WARN_MS // MS_PER_DAY} days",
        f"reached {days}{f', {state.problem[:160]}' if state.problem else ''}",
        [
            (not settings.server_url, Verdict.WARN, "without server_url, carry sticks"),
            (not state.reached_at_ms, Verdict.WARN, "enrol the station, then `sync`"),
            (away_ms > BACKLOG_WARN_MS, Verdict.WARN, "look at the link, or carry a stick"),
        ],
    )  # fmt: skip


def keys(patient: Patient) -> Finding:
    """Whether keys and secrets are there and nobody else's to read."""
    settings = patient.settings
    load_key_file(settings.key_path, settings.station)
    if settings.link_key_path.exists():
        load_key_file(settings.link_key_path, settings.station)
    if settings.server_identity_file != Path():
        read_identity(settings.server_identity_file)
    secrets = [
        settings.database_path, settings.carrier_token_file, settings.device_passwords_file,
        settings.broker_password_file, settings.tls_folder / "ca.key",
        settings.tls_folder / "station.key",
    ]  # fmt: skip
    there = [path for path in secrets if path != Path() and path.is_file()]
    loose = sorted(path.name for path in there if path.stat().st_mode & 0o077)
    return judged(
        "keys", "keys, the centre's identity, secrets with mode 0600",
        f"keys are here; {len(there)} secret files, open to others: {', '.join(loose) or 'none'}",
        [
            (settings.server_identity_file == Path(), Verdict.BAD, "set server_identity_file"),
            (bool(loose), Verdict.BAD, "chmod 600 on them, and think who has read them"),
        ],
    )  # fmt: skip


def certificates(patient: Patient) -> Finding:
    """When the station's certificates end."""
    settings = patient.settings
    if settings.broker_tls == settings.page_tls == "off":
        return good("certificates", "none: nothing is served over TLS", "none")
    now_ms = patient.clock().at_ms
    left = {
        name: certificate_end_ms(settings.tls_folder / name) - now_ms
        for name in ("station.pem", "ca.pem")
    }
    soonest = min(left.values())
    return judged(
        "certificates", f"{CERTIFICATE_WARN_MS // MS_PER_DAY} days left",
        ", ".join(f"{name} {left_ms // MS_PER_DAY} days" for name, left_ms in left.items()),
        [
            (soonest <= 0, Verdict.BAD, "start the station: it makes a new one; look at its clock"),
            (soonest < CERTIFICATE_WARN_MS, Verdict.WARN, "let the station run: it renews itself"),
        ],
    )  # fmt: skip


def lending(patient: Patient) -> Finding:
    """Whether there are leases to draw on, and for how long."""
    now_ms = patient.clock().at_ms
    held = box.held_leases(patient.db)
    found = [b.lease for b in leases.open_leases(patient.db) if b.lease.lease_id not in held]
    longest_ms = max((lease.expires_at_ms - now_ms for lease in found), default=0)
    return judged(
        "leases", "a lease that lasts",
        f"{len(found)} open, the longest for {max(0, longest_ms) // MS_PER_DAY} days more",
        [
            (not found, Verdict.WARN, "sync: nobody can draw here"),
            (longest_ms <= 0, Verdict.BAD, "sync or carry a stick: every lease has ended"),
            (longest_ms < LEASE_WARN_MS, Verdict.WARN, "sync soon: leases are renewed on the link"),
        ],
    )  # fmt: skip


def model(patient: Patient) -> Finding:
    """Whether applications can be decided."""
    current = counts(patient.db, patient.clock()).model
    return judged(
        "model", "a model within its dates", "current" if current else "none, or past its dates",
        [(not current, Verdict.WARN, "sync: without one nobody is decided, a stale one is capped")],
    )  # fmt: skip
