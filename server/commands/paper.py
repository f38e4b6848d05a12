"""``paper``: invoices and settlements that move a limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.shape import encode
from core.units import format_money
from server.commands.hands import centre_of, config_option, json_option, show
from server.commands.officers import Acting, acting
from server.services.paperwork import Filed, Sheet, file_paper
from server.store import papers
from server.store.papers import PaperKind
from server.store.people import Role

_FILERS = (Role.CASHIER, Role.LENDER, Role.SUPERVISOR)


@click.group("paper")
def paper() -> None:
    """Invoices of feed and of investments, and slaughterhouses' settlements."""


@paper.command("add")
@acting(*_FILERS)
@click.argument("kind", type=click.Choice([kind.value for kind in PaperKind]))
@click.argument("subject_id")
@click.option("--amount-minor", type=click.IntRange(min=1), required=True, help="[minor units]")
@click.option("--currency", required=True, help="Such as KES.")
@click.option("--heads", type=click.IntRange(min=0), default=0, help="Animals of a settlement.")
@click.option("--on", required=True, help="The paper's day, such as 2026-11-20.")
@click.option("--number", required=True, help="The paper's number; it counts once.")
@click.option("--source", required=True, help="Who wrote it.")
@click.option("--voids", default="", help="The number of a paper that this one takes back.")
@json_option
def add_paper(acting: Acting, *, as_json: bool, **told: Any) -> None:
    """Write down an invoice or a settlement, and look at the line again.

    Feed carries animals that the pasture does not, as far as the product says; of a
    settlement the animals are gone at once, and the product's share repays the line.
    """
    sheet = Sheet(
        told["number"],
        told["subject_id"],
        PaperKind(told["kind"]),
        told["amount_minor"],
        told["currency"],
        told["on"],
        told["source"],
        told["heads"],
        told["voids"],
    )
    found = file_paper(acting.centre, sheet, acting.by)
    show(encode(found), _sentence(found), as_json=as_json)


def _sentence(found: Filed) -> str:
    paper = found.paper
    money = format_money(paper.amount_minor, paper.currency)
    if paper.voids:
        return f"{paper.voids} of {paper.source} is taken back by {paper.paper_id}."
    told = f"{paper.paper_id} of {paper.source}: {paper.kind.value}, {money}"
    if found.repayment is None:
        return f"{told}."
    paid = format_money(found.repayment.amount_minor, found.repayment.currency)
    return f"{told}. {paid} of it went to line {found.repayment.line_id}."


@paper.command("list")
@config_option
@click.argument("subject_id")
@json_option
@click.pass_context
def list_papers(context: click.Context, *, config: Path, subject_id: str, as_json: bool) -> None:
    """The papers of a herd or a plot, oldest first."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        told = papers.every(tx, subject_id)
    rows = [
        f"{each.effective_on}  {each.kind.value:10}  "
        f"{format_money(each.amount_minor, each.currency)}  {each.paper_id}, {each.source}"
        f"{f', takes back {each.voids}' if each.voids else ''}"
        for each in told
    ]
    result = {"subject_id": subject_id, "papers": [encode(each) for each in told]}
    show(result, "\n".join(rows) or f"{subject_id} has no papers.", as_json=as_json)
