"""The command ``integrity``: what it says of plots, and of pledges that it could not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from satellite.app import main
from tests.support.tiny_scenes import box_ring, plot_feature, write_plots


def _said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["integrity", *map(str, words)])
    assert not stop.value.code
    return capsys.readouterr().out


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    write_plots(tmp_path / "asked.geojson", [plot_feature("new", box_ring(0, 0, 20, 20))])
    return tmp_path / "asked.geojson"


def test_a_pledge_that_cannot_be_read_is_named_because_nothing_is_held_against_it(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pledged = tmp_path / "pledged.geojson"
    write_plots(pledged, [plot_feature("old", box_ring(300, 300, 320, 320))])
    collection = json.loads(pledged.read_text())
    collection["features"].append({"type": "Feature", "properties": {}, "geometry": None})
    pledged.write_text(json.dumps(collection))
    said = _said(capsys, asked, "--against", pledged, "--as-of", "2026-05-01")
    assert "held against 1 that are pledged" in said
    assert "not compared with, of the pledged: feature 1: expected a plot_id" in said


def test_without_imagery_nothing_is_said_of_what_satellites_saw(
    asked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _said(capsys, asked, "--against", asked, "--as-of", "2026-05-01")
    assert said.startswith("plots  1 given\n       held against 1 that are pledged\nflags  ")
