"""``devices``: who may speak at this station."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import click

from core.units import MS_PER_HOUR
from core.wire.telemetry import DeviceKind
from edge_node.commands.certificates import authority_of
from edge_node.commands.hands import Bench, Hands, bench
from edge_node.commands.link import CONFIG
from edge_node.config import SettingError
from edge_node.intake.adapters import adapter_signer
from edge_node.intake.enrolment import Registrar
from edge_node.store.credentials import Standing, credentials, gateways, standings
from edge_node.store.devices import devices as registered

_KIND = click.option(
    "--kind", required=True, type=click.Choice([kind.value for kind in DeviceKind])
)
_SUBJECT = click.option("--subject", required=True, help="The plot, herd or machine it measures.")
_NAME = click.argument("name")


def _free(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file that exists before a code is used up or a password ends for it."""
    if path is not None and path.exists():
        raise click.BadParameter(f"expected a new file, {path} exists: name another")
    return path


_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=_free,
    help="Write the secrets to this new file (mode 0600) instead of showing them.",
)
_REASON = click.option("--reason", required=True, help="Why; kept in the station's log.")


@click.group()
def devices() -> None:
    """Invite, enrol, list, rotate, revoke and hold devices and gateways (docs/devices.md)."""


@contextlib.contextmanager
def _registrar(hands: Hands, config: Path) -> Iterator[tuple[Registrar, Bench]]:
    with bench(hands, config) as station:
        name = station.settings.station
        yield Registrar(station.db, name, station.clock(), hands.entropy), station


@devices.command()
@CONFIG
@click.option("--device", required=True, help="The name that the device will have.")
@_KIND
@_SUBJECT
@click.pass_obj
def invite(hands: Hands, config: Path, device: str, kind: str, subject: str) -> None:
    """Make a one-time code for a device; it counts for 24 hours."""
    with _registrar(hands, config) as (registrar, _):
        made = registrar.invite(device, DeviceKind(kind), subject)
        code = f"{made.code[:5]}-{made.code[5:]}"
        _say({"device_id": device, "code": code, "until_ms": made.until_ms})


@devices.command()
@CONFIG
@click.option("--code", required=True, help="The one-time code.")
@click.option("--public-key", default="", help="The device's own Ed25519 key (hexadecimal).")
@_OUT
@click.pass_obj
def enrol(hands: Hands, config: Path, code: str, public_key: str, out: Path | None) -> None:
    """Use up a code: the device's password, and a key if it has none of its own.

    The secrets are shown once and kept nowhere. --out writes them (mode 0600) as the
    devices-secret.json that harvestline-sim and a lender's tools read.
    """
    with _registrar(hands, config) as (registrar, station):
        done = registrar.enrol(code, public_key)
        row = {"device_id": done.device_id, "password": done.password, "key_seed": done.key_seed}
        body: dict[str, object] = {
            "site": station.settings.site,
            "station_key": station.keys.identity.public_key,
            "devices": [{name: value for name, value in row.items() if value}],
        }
        authority = authority_of(station.settings, hands)
        if authority is not None:
            body["authority"] = authority.authority_path.read_text(encoding="ascii")
        if authority is not None and station.settings.broker_tls == "mutual":
            made = registrar.certify(done.device_id, authority, replace=True)
            body |= {"certificate": made.certificate, "certificate_key": made.key}
        _hand_over(body, out)


@devices.command()
@CONFIG
@_NAME
@click.option("--replace", is_flag=True, help="Revoke the certificates that NAME has had.")
@_OUT
@click.pass_obj
def certificate(hands: Hands, config: Path, name: str, replace: bool, out: Path | None) -> None:  # noqa: FBT001
    """Issue a client certificate to NAME, for broker_tls = "mutual"."""
    with _registrar(hands, config) as (registrar, station):
        authority = authority_of(station.settings, hands)
        if authority is None:
            raise SettingError("expected broker_tls server or mutual: no certificate is needed")
        made = registrar.certify(name, authority, replace=replace)
        body: dict[str, object] = {
            "user": name,
            "certificate": made.certificate,
            "certificate_key": made.key,
            "authority": authority.authority_path.read_text(encoding="ascii"),
            "not_after_ms": made.not_after_ms,
        }
        _hand_over(body, out)


