"""``import``, ``enroll-station``, ``enroll-satellite`` and ``product``."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import click

from core.errors import ProductError, ShapeError
from core.lending.product import Product, parse_product
from core.shape import encode
from core.units import format_money
from core.wire.registry import IDENTITY_BYTES_MAX, Identity, read_identity
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, read_input, show
from server.keys import write_secret
from server.services import enrolment
from server.services.centre import RequestError
from server.services.publishing.rollout import require_no_updates
from server.store import products

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


@click.group("product")
def product() -> None:
    """Products: what is offered, as data."""


@product.command("add")
@config_option
@click.argument("file", type=_FILE)
@json_option
@click.pass_context
def add(context: click.Context, *, config: Path, file: Path, as_json: bool) -> None:
    """Put a product's TOML file in force; a changed one needs a higher version."""
    found, centre = _product(file), centre_of(context, config)
    require_no_updates(centre, "use updates add-product, stage and promote")
    new = enrolment.add_product(centre, found, OPERATOR)
    result = {"policy_version": found.policy_version(), "new": new}
    show(result, f"{found.policy_version()} is in force.", as_json=as_json)


@product.command("list")
@config_option
@json_option
@click.pass_context
def list_products(context: click.Context, *, config: Path, as_json: bool) -> None:
    """The products in force."""
    with centre_of(context, config).store.reading() as tx:
        found = products.in_force(tx)
    result = {"products": [encode(each) for each in found]}
    lines = [f"{each.policy_version()}  {each.name}, due {each.due_on}" for each in found]
    show(result, "\n".join(lines) or "No product is in force.", as_json=as_json)


@product.command("explain")
@click.argument("file", type=_FILE)
@json_option
def explain(*, file: Path, as_json: bool) -> None:
    """Say in words what a product's file lends, and when."""
    found = _product(file)
    show(encode(found), "\n".join(_sentences(found)), as_json=as_json)


def _sentences(found: Product) -> list[str]:
    credit, money = found.credit, found.currency
    rate, fee, cap = (ppm / 10_000 for ppm in (credit.rate_ppm, credit.fee_ppm, credit.apr_cap_ppm))
    said = [
        f"{found.name} ({found.policy_version()}), due {found.due_on}",
        f"  costs {rate:g} % a year and {fee:g} % of each drawdown; at most {cap:g} % all told",
        f"  lends at most {format_money(credit.limit_max_minor, money)} a line",
    ]
    for stage in found.stages:
        share = stage.released_ppm * found.scale_of_finance_minor_per_ha // 1_000_000
        said.append(
            f"  {stage.stage:<11} {format_money(share, money)} a hectare, and "
            f"{stage.ltv_ppm / 10_000:g} % of the cautious harvest's value"
        )
    if found.herd:
        said.append(
            f"  {format_money(found.herd.scale_minor_per_head, money)} a head, none below "
            f"{found.herd.forage_floor_ppm / 10_000:g} % of normal forage"
        )
    return said


def _product(path: Path) -> Product:
    try:
        return parse_product(tomllib.loads(read_input(path).decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProductError(f"expected a product in TOML at {path}: {error}") from error
