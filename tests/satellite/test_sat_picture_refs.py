"""What evidence is given of pictures: the season's days, spread, and the season's curve."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.canonical import sha256_hex
from satellite.evidence.ingest import Ingest, Job
from satellite.indices import index_named
from satellite.quicklooks.make import PictureJob, Pictures
from satellite.quicklooks.offer import DAYS_MAX, pictures_for, season_curve
from satellite.quicklooks.shelf import Shelf
from tests.support.tiny_scenes import (
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)

NDVI = index_named("ndvi")
FIRST = date(2026, 3, 20)
LOOKS = 16
CLEAR, CLOUDY = 4, 9


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A season of looks seven days apart; every fifth is under cloud."""
    root = tmp_path_factory.mktemp("season")
    scenes = []
    for i in range(LOOKS):
        day = FIRST + timedelta(days=7 * i)
        level = 0.2 + 0.6 * np.sin(np.pi * i / (LOOKS - 1))
        scl = np.full((20, 20), CLOUDY if i % 5 == 4 else CLEAR)
        scenes.append(ndvi_scene(f"s{i:02d}", day.isoformat(), np.full((40, 40), level), scl))
    plots = write_plots(root / "plots.geojson", [
        plot_feature("p1", box_ring(100, 100, 220, 220), crop="maize", sown_on="2026-03-22"),
    ])  # fmt: skip
    return write_catalog(root / "stac", scenes), plots


@pytest.fixture(scope="module")
def shelf(season: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    job = PictureJob(str(season[0]), season[1], tmp_path_factory.mktemp("drawn"), NDVI)
    work = Pictures(job)
    work.run(lambda *_: None)
    yield work.shelf
    work.close()


def test_evidence_names_clear_days_of_its_season_up_to_its_own(shelf: Shelf) -> None:
    last = FIRST + timedelta(days=60)
    refs = pictures_for(shelf, "p1", FIRST + timedelta(days=7), last)
    days = sorted({ref.day for ref in refs})
    cloudy = {(FIRST + timedelta(days=7 * i)).isoformat() for i in (4, 9, 14)}
    assert days[0] == "2026-03-27"
    assert days[-1] <= last.isoformat()
    assert cloudy.isdisjoint(days)
    assert {ref.kind for ref in refs} == {"false_color", "index"}
    assert len(refs) == 2 * len(days)
    for row in shelf.pictures("p1"):
        assert sha256_hex((shelf.folder / row.name).read_bytes()) == row.ref.sha256


def test_of_many_days_some_are_named_with_both_ends(shelf: Shelf) -> None:
    refs = pictures_for(shelf, "p1", date(2026, 1, 1), date(2026, 12, 31))
    days = sorted({ref.day for ref in refs})
    assert len(days) == DAYS_MAX
    assert (days[0], days[-1]) == (
        FIRST.isoformat(), (FIRST + timedelta(days=7 * (LOOKS - 1))).isoformat(),
    )  # fmt: skip
    few = pictures_for(shelf, "p1", date(2026, 1, 1), date(2026, 12, 31), days_max=4)
    assert len({ref.day for ref in few}) == 4
    assert pictures_for(shelf, "nowhere", date(2026, 1, 1), date(2026, 12, 31)) == ()


def test_a_season_s_curve_is_a_picture_named_by_its_bytes(
    season: tuple[Path, Path], tmp_path: Path
) -> None:
    work = Ingest(Job(season[0], season[1], tmp_path, NDVI))
    work.run(lambda *_: None)
    (subject,) = work.subjects
    work.close()
    assert subject.curve is not None
    one, again = season_curve(subject, NDVI), season_curve(subject, NDVI)
    assert one == again
    assert (one.ref.kind, one.ref.sha256) == ("curve", sha256_hex(one.data))
    assert one.ref.day == subject.series.looks[-1].date.isoformat()
    assert one.ref.size_bytes < 8_000
