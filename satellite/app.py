"""The command ``harvestline-satellite``: where the room's parts are joined.

The only module here that reads the clock, the environment or chance, and that
speaks to a terminal. Heavy libraries are imported by the command that needs them,
so that ``--help`` is quick.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from core.errors import HarvestlineError
from satellite import VERSION
from satellite.config import Settings, load_settings

if TYPE_CHECKING:
    from satellite.evidence.ingest import Ingest, Job

EXIT_CODES = """Exit codes: 0 done · 2 wrong use · 3 bad input · 4 refused · 5 the centre could
not be reached (what waits is sent next time) · 6 storage."""
SEED_BYTES = 32
F = TypeVar("F", bound=Callable[..., Any])

PathArg = click.Path(path_type=Path)


@click.group(epilog=EXIT_CODES)
@click.version_option(VERSION)
def cli() -> None:
    """Imagery to evidence: what satellites know of plots, seasons and yields.

    Start with: harvestline-satellite ingest CATALOG --plots PLOTS --out DIR
    """


def _ingest_options(command: F) -> F:
    options = (
        click.argument("catalog", type=PathArg),
        click.option("--plots", required=True, type=PathArg, help="Plots as GeoJSON (CRS84)."),
        click.option("--out", required=True, type=PathArg, help="Folder for all that is made."),
        click.option("--index", "index_name", default="ndvi", show_default=True,
                     help="Vegetation index: ndvi, ndre, evi, evi2, savi, gndvi, ndwi."),
        click.option("--deliver", "deliver_url", default=None, metavar="URL",
                     help="POST each evidence document there."),
        click.option("--key", type=PathArg, help="Key file to sign with (see keygen)."),
        click.option("--model", "model_file", type=PathArg, help="Yield model (see calibrate)."),
        click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), default=None,
                     help="Ignore scenes after this day."),
        click.option("--picture/--no-picture", default=True, help="Draw the curves, or not."),
        click.option("--config", "config_file", type=PathArg, help="Settings in TOML."),
        click.option("--json", "as_json", is_flag=True, help="Speak JSON."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@cli.command(epilog=EXIT_CODES)
@_ingest_options
def ingest(as_json: bool, picture: bool, **asked: Any) -> None:  # noqa: FBT001  # click's flags
    """Read a STAC CATALOG once and write what it shows of each plot.

    DIR receives series.csv, season.csv, curves.png, curves.svg and
    evidence/PLOT.json. A second run reads only scenes and plots that are new. A
    broken scene or plot is named and skipped.
    """
    settings = _settings(asked.pop("config_file"))
    with _opened(settings, **asked) as work:
        from satellite.evidence.picture import curves_pictures  # noqa: PLC0415  # heavy
        from satellite.evidence.report import round_lines, round_summary  # noqa: PLC0415

        with _progress(as_json) as tell:
            done = work.run(tell)
            if picture:
                work.draw(curves_pictures)
        summary = round_summary(done, work.refused, settings.broken_scenes_named_max)
    _say(summary, round_lines, as_json=as_json)
    if done.delivery.error:
        sys.exit(5)


@cli.command(epilog=EXIT_CODES)
@_ingest_options
@click.option("--poll-s", default=1.0, show_default=True, help="Pause between looks [s].")
@click.option("--until-file", type=PathArg, help="Stop after a last round once it exists.")
def watch(
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
    settings = _settings(asked.pop("config_file"))
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with _opened(settings, **asked) as work:
        from satellite.evidence.report import round_lines, round_summary  # noqa: PLC0415  # heavy

        for facts in _rounds(work, asked["catalog"], stop, poll_s, until_file):
            if isinstance(facts, HarvestlineError):
                _say(facts.problem(), lambda p: [f"waiting: {p['detail']}"], as_json=as_json)
                continue
            done, cpu_s = facts
            summary = round_summary(done, work.refused, settings.broken_scenes_named_max)
            _say(summary | {"cpu_ms": round(cpu_s * 1000)}, round_lines, as_json=as_json)
        if picture:
            from satellite.evidence.picture import curves_pictures  # noqa: PLC0415

            work.draw(curves_pictures)


@cli.command(epilog=EXIT_CODES)
@click.argument("catalog", type=PathArg)
@click.option("--plots", required=True, type=PathArg, help="Plots as GeoJSON (CRS84).")
@click.option("--harvests", required=True, type=PathArg, help="Past harvests in CSV.")
@click.option("--out", required=True, type=PathArg, help="Model file to write.")
@click.option("--index", "index_name", default="ndvi", show_default=True, help="Vegetation index.")
@click.option("--work", type=PathArg, help="Keep what was read here, for the next run.")
@click.option("--json", "as_json", is_flag=True, help="Speak JSON.")
def calibrate(as_json: bool, work: Path | None, **asked: Any) -> None:  # noqa: FBT001
    """Fit the yield model to a CATALOG of past seasons and their harvests.

    Every rung of the ladder and every interval is judged on seasons that were left
    out; the table shows skill against the plain average.
    """
    from satellite.evidence.report import model_lines, model_summary  # noqa: PLC0415  # heavy
    from satellite.indices import index_named  # noqa: PLC0415
    from satellite.series import series_of  # noqa: PLC0415
    from satellite.statistics.intake import Intake  # noqa: PLC0415
    from satellite.statistics.plots import read_plots  # noqa: PLC0415
    from satellite.statistics.store import Store  # noqa: PLC0415
    from satellite.yields.model import write_model  # noqa: PLC0415
    from satellite.yields.train import read_harvests, train  # noqa: PLC0415

    index = index_named(asked["index_name"])
    harvests, (plots, unusable) = read_harvests(asked["harvests"]), read_plots(asked["plots"])
    store = Store(":memory:" if work is None else _folder(work) / "archive.sqlite")
    try:
        with _progress(as_json) as tell:
            Intake(store, plots, index).run(asked["catalog"], None, tell)
        series = series_of(store.looks(index.name, None), index.levels)
        broken = store.broken(index.name)
    finally:
        store.close()
    model = train(harvests, plots, series, index)
    summary = model_summary(model, write_model(asked["out"], model))
    for problem in (*unusable, *broken):
        click.echo(f"skipped: {problem.subject_id}: {problem.detail}", err=True)
    _say(summary, model_lines, as_json=as_json)


@cli.command(epilog=EXIT_CODES)
@click.option("--out", required=True, type=PathArg, help="Private key file to write (mode 600).")
@click.option("--json", "as_json", is_flag=True, help="Speak JSON.")
def keygen(out: Path, as_json: bool) -> None:  # noqa: FBT001  # click passes a flag
    """Make an Ed25519 key for signing evidence; its identity goes beside it.

    Register it: harvestline-server enroll-satellite NAME.pub.json. An existing key is
    never overwritten.
    """
    from satellite.keys import generate_key_file  # noqa: PLC0415  # cryptography

    signer = generate_key_file(out, secrets.token_bytes(SEED_BYTES))
    facts = {"key_id": signer.key_id, "public_key": signer.public_key.hex(), "file": str(out)}
    _say(facts, lambda f: [f"{name:<11}{value}" for name, value in f.items()], as_json=as_json)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command; a fault of ours ends in its catalogue number and exit code.

    Parameters
    ----------
    words
        The command line after the program's name; the process's own if absent.
    """
    try:
        cli(words)
    except HarvestlineError as error:
        click.echo(f"{error.code} {error.entry.title}: {error}", err=True)
        sys.exit(error.entry.exit_code)


