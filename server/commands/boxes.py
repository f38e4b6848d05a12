"""``replace-box`` and ``box-gone``: a station goes on with another box."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from server.commands.hands import centre_of, config_option, json_option, read_input, show
from server.commands.officers import officer_of, officer_options, proof_of, proof_options, told
from server.services.boxes import REQUEST_BYTES_MAX, Replacement, declare_box_gone, replace_box

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("replace-box")
@config_option
@click.argument("request", type=_FILE)
@officer_options
@json_option
def replace_box_(
    *, config: Path, request: Path, username: str, password_file: Path | None, as_json: bool
) -> None:
    """Confirm that REQUEST (box-request.json of a restored station) is its box from now on.

    The box before is heard no more. Unless it was handed over, what it may have drawn
    unreported counts as drawn until `box-gone`.
    """
    centre = centre_of(click.get_current_context(), config)
    by = officer_of(centre, username, password_file)
    done = replace_box(centre, read_input(request, REQUEST_BYTES_MAX), by)
    show(encode(done), _replaced(done), as_json=as_json)


def _replaced(done: Replacement) -> str:
    box = done.box
    again = "" if done.new else " (approved before)"
    held = (
        f"{done.held_leases_count} leases are held: they count as drawn until box-gone"
        if done.held_leases_count
        else "it goes on with all its leases"
    )
    return f"{box.station} has box {box.generation} now{again}; {held}."


@click.command("box-gone")
@config_option
@click.argument("name")
@proof_options
@officer_options
@json_option
def box_gone(
    *,
    config: Path,
    name: str,
    proof: Path,
    receipts: Path | None,
    username: str,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Declare that the box before of station NAME is gone; a second officer confirms.

    The receipts are booked into the leases that are held, and what these held unspent is
    released. The old box's own list, from `harvestline-edge retire`, is as good.
    """
    centre = centre_of(click.get_current_context(), config)
    by = officer_of(centre, username, password_file)
    found = declare_box_gone(centre, name, proof_of(proof, receipts), by)
    box = f"The box before of {found.told.station}"
    sentence = told(found, f"{box} is declared gone", f"{box} is gone")
    show(encode(found) | {"confirmed": found.confirmed}, sentence, as_json=as_json)
