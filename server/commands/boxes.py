"""``replace-box`` and ``box-gone``: a station goes on with another box."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from server.commands.hands import centre_of, config_option, json_option, read_input, show
from server.commands.stations import PASSWORD_BYTES_MAX
from server.services.boxes import REQUEST_BYTES_MAX, Replacement, declare_box_gone, replace_box
from server.services.centre import Centre
from server.services.destruction import Declared, Proof, officer
from server.store.people import Actor

_FILE = click.Path(path_type=Path, dir_okay=False)
_OFFICER = click.option("--officer", "username", required=True, help="A supervisor's name.")
_PASSWORD = click.option(
    "--password-file", type=_FILE, help="A file with the password; else it is asked."
)


def _officer(centre: Centre, username: str, password_file: Path | None) -> Actor:
    if password_file is not None:
        password = read_input(password_file, PASSWORD_BYTES_MAX).decode("utf-8").strip()
    else:
        password = click.prompt("Password", hide_input=True)
    return officer(centre, username, password)


@click.command("replace-box")
@config_option
@click.argument("request", type=_FILE)
@_OFFICER
@_PASSWORD
@json_option
def replace_box_(
    *, config: Path, request: Path, username: str, password_file: Path | None, as_json: bool
) -> None:
    """Confirm that REQUEST (box-request.json of a restored station) is its box from now on.

    The box before is heard no more. Unless it was handed over, what it may have drawn
    unreported counts as drawn until `box-gone`.
    """
    centre = centre_of(click.get_current_context(), config)
    by = _officer(centre, username, password_file)
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
@click.option("--proof", type=_FILE, required=True, help="Whatever shows it; its hash is kept.")
@click.option("--receipts", type=_FILE, help="JSON list of the drawdowns that people can show.")
@_OFFICER
@_PASSWORD
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
    by = _officer(centre, username, password_file)
    brought = read_input(receipts) if receipts is not None else b"[]"
    found = declare_box_gone(centre, name, Proof(read_input(proof), brought), by)
    show(encode(found) | {"confirmed": found.confirmed}, _gone(found), as_json=as_json)


def _gone(found: Declared) -> str:
    if not found.confirmed:
        return (
            f"The box before of {found.told.station} is declared gone by "
            f"{found.told.declared_by}. Nothing has changed yet: a second officer gives the same "
            "command with the same files."
        )
    flags = "".join(f"\n  look at: {flag}" for flag in found.flags)
    return (
        f"{found.booked_minor} booked from receipts, {found.released_minor} released "
        f"[minor units].{flags}"
    )