@contextmanager
def _opened(
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
        signer = courier = None
        if key is not None:
            from satellite.keys import load_signer  # noqa: PLC0415

            signer = load_signer(key)
        if deliver_url is not None:
            from satellite.evidence.delivery import Courier  # noqa: PLC0415

            courier = stack.enter_context(Courier(deliver_url, settings, time.sleep))
        job = _job(signer, courier, model_file, **asked)
        from satellite.evidence.ingest import Ingest  # noqa: PLC0415  # heavy

        work = Ingest(job)
        stack.callback(work.close)
        yield work


def _job(signer: Any, courier: Any, model_file: Path | None, **asked: Any) -> Job:
    from satellite.indices import index_named  # noqa: PLC0415  # heavy
    from satellite.yields.model import read_model  # noqa: PLC0415

    index = index_named(asked["index_name"])
    model = None if model_file is None else read_model(model_file)
    from satellite.evidence.ingest import Job  # noqa: PLC0415  # heavier

    as_of: datetime | None = asked["as_of"]
    until: date | None = None if as_of is None else as_of.date()
    return Job(
        catalog=asked["catalog"],
        plots_file=asked["plots"],
        out=asked["out"],
        index=index,
        until=until,
        model=model,
        signer=signer,
        courier=courier,
    )


def _rounds(
    work: Ingest, catalog: Path, stop: threading.Event, poll_s: float, until_file: Path | None
) -> Iterator[Any]:
    """Rounds with their CPU time [s], or the fault that kept one from being done."""
    before: tuple[int, ...] | None = None
    while True:
        last = stop.is_set() or (until_file is not None and until_file.exists())
        mark = _mark(catalog)
        if mark != before:
            started = time.process_time()
            try:
                yield work.run(lambda *_: None), time.process_time() - started
            except HarvestlineError as error:
                yield error
            before = mark
        else:
            work.deliver()
        if last:
            return
        stop.wait(poll_s)


def _mark(catalog: Path) -> tuple[int, ...]:
    try:
        stat = catalog.stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[int, int], None]]:  # noqa: FBT001
    if as_json or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console  # noqa: PLC0415  # only on a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("scenes", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _settings(path: Path | None) -> Settings:
    return load_settings(path, os.environ)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _say(
    facts: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]], *, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        click.echo("\n".join(lines(facts)))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
