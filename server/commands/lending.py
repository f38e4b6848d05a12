"""``open-lines``, ``replay``, ``verify`` and ``status``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from core.shape import encode
from core.units import PPM
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, show
from server.services.cards import judge_card
from server.services.origination import asked_for
from server.services.origination import open_lines as open_known_lines
from server.services.status import status as read_status
from server.services.verifying import verify as verify_books
from server.store import products, registry, reports
from server.store.reports import Replay

EXIT_FAULTS = 4
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("open-lines")
@config_option
@click.option("--product", "product_id", required=True)
@click.option(
    "--from-dossiers",
    is_flag=True,
    required=True,
    help="Take farmers whose dossier shows a repaid season.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Share of the eligible farmers to take; always the same ones.",
)
@click.option(
    "--purpose",
    "purposes",
    multiple=True,
    help="What the enrolment forms cover; by default all that its decision and limit rest on.",
)
@json_option
@click.pass_context
def open_lines(
    context: click.Context,
    *,
    config: Path,
    product_id: str,
    from_dossiers: bool,  # noqa: ARG001 - says aloud where the farmers come from
    share: float,
    purposes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Decide for farmers whom the lender knows, and open the lines that are approved."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        given = purposes or asked_for(products.newest(tx, product_id))
    found = open_known_lines(centre, product_id, round(share * PPM), given, OPERATOR)
    opened = [each for each in found if each.line_id]
    result = {"decided": len(found), "opened": len(opened), "lines": [encode(e) for e in found]}
    sentence = f"{len(found)} farmers decided, {len(opened)} lines opened."
    show(result, sentence, as_json=as_json)


@click.command("replay")
@config_option
@click.argument("card_id")
@json_option
@click.pass_context
def replay(context: click.Context, *, config: Path, card_id: str, as_json: bool) -> None:
    """Decide a card again from its inputs; exit code 4 if the bytes differ."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        kept = reports.decision(tx, card_id)
        station = registry.find_station(tx, kept.writer)
        own = centre.keys.identity().public_key
        key = station.public_key if station else own
        outcome, detail = judge_card(tx, kept.document, (key,))
    result = {"card_id": card_id, "replay": outcome.value, "detail": detail}
    same = outcome is Replay.SAME
    words = "leads to the same bytes" if same else f"does not replay: {outcome.value}, {detail}"
    show(result, f"Card {card_id} {words}.", as_json=as_json)
    if not same:
        sys.exit(EXIT_FAULTS)


@click.command("verify")
@config_option
@json_option
@click.pass_context
def verify(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Check the books: ledger, chains, movements, leases, cards; exit code 4 on a fault."""
    found = verify_books(centre_of(context, config))
    lines = [f"{count:>7}  {statement}" for statement, count in found.checked.items()]
    lines += [f"FAULT  {fault.statement}: {fault.where} {fault.detail}" for fault in found.faults]
    result = {**encode(found), "ok": not found.faults}
    show(result, "\n".join([*lines, "All holds." if not found.faults else ""]), as_json=as_json)
    if found.faults:
        sys.exit(EXIT_FAULTS)


@click.command("status")
@config_option
@json_option
@click.pass_context
def status(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Counts, high waters, and what people must look at."""
    found = read_status(centre_of(context, config))
    show(found, json.dumps(found, indent=2, sort_keys=True), as_json=as_json)
