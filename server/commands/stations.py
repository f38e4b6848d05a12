"""``station-destroyed`` and ``roam``: stations that are gone, and lines that go along."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, show
from server.commands.officers import officer_of, officer_options, proof_options, told
from server.services.destruction import Proof, declare_destroyed
from server.services.roaming import roam as let_roam
from server.store.places import Place


@click.command("station-destroyed")
@config_option
@click.argument("name")
@proof_options
@officer_options
@json_option
def station_destroyed(
    *,
    config: Path,
    name: str,
    brought: Proof,
    username: str,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Declare that a station's key is destroyed; a second officer says the same to confirm.

    It cannot be taken back: the key is revoked, nothing is accepted from the station
    again, the receipts are booked, and what its leases held unspent is released.
    """
    centre = centre_of(click.get_current_context(), config)
    by = officer_of(centre, username, password_file)
    found = declare_destroyed(centre, name, brought, by)
    station = found.told.station
    sentence = told(found, f"{station} is declared destroyed", f"{station} is gone for good")
    show(encode(found) | {"confirmed": found.confirmed}, sentence, as_json=as_json)


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