@devices.command()
@CONFIG
@click.option("--device", required=True, help="The name that the device will have.")
@_KIND
@_SUBJECT
@click.pass_obj
def adopt(hands: Hands, config: Path, device: str, kind: str, subject: str) -> None:
    """Register a foreign device, for which only gateways speak."""
    with _registrar(hands, config) as (registrar, station):
        made = registrar.adopt(device, DeviceKind(kind), subject, adapter_signer(station.keys))
        _say({"device_id": made.device_id, "public_key": made.public_key, "foreign": True})


@devices.command()
@CONFIG
@_NAME
@_OUT
@click.pass_obj
def gateway(hands: Hands, config: Path, name: str, out: Path | None) -> None:
    """Let the gateway NAME log in and publish on f1/<site>/NAME/<format>."""
    with _registrar(hands, config) as (registrar, _):
        _hand_over({"user": name, "password": registrar.open_gateway(name)}, out)


@devices.command(name="list")
@CONFIG
@click.pass_obj
def list_(hands: Hands, config: Path) -> None:
    """Every device and gateway, one JSON object a line, with its standing."""
    with bench(hands, config) as station:
        adapter = adapter_signer(station.keys).public_key.hex()
        standing, given = standings(station.db), credentials(station.db)
        heard = dict(
            station.db.conn.execute(
                "SELECT device_id, max(received_ms) FROM telemetry_documents"
                " JOIN streams USING (stream_id) GROUP BY device_id"
            ).fetchall()
        )
        for device in registered(station.db):
            name = device.device_id
            row: dict[str, object] = {
                "device_id": name,
                "kind": device.kind.value,
                "subject_id": device.subject_id,
                "station": device.station,
                "standing": standing.get(name, Standing.GOOD).value,
                "foreign": device.public_key == adapter,
                "passwords": len(given.get(name, ())) or 1,
                "heard_ms": heard.get(name, 0),
            }
            _say(row)
        for name in sorted(gateways(station.db)):
            _say({"gateway_id": name, "standing": standing.get(name, Standing.GOOD).value})


@devices.command()
@CONFIG
@_NAME
@click.option(
    "--overlap-hours",
    default=7 * 24,
    type=click.IntRange(0, 90 * 24),
    help="How long the password before it still counts (with amqtt).",
)
@_OUT
@click.pass_obj
def rotate(hands: Hands, config: Path, name: str, overlap_hours: int, out: Path | None) -> None:
    """Give NAME a new password.

    Mosquitto knows one password for each user: there the old one ends at once, and the
    device keeps what it has to say until it has the new one.
    """
    with _registrar(hands, config) as (registrar, _):
        password = registrar.rotate(name, overlap_hours * MS_PER_HOUR)
        _hand_over({"user": name, "password": password}, out)


@devices.command()
@CONFIG
@_NAME
@_REASON
@click.pass_obj
def revoke(hands: Hands, config: Path, name: str, reason: str) -> None:
    """Let NAME speak no more; its connection ends within a second."""
    with _registrar(hands, config) as (registrar, _):
        registrar.revoke(name, reason)
        _say({"name": name, "standing": Standing.REVOKED.value})


@devices.command()
@CONFIG
@_NAME
@_REASON
@click.pass_obj
def quarantine(hands: Hands, config: Path, name: str, reason: str) -> None:
    """Neither store nor acknowledge what NAME says, until it is released."""
    with _registrar(hands, config) as (registrar, _):
        registrar.quarantine(name, reason)
        _say({"name": name, "standing": Standing.QUARANTINED.value})


@devices.command()
@CONFIG
@_NAME
@click.pass_obj
def release(hands: Hands, config: Path, name: str) -> None:
    """End the quarantine of NAME."""
    with _registrar(hands, config) as (registrar, _):
        registrar.release(name)
        _say({"name": name, "standing": Standing.GOOD.value})


def _say(body: dict[str, object]) -> None:
    click.echo(json.dumps(body))


def _hand_over(body: dict[str, object], out: Path | None) -> None:
    """Show secrets once, or write them to a file that only its owner may read."""
    if out is None:
        _say(body)
        return
    out.touch(mode=0o600, exist_ok=False)
    out.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    _say({"written": str(out)})
