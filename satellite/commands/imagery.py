"""``ingest`` and ``watch``: from a catalog to series, seasons and evidence."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from core.errors import HarvestlineError
from satellite.cluster.work import Workers
from satellite.commands.hands import (
    EXIT_CODES,
    Hands,
    PathArg,
    hands_of,
    json_option,
    progress,
    say,
)
from satellite.config import Settings
from satellite.evidence.delivery import Courier
from satellite.evidence.findings import Sought
from satellite.evidence.ingest import Ingest, Job
from satellite.evidence.picture import curves_pictures
from satellite.evidence.report import round_lines, round_summary
from satellite.hazards.past import read_past
from satellite.hazards.weather import read_weather
from satellite.indices import Index, index_named, indices_with, season_index
from satellite.integrity.inputs import read_claims
from satellite.keys import load_signer
from satellite.quicklooks.delivery import PictureCourier
from satellite.scenes.place import is_web
from satellite.statistics.plots import Plot, read_plots
from satellite.yields.model import read_model

F = TypeVar("F", bound=Callable[..., Any])


def _ingest_options(command: F) -> F:
    options = (
        click.argument("catalog", type=PathArg),
        click.option("--plots", required=True, type=PathArg, help="Plots as GeoJSON (CRS84)."),
        click.option("--out", required=True, type=PathArg, help="Folder for all that is made."),
        click.option("--index", "index_name", default="ndvi", show_default=True,
                     help="Index to read seasons from: ndvi, ndre, evi, savi, … (indices.toml)."),
        click.option("--also", multiple=True, metavar="INDEX",
                     help="Measure this index too, into series.csv; may be given again."),
        click.option("--indices", "indices_file", type=PathArg,
                     help="Indices of your own, by formula, in TOML."),
        click.option("--deliver", "deliver_url", default=None, metavar="URL",
                     help="POST each evidence document there."),
        click.option("--key", type=PathArg, help="Key file to sign with (see keygen)."),
        click.option("--model", "model_file", type=PathArg, help="Yield model (see calibrate)."),
        click.option("--past", "past_file", type=PathArg,
                     help="Past seasons (see hazards past): hazards are told against them."),
        click.option("--weather", "weather_file", type=PathArg, help="Daily weather in CSV."),
        click.option("--water", "water_name", default=None, metavar="INDEX",
                     help="An index above 0 over open water (ndwi): it tells floods."),
        click.option("--flags", is_flag=True, help="Flag what an officer should look at."),
        click.option("--against", type=PathArg, help="Plots pledged already: flag overlaps."),
        click.option("--claims", type=PathArg, help="Claimed losses: CSV of plot_id, loss_on."),
        click.option("--chips", is_flag=True, help="Draw each plot by date, into pictures/."),
        click.option("--pixels", type=PathArg,
                     help="Keep plans and plot pixels here: another index costs no decoding."),
        click.option("--scheduler", default=None, metavar="ADDRESS",
                     help="Let a Dask cluster read the scenes: tcp://HOST:PORT or tls://…"),
        click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), default=None,
                     help="Ignore scenes after this day."),
        click.option("--picture/--no-picture", default=True, help="Draw the curves, or not."),
        click.option("--config", "config_file", type=PathArg, help="Settings in TOML."),
        json_option,
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command(epilog=EXIT_CODES)
@_ingest_options
@click.pass_context
def ingest(context: click.Context, /, as_json: bool, picture: bool, **asked: Any) -> None:  # noqa: FBT001
    """Read a CATALOG once and write what it shows of each plot.

    CATALOG is a STAC API or a catalog on the web (https://…; for an API after #:
    collection=NAME&since=YYYY-MM-DD), a catalog file, a saved search, or a folder of
    Sentinel-2 L2A GeoTIFFs named T36KTB_20210105T074319_B04_10m.tif,
    <date>_<band>.tif or <date>/<band>.tif (after #: baseline=NN.NN).

    DIR receives series.csv, season.csv, curves.png, curves.svg, evidence/PLOT.json
    and, with --chips or --flags, pictures/. A second run reads only scenes and plots
    that are new. A broken scene or plot is named and skipped.
    """
    hands = hands_of(context)
    settings = hands.settings(asked.pop("config_file"))
    with _opened(hands, settings, **asked) as work:
        with progress("scenes", silent=as_json) as tell:
            done = work.run(tell)
            if picture:
                work.draw(curves_pictures)
        summary = round_summary(done, work.refused, settings.broken_scenes_named_max)
    say(summary, round_lines, as_json=as_json)
    if done.delivery.error:
        sys.exit(5)


@click.command(epilog=EXIT_CODES)
@_ingest_options
@click.option("--poll-s", default=1.0, show_default=True, help="Pause between looks [s].")
@click.option("--until-file", type=PathArg, help="Stop after a last round once it exists.")
@click.pass_context
def watch(  # one argument an option
    context: click.Context,
    /,
    as_json: bool,  # noqa: FBT001  # click passes a flag
    picture: bool,  # noqa: FBT001
    poll_s: float,
    until_file: Path | None,
    **asked: Any,
) -> None:
    """Follow a STAC CATALOG: ingest and deliver whenever it grows.

    Prints one line a round in which the catalog had changed. The picture is drawn
    at the end. Stops on Ctrl-C, SIGTERM, or when --until-file exists.
    """
    hands = hands_of(context)
    settings = hands.settings(asked.pop("config_file"))
    stop = threading.Event()
    hands.on_stop(stop.set)
    last = lambda: stop.is_set() or (until_file is not None and until_file.exists())  # noqa: E731
    with _opened(hands, settings, **asked) as work:
        for facts in _rounds(work, asked["catalog"], hands, last, lambda: stop.wait(poll_s)):
            if isinstance(facts, HarvestlineError):
                say(facts.problem(), lambda p: [f"waiting: {p['detail']}"], as_json=as_json)
                continue
            done, cpu_s = facts
            summary = round_summary(done, work.refused, settings.broken_scenes_named_max)
            say(summary | {"cpu_ms": round(cpu_s * 1000)}, round_lines, as_json=as_json)
        if picture:
            work.draw(curves_pictures)


@contextmanager
def _opened(  # what was asked, by name
    hands: Hands,
    settings: Settings,
    *,
    deliver_url: str | None,
    key: Path | None,
    model_file: Path | None,
    **asked: Any,
) -> Iterator[Ingest]:
    if deliver_url is not None and key is None:
        raise click.UsageError("--deliver needs --key: the centre takes signed evidence")
    with ExitStack() as stack:
        signer = None if key is None else load_signer(key)
        courier = None
        if deliver_url is not None:
            courier = stack.enter_context(Courier(deliver_url, settings, hands.sleep))
        table = indices_with(asked["indices_file"])
        sought = _sought(asked, table)
        pictures = None
        if signer is not None and deliver_url is not None and sought.shows:
            pictures = stack.enter_context(
                PictureCourier(deliver_url, signer, settings, hands.sleep)
            )
        as_of: datetime | None = asked["as_of"]
        job = Job(
            catalog=asked["catalog"],
            plots_file=asked["plots"],
            out=asked["out"],
            index=season_index(asked["index_name"], table),
            until=None if as_of is None else as_of.date(),
            model=None if model_file is None else read_model(model_file),
            signer=signer,
            courier=courier,
            workers=_workers(stack, asked["scheduler"]),
            also=tuple(index_named(name, table) for name in asked["also"]),
            sought=sought,
            keep=asked["pixels"],
            picture_courier=pictures,
        )
        work = Ingest(job)
        stack.callback(work.close)
        yield work


def _sought(asked: Mapping[str, Any], table: Mapping[str, Index]) -> Sought:
    past, weather, claims = asked["past_file"], asked["weather_file"], asked["claims"]
    return Sought(
        past=None if past is None else read_past(past),
        weather=None if weather is None else read_weather(weather),
        water=None if asked["water_name"] is None else index_named(asked["water_name"], table),
        flags=asked["flags"],
        pledged=_pledged(asked["against"]),
        claims={} if claims is None else read_claims(claims),
        chips=asked["chips"],
    )


def _pledged(path: Path | None) -> tuple[Plot, ...]:
    """The plots pledged already; what cannot be used of them is named, never passed over."""
    if path is None:
        return ()
    plots, unusable = read_plots(path)
    for problem in unusable:
        click.echo(f"skipped of {path}: {problem.subject_id}: {problem.detail}", err=True)
    return tuple(plots)


def _workers(stack: ExitStack, scheduler: str | None) -> Workers | None:
    if scheduler is None:
        return None
    from satellite.cluster.scheduler import Cluster  # noqa: PLC0415  # a second to load

    return stack.enter_context(Cluster(scheduler))


def _rounds(
    work: Ingest,
    catalog: Path,
    hands: Hands,
    is_last: Callable[[], bool],
    pause: Callable[[], object],
) -> Iterator[Any]:
    """Rounds with their CPU time [s], or the fault that kept one from being done."""
    before: tuple[int, ...] | None = None
    while True:
        last = is_last()
        mark = _mark(catalog)
        if mark is None or mark != before:
            started = hands.cpu_s()
            try:
                done = work.run(lambda *_: None)
                if mark is not None or done.scenes.new or done.evidence_new:
                    yield done, hands.cpu_s() - started
            except HarvestlineError as error:
                yield error
            before = mark
        else:
            work.deliver()
        if last:
            return
        pause()


def _mark(catalog: Path) -> tuple[int, ...] | None:
    """What changes when a catalog's file does; None where only asking tells."""
    if catalog.is_dir() or is_web(str(catalog)):
        return None
    try:
        stat = catalog.stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
