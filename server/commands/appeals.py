"""``appeal``: what farmers ask a person to look at, and the answer."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from core.wire.appeals import AppealOutcome
from server.commands.hands import centre_of, config_option, json_option, show
from server.commands.officers import Acting, acting
from server.services.appeals import ANSWERS, Reply, WaitingAppeal, answer, as_row, waiting


@click.group("appeal")
def appeal() -> None:
    """What farmers ask at the kiosk: a person, a complaint, an appeal."""


@appeal.command("list")
@config_option
@json_option
@click.pass_context
def list_(context: click.Context, /, *, config: Path, as_json: bool) -> None:
    """All that nobody has answered, the first due first."""
    found = centre_of(context, config).write(waiting)
    told = "\n".join(_told(one) for one in found)
    show({"waiting": [as_row(one) for one in found]}, told or "Nobody waits.", as_json=as_json)


@appeal.command("answer")
@acting(*ANSWERS)
@click.argument("appeal_id")
@click.option(
    "--outcome", type=click.Choice([each.value for each in AppealOutcome]), required=True,
    help="Of an appeal: stands or changed (supervisors); of anything else: explained.",
)  # fmt: skip
@click.option("--words", required=True, help="What the kiosk shows, in the farmer's language.")
@json_option
def answer_(*, acting: Acting, appeal_id: str, outcome: str, words: str, as_json: bool) -> None:
    """Answer a farmer; the words come to the kiosk where it was asked."""
    kept = answer(acting.centre, appeal_id, Reply(AppealOutcome(outcome), words), acting.by)
    show(encode(kept), f"{appeal_id} is answered.", as_json=as_json)


def _told(one: WaitingAppeal) -> str:
    asked = one.kept.appeal
    late = f", {one.days_late} days late" if one.is_late else ""
    about = f" about {asked.about}" if asked.about else ""
    return (
        f"{asked.appeal_id}  {asked.kind.value}, {asked.topic.value}{about}; {one.farmer_name} "
        f"at {one.kept.station}, in {asked.language}; by {one.kept.answer_by}{late}"
    )
