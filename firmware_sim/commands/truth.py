"""``harvestline-sim truth``: what truly happened, for checkers alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from firmware_sim.commands.perils import perils_option
from firmware_sim.config import OutputFolderError
from firmware_sim.district.perils import Peril, draw_perils
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.history.folder import read_district


@click.command("truth")
@click.option(
    "--district",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="A folder of `harvestline-sim district`.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--drought/--no-drought", default=False, help="Tell the season with the drought.")
@perils_option
def command(*, folder: Path, out: Path, drought: bool, perils: tuple[Peril, ...]) -> None:
    """Write the live season's true yields, stages, soil and grass as JSON.

    For checkers of a simulation. Keep the file where no station and no server reads.
    """
    if out.resolve().is_relative_to(folder.resolve()):
        raise OutputFolderError(
            f"expected --out outside {folder}, got {out}: the truth stays apart"
        )
    district, truth = read_district(folder, drought=drought, perils=perils)
    document = truth_document(district, truth)
    if perils:
        document |= strikes_document(district, truth, perils)
    text = json.dumps(document, indent=1) + "\n"
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputFolderError(f"expected to write {out}: {error}") from error
    click.echo(f"{len(district.plots)} plots written to {out}")


def strikes_document(
    district: District, truth: SeasonTruth, perils: tuple[Peril, ...]
) -> dict[str, Any]:
    """The planted hazards: which plot, what, from which day, how hard [ppm]."""
    planted = draw_perils(district, truth.spec, perils)
    return {
        "strikes": [
            {
                "plot_id": district.plots[strike.plot].plot_id,
                "kind": strike.peril.value,
                "since_on": (truth.spec.first_day + timedelta(days=strike.day)).isoformat(),
                "share_ppm": round(min(strike.share, 1.0) * 1e6),
            }
            for strike in planted.strikes
        ]
    }


def truth_document(district: District, truth: SeasonTruth) -> dict[str, Any]:
    """The truth as plain lists; soil water in ppm of volume, grass in kg/ha."""
    plots = [
        {
            "plot_id": plot.plot_id,
            "zone": plot.zone,
            "yield_kg_per_ha": round(float(truth.yield_kg_per_ha[i])),
            "stages": {
                stage: day.isoformat()
                for stage, day in asdict(truth.stages[i]).items()
                if day is not None
            },
            "soil_moisture_ppm": [round(float(v) * 1e6) for v in truth.plots.soil_moisture[i]],
        }
        for i, plot in enumerate(district.plots)
    ]
    pastures = [
        {
            "pasture_id": pasture.pasture_id,
            "zone": pasture.zone,
            "grass_kg_per_ha": [round(float(v)) for v in truth.pastures.biomass_kg_per_ha[i]],
        }
        for i, pasture in enumerate(district.pastures)
    ]
    drought = asdict(truth.spec.drought) if truth.spec.drought else None
    return {
        "season_id": truth.spec.season_id,
        "first_day": truth.spec.first_day.isoformat(),
        "drought": drought,
        "plots": plots,
        "pastures": pastures,
    }
