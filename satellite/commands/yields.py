"""``yield``: what is known of harvests from districts, and how well it would have told."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from satellite import SOFTWARE
from satellite.commands.hands import EXIT_CODES, PathArg, json_option, say
from satellite.season.calendar import crop_name
from satellite.yields.district.report import (
    backtest_lines,
    backtest_summary,
    prior_lines,
    prior_summary,
)
from satellite.yields.district.table import (
    DistrictTable,
    YieldTableError,
    read_table,
    unit_yields,
)
from satellite.yields.model import YieldModel, read_model, write_model
from satellite.yields.prior import LIGHT_INDEX, PLOT_SPREAD, district_prior

SEASONS_TO_CHOOSE = 4
WORST_SHOWN = 8


@click.group(name="yield", epilog=EXIT_CODES)
def yields() -> None:
    """District yields: how well they can be told, and what they say of a plot."""


@yields.command(epilog=EXIT_CODES)
@click.argument("table", type=PathArg)
@click.option("--columns", type=PathArg, help="Map of the table's columns, in TOML.")
@click.option(
    "--from",
    "first_season",
    type=int,
    default=None,
    help=f"First held-out season; the {SEASONS_TO_CHOOSE + 1}th if not said.",
)
@click.option("--drop", type=int, multiple=True, help="A season whose yields are not believed.")
@click.option("--worst", default=WORST_SHOWN, show_default=True, type=click.IntRange(0),
              help="How many of the worst districts to print.")  # fmt: skip
@json_option
def backtest(  # one argument an option
    table: Path,
    columns: Path | None,
    first_season: int | None,
    drop: tuple[int, ...],
    worst: int,
    as_json: bool,  # noqa: FBT001  # click passes a flag
) -> None:
    """Tell the seasons of TABLE forward, as they would have been, and print the skill.

    TABLE is a CSV with one row a district and harvest year: unit, season,
    yield_kg_per_ha, ndvi_1 … ndvi_12 by calendar month (Zambia's climate_summary.csv
    is known as it is; --columns maps other names). Every choice is made on the seasons
    before the first held-out one; months after the harvest are never read.
    """
    known = read_table(table, columns, drop)
    facts = backtest_summary(known, first_season or _first(known))
    say(facts, partial(backtest_lines, worst=worst), as_json=as_json)


@yields.command(epilog=EXIT_CODES)
@click.argument("table", type=PathArg)
@click.option("--crop", required=True, help="The crop that TABLE speaks of.")
@click.option("--unit", default=None, help="The district; the mean of all if not said.")
@click.option("--out", required=True, type=PathArg, help="Model file to write.")
@click.option("--add-to", type=PathArg, help="A model whose other crops and priors are kept.")
@click.option(
    "--plot-spread",
    default=PLOT_SPREAD,
    show_default=True,
    type=click.FloatRange(0, 2),
    help="Standard deviation between a district's plots, as a share of their mean.",
)
@click.option("--columns", type=PathArg, help="Map of the table's columns, in TOML.")
@click.option("--drop", type=int, multiple=True, help="A season whose yields are not believed.")
@json_option
def prior(
    as_json: bool,  # noqa: FBT001  # click passes a flag
    table: Path,
    out: Path,
    add_to: Path | None,
    **asked: Any,
) -> None:
    """Bring a district's harvests in TABLE to plots that have no history.

    Writes a model that `ingest --model` uses as it is, and that `calibrate --prior`
    moves by a few harvests. The interval holds the district's seasons and the spread
    of plots within it, so it is wide.
    """
    known = read_table(table, asked["columns"], asked["drop"])
    made = district_prior(
        unit_yields(known, asked["unit"]), table.name, plot_spread=asked["plot_spread"]
    )
    model = YieldModel(LIGHT_INDEX, {}, {}, SOFTWARE) if add_to is None else read_model(add_to)
    crop = crop_name(asked["crop"])
    facts = prior_summary(crop, made)
    facts["sha256"] = write_model(out, replace(model, priors={**model.priors, crop: made}))
    say(facts, prior_lines, as_json=as_json)


def _first(table: DistrictTable) -> int:
    harvested = [table.seasons[i] for i in table.harvested]
    if len(harvested) <= SEASONS_TO_CHOOSE:
        raise YieldTableError(
            f"expected more than {SEASONS_TO_CHOOSE} seasons with yields, got {len(harvested)}"
        )
    return harvested[SEASONS_TO_CHOOSE]
