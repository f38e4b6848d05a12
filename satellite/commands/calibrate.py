"""``calibrate``: fit a yield model to past seasons and their harvests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from satellite.commands.hands import EXIT_CODES, PathArg, json_option, progress, say
from satellite.evidence.report import model_lines, model_summary
from satellite.indices import index_named
from satellite.series import series_of
from satellite.statistics.intake import Intake
from satellite.statistics.plots import read_plots
from satellite.statistics.store import Store
from satellite.yields.model import read_model, write_model
from satellite.yields.train import read_harvests, train


@click.command(epilog=EXIT_CODES)
@click.argument("catalog", type=PathArg)
@click.option("--plots", required=True, type=PathArg, help="Plots as GeoJSON (CRS84).")
@click.option("--harvests", required=True, type=PathArg,
              help="Past harvests in CSV: plot_id, season_id, crop, sown_on, harvested_on, "
              "yield_kg_per_ha.")  # fmt: skip
@click.option("--out", required=True, type=PathArg, help="Model file to write.")
@click.option("--index", "index_name", default="ndvi", show_default=True, help="Vegetation index.")
@click.option("--prior", type=PathArg, help="Model of districts, for crops with few harvests.")
@click.option("--work", type=PathArg, help="Keep what was read here, for the next run.")
@json_option
def calibrate(
    as_json: bool,  # noqa: FBT001  # click passes a flag
    work: Path | None,
    prior: Path | None,
    **asked: Any,
) -> None:
    """Fit the yield model to a CATALOG of past seasons and their harvests.

    Every rung of the ladder and every interval is judged on seasons that were left
    out; the table shows skill against the plain average. A crop with fewer than three
    seasons or twelve harvests needs a --prior (see yield prior).
    """
    index = index_named(asked["index_name"])
    harvests, (plots, unusable) = read_harvests(asked["harvests"]), read_plots(asked["plots"])
    store = Store(":memory:" if work is None else _folder(work) / "archive.sqlite")
    try:
        with progress("scenes", silent=as_json) as tell:
            Intake(store, plots, index).run(asked["catalog"], None, tell)
        series = series_of(store.looks(index.name, None), index.levels)
        broken = store.broken(index.name)
    finally:
        store.close()
    priors = {} if prior is None else read_model(prior).priors
    model = train(harvests, plots, series, index, priors)
    summary = model_summary(model, write_model(asked["out"], model))
    for problem in (*unusable, *broken):
        click.echo(f"skipped: {problem.subject_id}: {problem.detail}", err=True)
    say(summary, model_lines, as_json=as_json)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
