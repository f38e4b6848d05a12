"""``subsidy``: what regions owe of subsidised interest."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from core.units import format_money
from server.commands.hands import centre_of, config_option, json_option, show
from server.commands.officers import Acting, acting
from server.services.subsidising import Claimed, claim, take_payment, told
from server.store import subsidies
from server.store.people import Role

_CLAIMERS = (Role.LENDER, Role.SUPERVISOR)


@click.group("subsidy")
def subsidy() -> None:
    """Interest that a region pays: claimed line by line, and what came of it."""


@subsidy.command("claim")
@acting(*_CLAIMERS)
@click.argument("region")
@click.option("--currency", required=True, help="Such as INR.")
@click.option("--until", required=True, help="Interest before this day, such as 2026-10-01.")
@json_option
def claim_subsidy(acting: Acting, *, region: str, currency: str, until: str, as_json: bool) -> None:
    """Ask a region for what it subsidised of its lines and was not asked for before."""
    found = claim(acting.centre, region, currency, until, acting.by)
    show(encode(found), _sentence(found), as_json=as_json)


@subsidy.command("paid")
@acting(Role.CASHIER, *_CLAIMERS)
@click.argument("claim_id")
@click.option("--payment", required=True, help="The payment's number; it counts once.")
@click.option("--amount-minor", type=click.IntRange(min=1), required=True, help="[minor units]")
@click.option("--on", required=True, help="The day of the money, such as 2026-11-20.")
@json_option
def subsidy_paid(
    acting: Acting, *, claim_id: str, payment: str, amount_minor: int, on: str, as_json: bool
) -> None:
    """Take what a region paid of a claim; it repays the claim's lines by their shares."""
    taken, new = take_payment(acting.centre, payment, claim_id, (amount_minor, on), acting.by)
    words = "was taken" if new else "was taken before"
    show(
        {**encode(taken), "new": new},
        f"Payment {payment} of claim {claim_id} {words}.",
        as_json=as_json,
    )


@subsidy.command("list")
@config_option
@json_option
@click.pass_context
def list_subsidies(context: click.Context, *, config: Path, as_json: bool) -> None:
    """All claims, with what is open of each."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = [told(tx, each.claim_id) for each in subsidies.every_claim(tx)]
    rows = [_sentence(each) for each in found]
    result = {"claims": [encode(each) for each in found]}
    show(result, "\n".join(rows) or "Nothing was claimed.", as_json=as_json)


def _sentence(found: Claimed) -> str:
    made = found.claim
    total = format_money(made.total_minor, made.currency)
    left = format_money(made.total_minor - found.paid_minor, made.currency)
    return (
        f"{made.claim_id}: {total} of {made.region} for interest before {made.until_on} on "
        f"{len(found.lines)} lines; {left} of it is open."
    )
