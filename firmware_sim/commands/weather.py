"""``harvestline-sim weather``: the village's weather record, past years and the live season."""

from __future__ import annotations

from pathlib import Path

import click

from firmware_sim.commands.perils import perils_option
from firmware_sim.config import OutputFolderError
from firmware_sim.district.perils import Peril
from firmware_sim.district.record import weather_csv
from firmware_sim.history.folder import read_district

PAST_YEARS_MAX = 60


@click.command("weather")
@click.option(
    "--district",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="A folder of `harvestline-sim district`.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option(
    "--past-years",
    type=click.IntRange(1, PAST_YEARS_MAX),
    default=30,
    show_default=True,
    help="Years before the live one.",
)
@click.option("--drought/--no-drought", default=False, help="Tell the season with the drought.")
@perils_option
def command(
    *, folder: Path, out: Path, past_years: int, drought: bool, perils: tuple[Peril, ...]
) -> None:
    """Write daily rain and temperatures of the village's zones as CSV.

    SIMULATED, for `harvestline-satellite`: each year runs from mid-December to late
    August, the live one to the end of its season.
    """
    district, truth = read_district(folder, drought=drought, perils=perils)
    try:
        out.write_text(weather_csv(district, truth, past_years), encoding="utf-8")
    except OSError as error:
        raise OutputFolderError(f"expected to write {out}: {error}") from error
    click.echo(f"{past_years} years and the live season written to {out}")
