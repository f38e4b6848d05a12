"""``harvestline-sim scenes``: the live season's scenes between two days."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import click

from firmware_sim.commands.perils import perils_option
from firmware_sim.district.imagery import finish_catalog, scene_days, scene_rng, write_item
from firmware_sim.district.perils import Peril
from firmware_sim.history.folder import read_district

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("scenes")
@click.option(
    "--district",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="A folder of `harvestline-sim district`.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Catalog folder.")
@click.option("--from", "first", type=_DAY, required=True, help="First day (YYYY-MM-DD).")
@click.option("--to", "last", type=_DAY, required=True, help="Last day (YYYY-MM-DD).")
@click.option("--drought/--no-drought", default=False, help="Tell the season with the drought.")
@perils_option
@click.option("--json", "as_json", is_flag=True, help="Print the scene names as JSON.")
def command(
    *,
    folder: Path,
    out: Path,
    first: datetime,
    last: datetime,
    drought: bool,
    perils: tuple[Peril, ...],
    as_json: bool,
) -> None:
    """Write the live season's scenes from one day to another, five days apart.

    The season is simulated again from the folder's seed, so a scene is the same
    whichever days are asked for. Items are added to the catalog at --out.
    """
    if first > last:
        raise click.UsageError(f"expected --from before --to, got {first:%F} and {last:%F}")
    district, truth = read_district(folder, drought=drought, perils=perils)
    days = list(scene_days(first.date(), last.date()))
    names = []
    shown = sys.stderr.isatty() and not as_json
    with click.progressbar(days, label="Scenes", file=sys.stderr, hidden=not shown) as bar:
        for day in bar:
            rng = scene_rng(district.seed, day)
            names.append(write_item(out, day, truth, district, rng).name)
    if names:
        finish_catalog(out)
    click.echo(json.dumps(names) if as_json else "\n".join(names))
