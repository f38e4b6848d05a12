"""``repayment``: what came in and came to nothing after all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.shape import encode
from server.commands.hands import centre_of, config_option, json_option, read_input, show
from server.commands.officers import officer_of, officer_options
from server.commands.payouts import rails_of
from server.commands.words import show_file_told, show_told
from server.services.bouncing import BounceReason, BounceRequest
from server.services.money_words import tell_bounce
from server.services.payouts.credits import left_open, take_credits
from server.store import bounces
from server.store.people import Role


@click.group("repayment")
def repayment() -> None:
    """Repayments: what came in by a bank, and what bounced, undone as of its own day."""


@repayment.command("bounce")
@config_option
@click.argument("repayment_id")
@click.option(
    "--reason", type=click.Choice([each.value for each in BounceReason]), required=True,
    help="Why it came to nothing.",
)  # fmt: skip
@click.option("--reference", required=True, help="Where the word of it is found: a cheque, a code.")
@click.option("--on", "bounced_on", required=True, help="The day it bounced, YYYY-MM-DD.")
@officer_options
@json_option
@click.pass_context
def bounce_(context: click.Context, /, *, config: Path, as_json: bool, **given: Any) -> None:
    """Tell that a repayment came to nothing; another supervisor confirms it.

    Neither of the two may be who took it, under whatever name they log in.
    """
    centre = centre_of(context, config)
    actor = officer_of(centre, given["username"], given["password_file"], (Role.SUPERVISOR,))
    asked = BounceRequest(
        given["repayment_id"], BounceReason(given["reason"]), given["reference"],
        given["bounced_on"],
    )  # fmt: skip
    told = centre.write(lambda work: tell_bounce(work, asked, actor))
    show_told(told, as_json=as_json)


@repayment.command("import")
@config_option
@click.argument("rail")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@officer_options
@json_option
@click.pass_context
def import_(
    context: click.Context, /, *, config: Path, rail: str, file: Path, as_json: bool, **given: Any
) -> None:
    """Book what came in by a rail: a bank's camt.053 or camt.054, or CSV.

    A transfer that names a line's id repays it as of its value day, once; the same file again
    changes nothing. A file that repays more than the rail's `alone_minor_max` within a day waits
    until another officer brings it too. What names no line, several, or cannot be is listed
    and moves nothing.
    CSV has the columns reference, line_id, amount, currency and day.
    """
    centre = centre_of(context, config)
    roles = (Role.LENDER, Role.SUPERVISOR)
    by = officer_of(centre, given["username"], given["password_file"], roles)
    brought = take_credits(centre, rails_of(centre), rail, read_input(file), by)
    if brought.waits is not None:
        show_file_told(brought.waits, as_json=as_json)
        return
    came = brought.came
    told = [
        f"look at: {'/'.join(each.credit.references) or '(no reference)'} of "
        f"{each.credit.amount_minor} {each.credit.currency} on {each.credit.day}: {each.why}"
        for each in left_open(came)
    ]
    new, left = sum(each.is_new for each in came), len(told)
    told.append(f"{len(came)} credits: {new} new repayments, {left} to look at.")
    show({"credits": [encode(each) for each in came]}, "\n".join(told), as_json=as_json)


@repayment.command("bounced")
@config_option
@json_option
@click.pass_context
def bounced_(context: click.Context, /, *, config: Path, as_json: bool) -> None:
    """Every repayment that bounced, by its id."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = tuple(bounces.stream(tx))
    told = "\n".join(
        f"{each.bounced_on}  {each.repayment_id}  {each.amount_minor} on {each.line_id}: "
        f"{each.reason} ({each.reference}), by {each.actor}"
        for each in found
    )
    rows = [encode(each) for each in found]
    show({"bounced": rows}, told or "No repayment bounced.", as_json=as_json)
