"""``tablets``: agents' tablets at this station."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from edge_node.commands.hands import Bench, Hands, bench
from edge_node.commands.link import CONFIG
from edge_node.commands.watching import read_runtime
from edge_node.config import Settings
from edge_node.decide.subleases import GRACE_MS, release_lost
from edge_node.decide.tablets import LEASE_DAYS, LEASE_DAYS_MAX, TabletDoor
from edge_node.store import subleases
from edge_node.store import tablets as store

E7 = 10_000_000


@click.group()
def tablets() -> None:
    """Invite, list and turn out agents' tablets, and end lost ones (docs/tablet.md)."""


def _door(hands: Hands, station: Bench) -> TabletDoor:
    return TabletDoor(station.db, station.settings.station, station.clock(), hands.entropy)


@tablets.command()
@CONFIG
@click.option("--tablet", required=True, help="The name that the tablet will have.")
@click.option("--agent", required=True, help="The agent's id.")
@click.option("--name", required=True, help="The agent's name, as it stands on the tablet.")
@click.option(
    "--area", type=float, nargs=4, help="West, south, east, north in degrees; all without it."
)
@click.option(
    "--lease-days", type=click.IntRange(1, LEASE_DAYS_MAX), default=LEASE_DAYS, show_default=True,
    help="So long the tablet may be out of contact before it wipes what it can read.",
)  # fmt: skip
@click.pass_obj
def invite(
    hands: Hands,
    config: Path,
    tablet: str,
    agent: str,
    name: str,
    area: tuple[float, ...],
    lease_days: int,
) -> None:
    """Make a one-time code for an agent's tablet; it counts for 24 hours.

    Open qr_page on the station's own screen and let the tablet's camera read it, or type
    the code at /tablet/.
    """
    with bench(hands, config) as station:
        page = _address(station.settings)
        area_e7 = tuple(round(one * E7) for one in area or () if math.isfinite(one))
        if len(area_e7) != len(area or ()):
            raise click.BadParameter("expected four numbers of degrees", param_hint="--area")
        code, until_ms = _door(hands, station).invite(tablet, (agent, name), area_e7, lease_days)
        enrol_at = f"{page}#enrol={code}&key={station.keys.signer.key_id}"
        told = {"tablet_id": tablet, "code": "-".join(code[n : n + 4] for n in range(0, 16, 4)),
                "until_ms": until_ms, "enrol_at": enrol_at,
                "qr_page": f"{page}invite.html#{enrol_at}"}  # fmt: skip
        click.echo(json.dumps(told))


@tablets.command("list")
@CONFIG
@click.pass_obj
def list_(hands: Hands, config: Path) -> None:
    """Every tablet: agent, end of its lease, how many operations it brought; JSON lines."""
    with bench(hands, config) as station:
        for one in store.tablets(station.db):
            told = {"tablet_id": one.tablet_id, "agent_id": one.agent_id,
                    "lease_until_ms": one.lease_until_ms, "revoked": one.revoked,
                    "operations_count": store.tail(station.db, one.public_key).seq,
                    "held_minor": sum(
                        each.left_minor for each in subleases.open_of_tablet(
                            station.db, one.tablet_id
                        )
                    )}  # fmt: skip
            click.echo(json.dumps(told))


@tablets.command()
@CONFIG
@click.argument("tablet")
@click.option("--reason", required=True, help="Why; kept in the station's log.")
@click.pass_obj
def revoke(hands: Hands, config: Path, tablet: str, reason: str) -> None:
    """Turn a tablet out: at its next contact it wipes what it can read."""
    with bench(hands, config) as station:
        _door(hands, station).revoke(tablet, reason)
        click.echo(json.dumps({"tablet_id": tablet, "revoked": True}))


@tablets.command()
@CONFIG
@click.argument("tablet")
@click.option("--reason", required=True, help="What happened; kept in the station's log.")
@click.pass_obj
def lost(hands: Hands, config: Path, tablet: str, reason: str) -> None:
    """Turn a lost tablet out, and use again the money that it held, once that ran out.

    What still waits stays set aside; run it again after waits_until_ms. Ask the tablet's
    farmers for receipts first: a draw that the tablet never handed in is money that the
    books do not know.
    """
    with bench(hands, config) as station:
        found = store.tablet(station.db, tablet)
        if found is not None and not found.revoked:
            _door(hands, station).revoke(tablet, reason)
        desk, clock = station.ends.desk, station.clock()
        over, waits = release_lost(station.db, desk, tablet, reason, clock)
        told = {"tablet_id": tablet, "released": [one.lease.sublease_id for one in over],
                "released_minor": sum(one.left_minor for one in over),
                "waits": [one.lease.sublease_id for one in waits],
                "waits_until_ms": max(
                    (one.lease.expires_at_ms + GRACE_MS for one in waits), default=0
                )}  # fmt: skip
        click.echo(json.dumps(told))


def _address(settings: Settings) -> str:
    """Where a tablet reaches the station's page: its first name in the certificate."""
    scheme = "http" if settings.page_tls == "off" else "https"
    host = next((one.strip() for one in settings.tls_names.split(",") if one.strip()), "")
    return f"{scheme}://{host or settings.page_host}:{_port(settings)}/tablet/"


def _port(settings: Settings) -> int:
    """The port as it is set, or else as the station that runs got it from the system."""
    if settings.page_port:
        return settings.page_port
    running = str(read_runtime(settings.folder).get("page", "")).rpartition(":")[2]
    if not running.isdecimal():
        raise click.UsageError(
            "expected to know the port of the station's page, got page_port = 0 (any that is free) "
            "and no station that runs here; start it (harvestline-edge run) and invite again "
            "while it runs, or set page_port in the station's settings"
        )
    return int(running)
