"""``quicklooks``: pictures of plots by date, and maps of the district."""

from __future__ import annotations

import sys
from contextlib import ExitStack
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
from satellite.keys import load_signer
from satellite.quicklooks.canvas import Form
from satellite.quicklooks.composite import Period
from satellite.quicklooks.delivery import PictureCount, PictureCourier
from satellite.quicklooks.make import PictureJob, PictureRound, Pictures
from satellite.quicklooks.maps import MapRound

DayArg = click.DateTime(["%Y-%m-%d"])
NAMED_MAX = 50
EXIT_UNREACHABLE = 5


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
@click.option(
    "--maps",
    "period",
    type=click.Choice([period.value for period in Period]),
    default=None,
    help="Also draw the district's maps, one a month or dekad.",
)
@click.option(
    "--deliver",
    "deliver_url",
    default=None,
    metavar="URL",
    help="Put the pictures to the centre at that address.",
)
@click.option("--key", type=PathArg, help="Key file to sign with (see keygen).")
@click.option("--config", "config_file", type=PathArg, help="Settings in TOML.")
@json_option
@click.pass_context
def quicklooks(  # one argument an option
    context: click.Context, /, as_json: bool, since: datetime | None, until: datetime | None,  # noqa: FBT001
    **asked: Any,
) -> None:  # fmt: skip
    """Draw plots as the scenes of a STAC CATALOG show them, one picture a plot and day.

    DIR receives chips/PLOT/DAY-true_color.webp and DAY-ndvi.webp, and
    sheets/PLOT-ndvi.webp with the season at a glance; with --maps also
    maps/MONTH-ndvi.tif and .pmtiles, the median of what was clear. A second run draws
    only what is new. The same scenes and plots give the same bytes.
    """
    hands = hands_of(context)
    settings = hands.settings(asked["config_file"])
    deliver_url, key = asked["deliver_url"], asked["key"]
    if deliver_url is not None and key is None:
        raise click.UsageError("--deliver needs --key: the centre takes signed pictures")
    out: Path = asked["out"]
    job = PictureJob(
        asked["catalog"], asked["plots"], out, index_named(asked["index_name"]),
        Form(asked["form"]), since and since.date(), until and until.date(),
    )  # fmt: skip
    with ExitStack() as stack:
        work = Pictures(job)
        stack.callback(work.close)
        sent = PictureCount()
        with progress("days", silent=as_json) as tell:
            done = work.run(tell)
        maps = work.maps(Period(asked["period"])) if asked["period"] else MapRound()
        if deliver_url is not None:
            courier = PictureCourier(deliver_url, load_signer(key), settings, hands.sleep)
            sent = stack.enter_context(courier).deliver(work.shelf)
    say(_summary(done, maps, sent), _lines, as_json=as_json)
    if sent.error:
        sys.exit(EXIT_UNREACHABLE)


def _summary(done: PictureRound, maps: MapRound, sent: PictureCount) -> dict[str, Any]:
    return {
        "days_new": done.days_new,
        "days_known": done.days_known,
        "chips_new": done.chips_new,
        "sheets_new": done.sheets_new,
        "bytes_new": done.bytes_new,
        "maps_new": maps.periods_new,
        "maps_known": maps.periods_known,
        "map_files": maps.files,
        "delivered": sent.delivered,
        "refused": sent.refused,
        "waiting": sent.waiting,
        "delivery_error": sent.error,
        "broken": [
            {"subject_id": p.subject_id, "code": p.code, "detail": p.detail}
            for p in [*done.broken, *maps.broken][:NAMED_MAX]
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
    if facts["maps_new"] or facts["maps_known"]:
        lines.append(f"maps      {facts['maps_new']} new, {facts['maps_known']} known")
    if facts["delivered"] or facts["refused"] or facts["delivery_error"]:
        lines.append(
            f"sent      {facts['delivered']} delivered, {facts['refused']} refused"
            f", {facts['waiting']} waiting"
        )
    if facts["delivery_error"]:
        lines.append(f"delivery: {facts['delivery_error']}")
    for title in ("broken", "skipped"):
        lines += [f"{title}: {p['subject_id']}: {p['detail']}" for p in facts[title]]
    return lines
