"""``replace-box`` and ``box-gone``: a station goes on with another box."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from server.commands.hands import centre_of, config_option, json_option, read_input, show
from server.commands.officers import officer_of, officer_options, proof_options, told
from server.services.box_requests import approve, waiting
from server.services.boxes import REQUEST_BYTES_MAX, Replacement, declare_box_gone, replace_box
from server.services.destruction import Proof

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("replace-box")
@config_option
@click.argument("request", type=_FILE, required=False)
@click.option("--link-key", help="In place of REQUEST: the box that asked over the link.")
@officer_options
@json_option
def replace_box_(
    *,
    config: Path,
    request: Path | None,
    link_key: str | None,
    username: str,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Confirm that REQUEST (box-request.json of a restored station) is its box from now on.

    A box with a link sends its request itself: see `box-requests`, let whoever stands at
    the box read out its link key (`harvestline-edge status`), and give that.

    The box before is heard no more. Unless it was handed over, what it may have drawn
    unreported counts as drawn until `box-gone`.
    """
    if (request is None) == (link_key is None):
        raise click.UsageError("expected REQUEST, or --link-key")
    centre = centre_of(click.get_current_context(), config)
    by = officer_of(centre, username, password_file)
    if request is not None:
        done = replace_box(centre, read_input(request, REQUEST_BYTES_MAX), by)
    else:
        done = approve(centre, link_key or "", by)
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


@click.command("box-requests")
@config_option
@json_option
def box_requests(*, config: Path, as_json: bool) -> None:
    """Show the restored boxes that asked over the link and wait for an officer."""
    found = waiting(centre_of(click.get_current_context(), config))
    rows = [
        {
            "station": one.station,
            "link_key": one.key_id,
            "generation": one.generation,
            "handed_over": one.handed_over,
            "came_at_ms": one.came_at_ms,
        }
        for one in found
    ]
    lines = [
        f"{one.station}: a box with the link key {one.key_id}, from a backup of box "
        f"{one.generation}{', handed over' if one.handed_over else ''}"
        for one in found
    ]
    show({"waiting": rows}, "\n".join(lines) or "No box waits.", as_json=as_json)


@click.command("box-gone")
@config_option
@click.argument("name")
@click.option(
    "--box",
    "generation",
    type=click.IntRange(min=1),
    help="Which box before, if leases are held for more than one.",
)
@proof_options
@officer_options
@json_option
def box_gone(
    *,
    config: Path,
    name: str,
    generation: int | None,
    brought: Proof,
    username: str,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Declare that the box before of station NAME is gone; a second officer confirms.

    The receipts are booked into the leases that are held for it, and what these held unspent
    is released; what another box may have drawn stays held. The old box's own list, from
    `harvestline-edge retire`, is as good. If a box before it was handed over to it, bring the
    receipts of both: its leases went along.
    """
    centre = centre_of(click.get_current_context(), config)
    by = officer_of(centre, username, password_file)
    found = declare_box_gone(centre, name, brought, by, generation)
    after = int(found.told.station.rpartition("/")[2])
    box = f"Box {after - 1} of {name}"
    sentence = told(found, f"{box} is declared gone", f"{box} is gone")
    show(encode(found) | {"confirmed": found.confirmed}, sentence, as_json=as_json)
