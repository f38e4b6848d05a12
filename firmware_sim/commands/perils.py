"""The option ``--perils`` of the commands that tell a live season."""

from __future__ import annotations

import click

from firmware_sim.district.perils import Peril

WORDS = ", ".join(peril.value for peril in Peril)


def _perils(_context: click.Context, _option: click.Parameter, text: str) -> tuple[Peril, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = {peril.value: peril for peril in Peril}
    if text == "all":
        return tuple(Peril)
    if unknown := [word for word in words if word not in known]:
        raise click.BadParameter(f"expected all or some of {WORDS}, got {', '.join(unknown)}")
    return tuple(known[word] for word in words)


perils_option = click.option(
    "--perils",
    default="",
    callback=_perils,
    help=f"Plant hazards, with commas: all, or some of {WORDS}.",
)
