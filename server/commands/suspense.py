"""``suspense``: money that was paid out on lines that are not known here."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from core.units import format_money
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, show
from server.services.suspense import in_suspense, open_suspended


@click.group("suspense")
def suspense() -> None:
    """Money that stations paid out on lines that could not be opened here."""


@suspense.command("list")
@config_option
@json_option
@click.pass_context
def list_suspense(context: click.Context, *, config: Path, as_json: bool) -> None:
    """What stands in suspense, by line and station."""
    found = in_suspense(centre_of(context, config))
    told = [
        f"{each.line_id}  {format_money(each.amount_minor, each.currency)}, paid by {each.writer}"
        for each in found
    ]
    result = {"suspended": [encode(each) for each in found]}
    show(result, "\n".join(told) or "Nothing stands in suspense.", as_json=as_json)


@suspense.command("settle")
@config_option
@click.argument("line_id")
@json_option
@click.pass_context
def settle(context: click.Context, *, config: Path, line_id: str, as_json: bool) -> None:
    """Open a line from its station's record, once its farmer and ground are registered."""
    moved = open_suspended(centre_of(context, config), line_id, OPERATOR)
    result = {"line_id": line_id, "moved_minor": moved}
    show(result, f"Line {line_id} is open; {moved} [minor units] moved to it.", as_json=as_json)
