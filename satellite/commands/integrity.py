"""``integrity``: what does not fit, as flags that should send an officer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from satellite.commands.hands import EXIT_CODES, PathArg, json_option, say
from satellite.config import OutputError, StateError
from satellite.evidence.ingest import STATE_FILE, file_name
from satellite.files import write_atomically
from satellite.indices import Index, index_named
from satellite.integrity.flags import Finding, Known, findings_of, overlap_findings
from satellite.integrity.inputs import patches_around, read_claims
from satellite.integrity.overlap import Pledges
from satellite.season.detect import season_of
from satellite.series import PIXELS_MIN, series_of, smooth
from satellite.statistics.plots import Plot, Problem, read_plots
from satellite.statistics.store import Store
from satellite.yields.estimate import Subject

DayArg = click.DateTime(["%Y-%m-%d"])


@click.command(epilog=EXIT_CODES)
@click.argument("plots_file", type=PathArg, metavar="PLOTS")
@click.option("--against", type=PathArg, help="Plots that are pledged already, as GeoJSON.")
@click.option("--state", type=PathArg, help="Folder that `ingest` wrote: its series are read.")
@click.option("--catalog", help="The scenes that were ingested: boundaries are tested on them.")
@click.option("--claims", type=PathArg, help="Claimed losses: CSV of plot_id, loss_on.")
@click.option("--index", "index_name", default="ndvi", show_default=True, help="Index to read.")
@click.option("--as-of", type=DayArg, default=None, help="Ignore looks after this day.")
@click.option("--out", type=PathArg, help="Folder for pictures and flags.csv.")
@json_option
def integrity(  # one argument an option
    plots_file: Path, out: Path | None, as_of: datetime | None, as_json: bool,  # noqa: FBT001
    **asked: Any,
) -> None:  # fmt: skip
    """Name what does not fit in PLOTS: a flag sends an officer, and refuses nobody.

    Land that is pledged twice needs no imagery: give --against. The others read what
    `ingest` stored (--state): plots without a crop, other crops, lone losses; and, with
    --catalog, boundaries drawn too wide. Most flags are false alarms, because fraud is
    rare: each says how often it is true.
    """
    if asked["state"] is None and asked["against"] is None:
        raise click.UsageError("expected --against, --state, or both")
    if asked["state"] is None and as_of is None:
        raise click.UsageError("expected --as-of, the day of the pledge, without --state")
    plots, unusable = read_plots(plots_file)
    until = as_of and as_of.date()
    index = index_named(asked["index_name"])
    subjects = [] if asked["state"] is None else _subjects(asked["state"], plots, index, until)
    known = Known(
        {} if asked["claims"] is None else read_claims(asked["claims"]),
        {} if asked["catalog"] is None
        else patches_around(asked["catalog"], subjects, index, until),
    )  # fmt: skip
    draw = out is not None
    pledged, unusable_pledges = _pledged(asked["against"])
    found = _overlaps(pledged, plots, until or _newest(subjects), draw=draw)
    found += findings_of(subjects, index.levels, known, draw=draw)
    if out is not None:
        _write(out, found)
    facts = {
        "plots": len(plots),
        "pledged": None if asked["against"] is None else len(pledged),
        "seen": None if asked["state"] is None else len(subjects),
        "too_small": sum(one.series.is_small for one in subjects),
        "boundaries": len(known.patches),
        "flags": [{"plot_id": f.plot_id, **asdict(f.flag)} for f in found],
        "skipped": [asdict(problem) for problem in unusable],
        "pledged_skipped": [asdict(problem) for problem in unusable_pledges],
    }
    say(facts, _lines, as_json=as_json)


def _subjects(
    state: Path, plots: Sequence[Plot], index: Index, until: date | None
) -> list[Subject]:
    path = state / STATE_FILE
    if not path.is_file():
        raise StateError(
            f"expected a folder that `ingest` wrote, with a {STATE_FILE}, got {state}: "
            "run ingest first, or name its --out"
        )
    store = Store(path)
    try:
        series = series_of(store.looks(index.name, until), index.levels)
    finally:
        store.close()
    seen = [(plot, series[plot.plot_id]) for plot in plots if plot.plot_id in series]
    seen = [(plot, one) for plot, one in seen if one.pixels >= PIXELS_MIN and one.used]
    curves = smooth([one for _, one in seen], index.levels.noise_sd)
    return [
        Subject(plot, one, curve, season_of(plot, one, curve, index.levels))
        for (plot, one), curve in zip(seen, curves, strict=True)
    ]


def _pledged(against: Path | None) -> tuple[list[Plot], list[Problem]]:
    return ([], []) if against is None else read_plots(against)


def _overlaps(
    pledged: Sequence[Plot], plots: Sequence[Plot], as_of: date, *, draw: bool
) -> list[Finding]:
    if not pledged:
        return []
    overlaps = Pledges(pledged).overlaps_of(plots)
    return overlap_findings(plots, pledged, overlaps, as_of, draw=draw)


def _newest(subjects: Sequence[Subject]) -> date:
    return max((one.series.looks[-1].date for one in subjects), default=date.min)


def _write(out: Path, found: Sequence[Finding]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"expected a folder to write to at {out}, got: {error}") from error
    rows = ["plot_id,code,raised_on,precision_ppm,facts,picture"]
    for finding in found:
        flag = finding.flag
        name = f"{file_name(finding.plot_id)}-{flag.code}-{(flag.picture_sha256 or '')[:8]}.png"
        write_atomically(out / name, finding.picture)
        facts = "; ".join(f"{key}={value}" for key, value in flag.facts.items()).replace('"', "'")
        rows.append(
            f'{finding.plot_id},{flag.code},{flag.raised_on},{flag.precision_ppm},"{facts}",{name}'
        )
    write_atomically(out / "flags.csv", ("\n".join(rows) + "\n").encode())


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"plots  {facts['plots']} given"]
    if facts["pledged"] is not None:
        lines.append(f"       held against {facts['pledged']} that are pledged")
    if facts["seen"] is not None:
        lines.append(f"       {facts['seen']} seen by satellite, {facts['too_small']} too small "
                     f"to judge, {facts['boundaries']} boundaries tested")  # fmt: skip
    lines.append(f"flags  {len(facts['flags'])}, for an officer to visit")
    for flag in facts["flags"]:
        said = ", ".join(f"{key} {value}" for key, value in flag["facts"].items())
        share = flag["precision_ppm"] / 10_000
        lines.append(f"{flag['plot_id']}: {flag['code']} (true in {share:.1f} %): {said}")
    lines += [f"skipped: {p['subject_id']}: {p['detail']}" for p in facts["skipped"]]
    lines += [
        f"not compared with, of the pledged: {p['subject_id']}: {p['detail']}"
        for p in facts["pledged_skipped"]
    ]
    return lines
