"""``harvestline-sim district``: write a village, its past and its devices' secrets."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from firmware_sim.district.places import District
from firmware_sim.district.village import build_district
from firmware_sim.history.folder import FolderPlan, write_district

_DEFAULTS = FolderPlan()


@click.command("district")
@click.option("--seed", type=click.IntRange(min=0), required=True, help="The village's seed.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--farmers", default=_DEFAULTS.farmers, show_default=True, help="Farmers, 8 to 120.")
@click.option(
    "--past-seasons",
    default=_DEFAULTS.past_seasons,
    show_default=True,
    help="Seasons of scenes, harvests and loans before the live one.",
)
@click.option(
    "--archive-every-days",
    default=_DEFAULTS.archive_every_days,
    show_default=True,
    help="Days between archived scenes; a multiple of 5.",
)
@click.option(
    "--station", default=_DEFAULTS.station, show_default=True, help="The village's base station."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    *,
    seed: int,
    out: Path,
    farmers: int,
    past_seasons: int,
    archive_every_days: int,
    station: str,
    as_json: bool,
) -> None:
    """Write the village that follows from a seed, as a lender would hold it.

    registry.json and plots.geojson (who and what), devices-secret.json (keys; keep
    it), loans.csv (SIMULATED past loans) and archive/ (scenes and weighed harvests
    of past seasons). The same seed writes the same bytes. What truly grows in the
    live season is not in it: see `harvestline-sim truth`.
    """
    plan = FolderPlan(farmers, past_seasons, archive_every_days, station)
    district = build_district(seed, farmers)
    steps = past_seasons + len(plan.archive_days())
    shown = sys.stderr.isatty() and not as_json
    with click.progressbar(
        length=steps, label="Seasons and scenes", file=sys.stderr, hidden=not shown
    ) as bar:
        write_district(out, district, plan, lambda: bar.update(1))
    summary = {"out": str(out), "seed": seed, **counts(district), "scenes": steps - past_seasons}
    if as_json:
        click.echo(json.dumps(summary))
    else:
        click.echo("\n".join(f"{name.replace('_', ' '):<10} {n}" for name, n in summary.items()))


def counts(district: District) -> dict[str, int]:
    """How many of everything a district holds."""
    return {
        "farmers": len(district.people),
        "plots": len(district.plots),
        "pastures": len(district.pastures),
        "herds": len(district.herds),
        "machines": len(district.machines),
        "stores": len(district.stores),
        "devices": len(district.devices),
    }
