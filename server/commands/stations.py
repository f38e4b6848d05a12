"""``station-destroyed`` and ``roam``: stations that are gone, and lines that go along."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, read_input, show
from server.services.destruction import Declared, Proof, declare_destroyed, officer
from server.services.roaming import roam as let_roam
from server.store.places import Place

PASSWORD_BYTES_MAX = 1024
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("station-destroyed")
@config_option
@click.argument("name")
@click.option("--proof", type=_FILE, required=True, help="Whatever shows it; its hash is kept.")
@click.option("--receipts", type=_FILE, help="JSON list of the drawdowns that people can show.")
@click.option("--officer", "username", required=True, help="A supervisor's name.")
@click.option("--password-file", type=_FILE, help="A file with the password; else it is asked.")
@json_option
def station_destroyed(
    *,
    config: Path,
    name: str,
    proof: Path,
    receipts: Path | None,
    username: str,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Declare that a station's key is destroyed; a second officer says the same to confirm.

    It cannot be taken back: the key is revoked, nothing is accepted from the station
    again, the receipts are booked, and what its leases held unspent is released.
    """
    centre = centre_of(click.get_current_context(), config)
    if password_file is not None:
        password = read_input(password_file, PASSWORD_BYTES_MAX).decode("utf-8").strip()
    else:
        password = click.prompt("Password", hide_input=True)
    by = officer(centre, username, password)
    brought = read_input(receipts) if receipts is not None else b"[]"
    found = declare_destroyed(centre, name, Proof(read_input(proof), brought), by)
    show(encode(found) | {"confirmed": found.confirmed}, _sentence(found), as_json=as_json)


def _sentence(found: Declared) -> str:
    if not found.confirmed:
        return (
            f"{found.told.station} is declared destroyed by {found.told.declared_by}. Nothing has "
            "changed yet: a second officer gives the same command with the same files."
        )
    flags = "".join(f"\n  look at: {flag}" for flag in found.flags)
    return (
        f"{found.told.station} is gone for good: {found.booked_minor} booked from receipts, "
        f"{found.released_minor} released [minor units].{flags}"
    )


@click.command("roam")
@config_option
@click.argument("line_id")
@click.option("--station", required=True, help="Where the farmer draws too.")
@click.option("--share-ppm", type=int, required=True, help="Its share of what is leased; 0 ends.")
@json_option
@click.pass_context
def roam(
    context: click.Context,
    *,
    config: Path,
    line_id: str,
    station: str,
    share_ppm: int,
    as_json: bool,
) -> None:
    """Let a line be drawn at another station too, with leases of its own there."""
    centre = centre_of(context, config)
    found = let_roam(centre, line_id, Place(station, share_ppm), OPERATOR)
    told = ", ".join(f"{each.station} {each.share_ppm / 10_000:g} %" for each in found)
    result = {"line_id": line_id, "places": [encode(each) for each in found]}
    show(result, f"Line {line_id} is drawn at {told}.", as_json=as_json)
