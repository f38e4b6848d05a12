"""Findings in evidence: how well it was seen, what stands out, and pictures named by hash."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.canonical import sha256_hex
from core.shape import decode
from core.wire.evidence import Evidence, Stage
from satellite.app import main
from tests.support.tiny_scenes import (
    Scene,
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)

SOWN = date(2026, 3, 20)
SIDE = 40
DECLARED = {"crop": "maize", "sown_on": SOWN.isoformat(), "season_id": "2026-long-rains"}
OWN_INDEX = """
[index.greener]
formula = "(nir - red) / (nir + red + 0.1)"
bands = ["red", "nir"]
source = "a test's own"
levels = "ndvi"
"""


def _maize(day: int) -> float:
    return float(0.18 + 0.62 / (1 + np.exp(-(day - 40) / 7)) / (1 + np.exp((day - 115) / 8)))


def _scene(day: int) -> Scene:
    when = SOWN + timedelta(days=day)
    field = np.full((SIDE, SIDE), _maize(day))
    return ndvi_scene(
        f"S2_{when:%Y%m%d}", when.isoformat(), field, np.full((SIDE // 2, SIDE // 2), 4)
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("findings")
    write_catalog(folder / "stac", [_scene(day) for day in range(0, 80, 8)])
    rings = {"p0": box_ring(20, 20, 160, 160), "p1": box_ring(200, 20, 360, 160)}
    write_plots(
        folder / "plots.geojson",
        [plot_feature(name, ring, **DECLARED) for name, ring in rings.items()],
    )
    taken = plot_feature("taken-already", box_ring(60, 20, 190, 160), **DECLARED)
    write_plots(folder / "pledged.geojson", [taken])
    (folder / "own.toml").write_text(OWN_INDEX)
    return folder


def _ingest(place: Path, out: str, *options: str) -> Path:
    words = [
        "ingest", str(place / "stac" / "catalog.json"), "--plots", str(place / "plots.geojson"),
        "--out", str(place / out), "--no-picture", *options,
    ]  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    return place / out


def _evidence(out: Path) -> dict[str, Evidence]:
    files = (out / "evidence").glob("*.json")
    return {path.stem: decode(Evidence, json.loads(path.read_bytes())) for path in files}


def _wide(place: Path) -> tuple[str, ...]:
    return (
        "--flags", "--against", str(place / "pledged.geojson"), "--chips", "--also", "greener",
        "--indices", str(place / "own.toml"), "--pixels", str(place / "pixels"),
    )  # fmt: skip


def test_without_being_asked_evidence_says_how_well_a_plot_was_seen(place: Path) -> None:
    found = _evidence(_ingest(place, "plain"))["p0"].findings
    assert found is not None
    seen = found.observability
    assert (seen.looks, seen.valid_mean_ppm, seen.full_pixels) == (10, 1_000_000, 144)
    assert (seen.pixels_e2, seen.gap_days_max) == (19_600, 10)
    assert (found.hazards, found.flags, found.pictures) == ((), (), ())
    assert sum(found.stage_chances_ppm) == 1_000_000
    assert len(found.stage_chances_ppm) == len(Stage)


def test_what_was_asked_for_is_told_and_shown(place: Path) -> None:
    out = _ingest(place, "wide", *_wide(place))
    told = _evidence(out)
    found = told["p0"].findings
    assert found is not None
    (flag,) = found.flags
    assert flag.code == "pledge_overlap"
    assert flag.facts["other_plot"] == "taken-already"
    assert 0 < flag.base_rate_ppm < flag.precision_ppm <= 1_000_000
    kinds = {picture.kind for picture in found.pictures}
    assert {"index", "pledge_overlap"} <= kinds
    files = {sha256_hex(p.read_bytes()): p for p in (out / "pictures").rglob("*.*")}
    for picture in found.pictures:
        assert files[picture.sha256].stat().st_size == picture.size_bytes
    assert told["p1"].findings is not None
    assert told["p1"].findings.flags == ()


def test_another_index_of_ones_own_is_measured_beside(place: Path) -> None:
    out = _ingest(place, "wide", *_wide(place))
    rows = list(csv.DictReader((out / "series.csv").read_text().splitlines()))
    by_index: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["plot_id"] == "p0":
            by_index.setdefault(row["index"], {})[row["date"]] = float(row["mean"])
    assert by_index["greener"].keys() == by_index["ndvi"].keys()
    assert all(by_index["greener"][day] < by_index["ndvi"][day] for day in by_index["ndvi"])
    assert all(float(row["p10"]) <= float(row["median"]) <= float(row["p90"]) for row in rows)


def test_the_same_inputs_give_the_same_bytes(place: Path) -> None:
    once, again = (_ingest(place, name, *_wide(place)) for name in ("once", "again"))
    for path in sorted((once / "evidence").iterdir()):
        assert path.read_bytes() == (again / "evidence" / path.name).read_bytes()
    for name in ("series.csv", "season.csv"):
        assert (once / name).read_bytes() == (again / name).read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--also", "nonsense"), "nonsense"),
        (("--against", "missing.geojson"), "missing.geojson"),
        (("--claims", "missing.csv"), "missing.csv"),
        (("--past", "missing.json"), "missing.json"),
        (("--weather", "missing.csv"), "missing.csv"),
        (("--indices", "missing.toml"), "missing.toml"),
    ],
)
def test_what_cannot_be_read_is_named(
    place: Path, words: tuple[str, ...], says: str, capsys: Any
) -> None:
    base = ["ingest", str(place / "stac" / "catalog.json"), "--plots"]
    base += [str(place / "plots.geojson"), "--out", str(place / "bad"), *words]
    with pytest.raises(SystemExit) as ended:
        main(base)
    assert ended.value.code == 3
    assert says in capsys.readouterr().err
