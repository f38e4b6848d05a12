"""``quicklooks``: pictures of plots by date, and maps of the district."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from satellite.commands.hands import (
    EXIT_CODES,
    PathArg,
    hands_of,
    json_option,
    progress,
    say,
)
from satellite.indices import index_named
from satellite.quicklooks.canvas import Form
from satellite.quicklooks.make import PictureJob, PictureRound, Pictures

DayArg = click.DateTime(["%Y-%m-%d"])
NAMED_MAX = 50


@click.command(epilog=EXIT_CODES)
@click.argument("catalog")
@click.option("--plots", required=True, type=PathArg, help="Plots as GeoJSON (CRS84).")
@click.option("--out", required=True, type=PathArg, help="Folder for the pictures.")
@click.option("--index", "index_name", default="ndvi", show_default=True, help="Index to show.")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Form]),
    default=Form.WEBP.value,
    show_default=True,
    help="File format of pictures.",
)
@click.option("--from", "since", type=DayArg, default=None, help="Ignore scenes before this day.")
@click.option("--as-of", "until", type=DayArg, default=None, help="Ignore scenes after this day.")
@json_option
@click.pass_context
def quicklooks(  # one argument an option
    context: click.Context, /, as_json: bool, since: datetime | None, until: datetime | None,  # noqa: FBT001
    **asked: Any,
) -> None:  # fmt: skip
    """Draw plots as the scenes of a STAC CATALOG show them, one picture a plot and day.

    DIR receives chips/PLOT/DAY-true_color.webp and DAY-ndvi.webp, and
    sheets/PLOT-ndvi.webp with the season at a glance. A second run draws only what is
    new. The same scenes and plots give the same bytes.
    """
    hands_of(context)
    out: Path = asked["out"]
    job = PictureJob(
        asked["catalog"], asked["plots"], out, index_named(asked["index_name"]),
        Form(asked["form"]), since and since.date(), until and until.date(),
    )  # fmt: skip
    work = Pictures(job)
    try:
        with progress("days", silent=as_json) as tell:
            done = work.run(tell)
    finally:
        work.close()
    say(_summary(done), _lines, as_json=as_json)


def _summary(done: PictureRound) -> dict[str, Any]:
    return {
        "days_new": done.days_new,
        "days_known": done.days_known,
        "chips_new": done.chips_new,
        "sheets_new": done.sheets_new,
        "bytes_new": done.bytes_new,
        "broken": [
            {"subject_id": p.subject_id, "code": p.code, "detail": p.detail}
            for p in done.broken[:NAMED_MAX]
        ],
        "skipped": [
            {"subject_id": p.subject_id, "code": p.code, "detail": p.detail}
            for p in done.plots_skipped[:NAMED_MAX]
        ],
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"days      {facts['days_new']} new, {facts['days_known']} known",
        (
            f"pictures  {facts['chips_new']} new, {facts['sheets_new']} sheets"
            f", {facts['bytes_new'] / 1000:.0f} kB"
        ),
    ]
    for title in ("broken", "skipped"):
        lines += [f"{title}: {p['subject_id']}: {p['detail']}" for p in facts[title]]
    return lines
