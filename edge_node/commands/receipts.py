"""``verify-receipt``: whether a receipt's square is true, with no link."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.shape import encode
from core.units import format_money
from core.wire.slips import Vouch
from edge_node.commands.hands import Hands, bench
from edge_node.commands.link import CONFIG
from edge_node.decide.receipts import check


@click.command("verify-receipt")
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.argument("code")
@click.pass_obj
def verify_receipt(hands: Hands, config: Path, as_json: bool, code: str) -> None:  # noqa: FBT001
    """Say what a receipt's square says, if a station of this lender signed it.

    CODE is the square's text, which begins HL1:. Needs no link: the centre has vouched for
    the key that signed. Exits with 4 if it was altered, or nobody vouches for its key.
    """
    with bench(hands, config) as station:
        own = Vouch(station.settings.station, station.keys.signer.public_key.hex())
        checked = check(station.db, code, (station.ends.centre.verifier, own))
    if as_json:
        click.echo(json.dumps(encode(checked), ensure_ascii=False))
        return
    slip = checked.slip
    click.echo(
        f"True: {slip.station} on {slip.on}, {slip.kind.value} {slip.id}: "
        f"{format_money(slip.amount_minor, slip.currency)}, to pay back "
        f"{format_money(slip.total_minor, slip.currency)} by {slip.due_on}."
        + (f" Here it is {checked.state}." if checked.state else "")
    )
