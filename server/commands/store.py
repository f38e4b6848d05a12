"""``store``: tickets of the weighbridge for grain that lies in a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.shape import encode
from server.commands.hands import centre_of, config_option, json_option, show
from server.commands.officers import Acting, acting
from server.services.centre import RequestError
from server.services.weighing import Sale, Ticket, sentence, weigh
from server.store import store_receipts
from server.store.people import Role
from server.store.store_receipts import Way

_WEIGHERS = (Role.CASHIER, Role.LENDER, Role.SUPERVISOR)


@click.group("store")
def store() -> None:
    """What was brought to a store and taken from it, by the weighbridge's tickets."""


@store.command("weigh")
@acting(*_WEIGHERS)
@click.argument("way", type=click.Choice([way.value for way in Way]))
@click.argument("store_id")
@click.option("--kg", type=click.IntRange(min=1), required=True, help="What was weighed [kg].")
@click.option("--on", required=True, help="The day, such as 2026-11-20.")
@click.option("--ticket", required=True, help="The ticket's number; it counts once.")
@click.option("--source", required=True, help="Who weighed it.")
@click.option(
    "--sold-minor", type=click.IntRange(min=1), help="What it was sold for [minor units]."
)
@click.option("--currency", help="The sale's currency, such as KES.")
@json_option
def weigh_grain(acting: Acting, *, as_json: bool, **told: Any) -> None:
    """Write down that grain came to a store, or left it.

    What leaves lowers the advance at once. With what it was sold for, the product's share
    of that repays the line first.
    """
    sold_minor, currency = told["sold_minor"], told["currency"]
    if (sold_minor is None) != (currency is None):
        raise RequestError("expected --sold-minor and --currency together, got one of them")
    ticket = Ticket(
        told["ticket"], told["store_id"], Way(told["way"]), told["kg"], told["on"], told["source"]
    )
    sale = Sale(sold_minor, currency) if sold_minor is not None else None
    found = weigh(acting.centre, ticket, acting.by, sale)
    show(encode(found), sentence(found), as_json=as_json)


@store.command("show")
@config_option
@click.argument("store_id")
@json_option
@click.pass_context
def show_store(context: click.Context, *, config: Path, store_id: str, as_json: bool) -> None:
    """A store's tickets, oldest first, and what they leave."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        told = store_receipts.of_store(tx, store_id)
    stock_kg = sum(each.change_kg for each in told)
    rows = [
        f"{each.effective_on}  {each.way.value:3}  {each.kg:>10,} kg  {each.receipt_id}, "
        f"{each.source}"
        for each in told
    ]
    result = {"store_id": store_id, "stock_kg": stock_kg, "tickets": [encode(one) for one in told]}
    rows.append(f"{store_id} holds {stock_kg:,} kg by {len(told)} tickets.")
    show(result, "\n".join(rows), as_json=as_json)
