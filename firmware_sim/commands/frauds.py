"""``harvestline-sim frauds``: a village some of whose declarations are not true."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from firmware_sim.commands.perils import perils_option
from firmware_sim.config import OutputFolderError
from firmware_sim.district.frauds import (
    EACH_MAX,
    Declared,
    Planted,
    plant_frauds,
    write_fraud_item,
)
from firmware_sim.district.imagery import finish_catalog, scene_days, scene_rng
from firmware_sim.district.perils import Peril, draw_perils
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.district.simulate import declared_sowing, live_season, rebuild
from firmware_sim.history.polygons import collection, feature
from firmware_sim.history.register import CROP

_LOSING = (Peril.HAIL, Peril.FLOOD, Peril.DROUGHT)


@click.command("frauds")
@click.option("--seed", type=click.IntRange(min=0), required=True, help="The village's seed.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option(
    "--truth", "truth_file", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="File for the list of frauds; keep it where no lender's software reads.",
)  # fmt: skip
@click.option(
    "--each", type=click.IntRange(0, EACH_MAX), default=6, show_default=True,
    help="Frauds of each kind.",
)  # fmt: skip
@click.option(
    "--to", "last", type=click.DateTime(["%Y-%m-%d"]), default=None,
    help="Last day of scenes; the season's last if absent.",
)  # fmt: skip
@click.option(
    "--real-edges", is_flag=True,
    help="Blur and misplace scenes as a real satellite does, and let headlands grow weaker.",
)  # fmt: skip
@perils_option
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(
    *,
    seed: int,
    out: Path,
    truth_file: Path,
    each: int,
    last: Any,
    **asked: Any,
) -> None:
    """Write a village in which frauds are planted among honest declarations.

    OUT receives plots.geojson (what is declared now), pledged.geojson (what is pledged
    already), claims.csv (losses that farmers claim, true and staged) and scenes/. The
    honest season of the same seed keeps its bytes.
    """
    if truth_file.resolve().is_relative_to(out.resolve()):
        raise OutputFolderError(f"expected --truth outside {out}, got {truth_file}")
    perils: tuple[Peril, ...] = asked["perils"]
    as_json: bool = asked["as_json"]
    district, truth = rebuild(seed, perils=perils)
    planted = plant_frauds(
        district,
        truth,
        declared_sowing(district, truth.spec, seed),
        each,
        _struck(district, perils),
    )
    _write_declarations(out, planted, truth)
    _write(truth_file, json.dumps({"frauds": _told(planted)}, indent=1) + "\n")
    until = last.date() if last else truth.spec.last_day
    shown = sys.stderr.isatty() and not as_json
    days = list(scene_days(truth.spec.first_day, until))
    with click.progressbar(days, label="Scenes", file=sys.stderr, hidden=not shown) as bar:
        for day in bar:
            rng = scene_rng(seed, day)
            write_fraud_item(
                out / "scenes",
                day,
                (district, truth),
                planted,
                rng,
                real_edges=asked["real_edges"],
            )
    finish_catalog(out / "scenes")
    counts = {"plots": len(planted.declared), "frauds": len(planted.frauds), "scenes": len(days)}
    words = json.dumps(counts) if as_json else ", ".join(f"{n} {w}" for w, n in counts.items())
    click.echo(words)


def _struck(district: District, perils: Iterable[Peril]) -> dict[int, date]:
    """Plots that a true hazard struck, and the day from which a farmer could tell."""
    asked = [peril for peril in perils if peril in _LOSING]
    if not asked:
        return {}
    spec = live_season(drought=False)
    delay = {Peril.DROUGHT: 25}
    strikes = draw_perils(district, spec, asked).strikes
    return {
        strike.plot: spec.first_day + timedelta(days=strike.day + delay.get(strike.peril, 0))
        for strike in reversed(strikes)
    }


def _told(planted: Planted) -> list[dict[str, Any]]:
    return [
        {"plot_id": f.plot_id, "kind": f.kind.value, "how": f.how, "share": round(f.share, 3)}
        for f in planted.frauds
    ]


def _write_declarations(out: Path, planted: Planted, truth: SeasonTruth) -> None:
    pledged = [d for d in planted.declared if d.is_pledged]
    claims = [d for d in planted.declared if d.loss_on is not None]
    rows = [f"{d.plot_id},{d.loss_on}" for d in claims]
    _write(out / "plots.geojson", _geojson(planted.declared, truth))
    _write(out / "pledged.geojson", _geojson(pledged, truth))
    _write(out / "claims.csv", "\n".join(["plot_id,loss_on", *rows]) + "\n")


def _geojson(declared: Iterable[Declared], truth: SeasonTruth) -> str:
    features = [
        feature(
            d.ring,
            {
                "plot_id": d.plot_id,
                "kind": "crop",
                "crop": CROP,
                "season_id": truth.spec.season_id,
                "sown_on": d.sown_on.isoformat(),
                "source": d.source,
            },
        )
        for d in declared
    ]
    return json.dumps(collection(features), indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputFolderError(f"expected to write {path}: {error}") from error
