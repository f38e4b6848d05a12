"""``cover``: insurances and guarantees behind lines, and what they paid."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from core.units import format_money
from core.wire.personal_data import DataClass, Purpose
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, read_input, show
from server.commands.officers import Acting, acting
from server.services.consents.looks import COMMAND, Look, note_list
from server.services.covering import Payment, end_cover, state_covers, take_payment
from server.store import covers as kept
from server.store.people import Role

_LOOK = Look(OPERATOR, Purpose.SERVICING, (DataClass.MONEY,), COMMAND, "cover show")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("cover")
def cover() -> None:
    """Insurances and guarantees that stand behind lines, and what they paid."""


@cover.command("state")
@acting(Role.LENDER, Role.SUPERVISOR)
@click.argument("file", type=_FILE)
@json_option
def state(*, acting: Acting, file: Path, as_json: bool) -> None:
    """Take an insurer's or a guarantor's word from its file, all of it or nothing."""
    taken = state_covers(acting.centre, read_input(file), acting.by)
    told = [_told(each) for each in taken]
    show({"taken": [encode(each) for each in taken]}, "\n".join(told) or "Nothing new.",
         as_json=as_json)  # fmt: skip


@cover.command("end")
@acting(Role.SUPERVISOR)
@click.argument("cover_id")
@click.option("--reason", required=True, help="Why it ends before its day.")
@json_option
def end(*, acting: Acting, cover_id: str, reason: str, as_json: bool) -> None:
    """End a cover before its day; it falls out of the limit at the next review."""
    ended = end_cover(acting.centre, cover_id, reason, acting.by)
    show(encode(ended), f"Cover {cover_id} has ended: {reason}.", as_json=as_json)


@cover.command("paid")
@acting(Role.CASHIER, Role.SUPERVISOR)
@click.argument("cover_id")
@click.argument("line_id")
@click.argument("amount_minor", type=int)
@click.option("--on", "on", required=True, help="The day the money came, YYYY-MM-DD.")
@click.option("--reference", required=True, help="The payer's reference; it counts once.")
@json_option
def paid(
    *, acting: Acting, cover_id: str, line_id: str, amount_minor: int, on: str, reference: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Book what a cover paid for a line, as a repayment by its party."""
    payment = Payment(cover_id, line_id, amount_minor, on, reference)
    step, is_new = take_payment(acting.centre, payment, acting.by)
    sentence = f"{step.party} repaid {format_money(amount_minor, step.currency)} of {line_id}."
    show({"new": is_new, **encode(step)}, sentence, as_json=as_json)


@cover.command("show")
@click.argument("farmer_id", required=False)
@json_option
@config_option
@click.pass_context
def show_(context: click.Context, *, config: Path, farmer_id: str | None, as_json: bool) -> None:
    """The covers behind a farmer, or all of them, step by step."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        steps = kept.of_farmer(tx, farmer_id) if farmer_id else kept.every(tx)
    note_list(centre, _LOOK, {step.farmer_id for step in steps})
    told = [_told(each) for each in steps]
    show({"steps": [encode(each) for each in steps]}, "\n".join(told) or "No covers.",
         as_json=as_json)  # fmt: skip


def _told(step: kept.CoverStep) -> str:
    amount = format_money(step.sum_minor, step.currency)
    return (
        f"{step.cover_id}  {step.event.value}: {step.kind.value} of {amount} by {step.party} for "
        f"{step.farmer_id}, {step.from_on} to {step.until_on}"
    )
