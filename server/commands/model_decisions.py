"""``model decisions``: what a model decided, for people to look at again."""

from __future__ import annotations

from datetime import date

import click

from core.decision.policy import Verdict
from core.shape import encode
from core.units import MS_PER_DAY, civil_date, day_start_ms
from core.wire.personal_data import DataClass, Purpose
from server.commands.hands import json_option, show
from server.commands.officers import Acting, acting
from server.services.centre import RequestError
from server.services.consents.looks import COMMAND, Look, note_list
from server.services.model_life.decided import CARDS_MAX, DecidedCard, decided_by
from server.services.model_life.finding import find_model
from server.services.model_life.telling import percent
from server.store.model_cards import CardsOfModel
from server.store.people import Role

_VERDICTS = click.Choice([each.value for each in Verdict])


@click.command("decisions")
@acting(Role.LENDER, Role.SUPERVISOR)
@click.argument("which", metavar="MODEL")
@click.option("--from", "first", default="2000-01-01", help="The first day; all by default.")
@click.option("--until", "last", default="", help="The last day; today by default.")
@click.option("--verdict", type=_VERDICTS, default=None, help="Only these; all by default.")
@click.option("--parted", is_flag=True, help="Only where the model in use would say otherwise.")
@click.option("--most", type=click.IntRange(1, CARDS_MAX), default=500, show_default=True)
@json_option
def decisions_command(  # noqa: PLR0913 - one parameter an option
    *,
    acting: Acting,
    which: str,
    first: str,
    last: str,
    verdict: str | None,
    parted: bool,
    most: int,
    as_json: bool,
) -> None:
    """What a model decided, the oldest first, and what the model in use would say of it today.

    A halt or a roll-back takes no decision back: this is the list for people to look at again.
    That these farmers stood on it is written down, and told to them. docs/model-life.md.
    """
    centre = acting.centre
    now_ms = centre.now_ms()
    until_ms = day_start_ms(_day("--until", last)) + MS_PER_DAY if last else now_ms + 1
    with centre.store.reading() as tx:
        asked = CardsOfModel(
            find_model(tx, which).sha256, day_start_ms(_day("--from", first)), until_ms,
            verdict or "",
        )  # fmt: skip
        found = decided_by(tx, asked, most)
    cards = [one for one in found.cards if one.parts or not parted]
    look = Look(acting.by, Purpose.SUPERVISION, (DataClass.DECISIONS,), COMMAND, "model decisions")
    note_list(centre, look, {one.farmer_id for one in cards})
    left = found.cards_count - len(found.cards)
    lines = [_line(one) for one in cards] or ["No such decision."]
    lines += [f"{left} more: go on with --from {found.cards[-1].on}."] if left else []
    result = {"cards": [encode(one) for one in cards], "cards_count": found.cards_count}
    show(result, "\n".join(lines), as_json=as_json)


def _line(one: DecidedCard) -> str:
    line = f", line {one.line_id}" if one.line_id else ""
    now = f"; today {one.now}" if one.parts else ""
    return (
        f"{one.on}  {one.verdict:<8}{percent(one.pd_ppm):>8}  {one.card_id}  {one.farmer_id} at "
        f"{one.station}, {one.product_id}{line}{now}"
    )


def _day(name: str, text: str) -> date:
    day = civil_date(text)
    if day is None:
        raise RequestError(f"{name}: expected a day such as 2026-09-15, got {text!r}")
    return day
