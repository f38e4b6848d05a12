"""``hazards``: what is usual here, and what the drought trigger was worth on real losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.wire.evidence import EvidenceKind
from satellite import SOFTWARE
from satellite.commands.hands import EXIT_CODES, PathArg, json_option, progress, say
from satellite.files import write_atomically
from satellite.hazards.backtest import backtest as judge
from satellite.hazards.backtest import report_lines
from satellite.hazards.indemnities import read_losses
from satellite.hazards.past import (
    CROP_CURVES_MIN,
    PLOT_SEASONS_MIN,
    Past,
    PastSeason,
    past_bytes,
    past_of,
)
from satellite.indices import index_named
from satellite.season.calendar import crop_name
from satellite.series import Series, series_of
from satellite.statistics.intake import Intake
from satellite.statistics.plots import Plot, read_plots
from satellite.statistics.store import Store
from satellite.yields.train import Harvest, read_harvests


@click.group(epilog=EXIT_CODES)
def hazards() -> None:
    """What may strike a crop: the record that it is told by, and how well it is told."""


@hazards.command(epilog=EXIT_CODES)
@click.argument("folder", type=PathArg)
@json_option
def backtest(folder: Path, *, as_json: bool) -> None:
    """Judge the drought trigger on real wheat indemnities in FOLDER.

    FOLDER holds county indemnities (rma_wheat_drought_loss_county_year.csv) and
    monthly weather (gridmet_county_month_1989_2015.parquet). Each year is judged by
    what the other years taught, from weather up to June, before the harvest.
    """
    say(judge(read_losses(folder)).facts(), report_lines, as_json=as_json)


@hazards.command(epilog=EXIT_CODES)
@click.argument("catalog", type=PathArg)
@click.option("--plots", required=True, type=PathArg, help="Plots as GeoJSON (CRS84).")
@click.option("--harvests", type=PathArg, help="Past harvests in CSV (see calibrate).")
@click.option("--out", required=True, type=PathArg, help="Record to write.")
@click.option("--index", "index_name", default="ndvi", show_default=True, help="Vegetation index.")
@json_option
def past(*, as_json: bool, harvests: Path | None, **asked: Any) -> None:
    """Make the record of past seasons from a CATALOG of scenes.

    With --harvests a crop's days are counted from each season's sowing, which is far
    sharper; without, and for pastures, by the day of the year.
    """
    index, (plots, unusable) = index_named(asked["index_name"]), read_plots(asked["plots"])
    sown = [] if harvests is None else read_harvests(harvests)
    store = Store(":memory:")
    try:
        with progress("scenes", silent=as_json) as tell:
            Intake(store, plots, index).run(asked["catalog"], None, tell)
        series = series_of(store.looks(index.name, None), index.levels)
    finally:
        store.close()
    record = past_of(seasons_of(plots, series, sown), index.name, index.levels, SOFTWARE)
    write_atomically(asked["out"], past_bytes(record))
    for problem in unusable:
        click.echo(f"skipped: {problem.subject_id}: {problem.detail}", err=True)
    say(_facts(asked["out"], record), _lines, as_json=as_json)


def seasons_of(
    plots: list[Plot], series: dict[str, Series], harvests: list[Harvest]
) -> list[PastSeason]:
    """Past seasons: one a harvest; a plot without any, and a pasture, over all its years."""
    sown = [
        PastSeason(h.plot_id, crop_name(h.crop), series[h.plot_id], h.sown_on.toordinal())
        for h in harvests
        if h.plot_id in series
    ]
    known = {season.plot_id for season in sown}
    return sown + [
        PastSeason(plot.plot_id, _crop(plot), series[plot.plot_id], None)
        for plot in plots
        if plot.plot_id in series and plot.plot_id not in known
    ]


def _crop(plot: Plot) -> str:
    return "grass" if plot.kind is EvidenceKind.PASTURE else crop_name(plot.crop)


def _facts(out: Path, record: Past) -> dict[str, Any]:
    return {
        "out": str(out),
        "index": record.index,
        "plots": len(record.plots),
        "region": {name: usual.curves for name, usual in sorted(record.region.items())},
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    known = [f"  {name}: {count} curves" for name, count in facts["region"].items()]
    own = (
        f"{facts['plots']} plots have a past of their own "
        f"(the others have fewer than {PLOT_SEASONS_MIN} seasons here)"
    )
    head = f"record of {facts['index']} in {facts['out']}"
    return [head, own, f"of the region, crops with {CROP_CURVES_MIN} seasons and more:", *known]
