"""``import``, ``enroll-station`` and ``enroll-satellite``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.errors import ShapeError
from core.shape import encode
from core.wire.registry import IDENTITY_BYTES_MAX, Identity, read_identity
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, read_input, show
from server.keys import write_secret
from server.services import enrolment
from server.services.centre import RequestError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("import")
@config_option
@click.option("--registry", "registry_file", type=_FILE, required=True, help="registry.json")
@click.option("--plots", type=_FILE, required=True, help="Polygons as GeoJSON, by plot_id.")
@click.option("--cards-out", type=_FILE, required=True, help="Where new card tokens go (0600).")
@json_option
@click.pass_context
def import_village(
    context: click.Context,
    *,
    config: Path,
    registry_file: Path,
    plots: Path,
    cards_out: Path,
    as_json: bool,
) -> None:
    """Register a village: farmers, plots, herds, devices, and what is known of each.

    Mints a card token for every farmer who has none and writes them to a new file;
    only their hashes are kept here. Importing again renews the rest.
    """
    centre = centre_of(context, config)
    if cards_out.exists():
        raise RequestError(f"{cards_out} exists: tokens are not overwritten; name a new file")
    village = enrolment.parse_registry(read_input(registry_file))
    polygons = enrolment.parse_polygons(read_input(plots))
    found = enrolment.import_village(centre, village, polygons, OPERATOR)
    if found.cards:
        write_secret(cards_out, json.dumps([encode(card) for card in found.cards]).encode())
    result = {key: value for key, value in encode(found).items() if key != "cards"}
    result["cards_count"] = len(found.cards)
    sentence = (
        f"{found.site}: {found.farmers_count} farmers, {found.subjects_count} subjects, "
        f"{found.devices_count} devices; {len(found.cards)} new cards"
    )
    show(result, sentence, as_json=as_json)


@click.command("enroll-station")
@config_option
@click.argument("identity", type=_FILE)
@json_option
@click.pass_context
def enroll_station(context: click.Context, *, config: Path, identity: Path, as_json: bool) -> None:
    """Enrol a base station by its NAME.pub.json, and send it its village."""
    centre = centre_of(context, config)
    found = _identity(identity)
    new = enrolment.enroll_station(centre, found, OPERATOR)
    words = "is enrolled" if new else "was enrolled before"
    show({"name": found.name, "new": new}, f"Station {found.name} {words}.", as_json=as_json)


@click.command("release-station")
@config_option
@click.argument("name")
@json_option
@click.pass_context
def release_station(context: click.Context, *, config: Path, name: str, as_json: bool) -> None:
    """Take from a quarantined station again, after somebody has looked at it."""
    reason = enrolment.release_station(centre_of(context, config), name, OPERATOR)
    result = {"name": name, "was_stopped_for": reason}
    show(result, f"Station {name} is heard again; it was stopped for: {reason}", as_json=as_json)


@click.command("enroll-satellite")
@config_option
@click.argument("identity", type=_FILE)
@json_option
@click.pass_context
def enroll_satellite(
    context: click.Context, *, config: Path, identity: Path, as_json: bool
) -> None:
    """Register a maker of evidence by its NAME.pub.json."""
    centre = centre_of(context, config)
    found = _identity(identity)
    new = enrolment.enroll_satellite(centre, found, OPERATOR)
    words = "is registered" if new else "was registered before"
    show({"name": found.name, "new": new}, f"Satellite {found.name} {words}.", as_json=as_json)


def _identity(path: Path) -> Identity:
    try:
        return read_identity(read_input(path, IDENTITY_BYTES_MAX))
    except ShapeError as error:
        raise RequestError(f"{path}: {error}") from error
