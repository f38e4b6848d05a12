"""Plots and scene readings come back from another process as they went: bit for bit."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import shapely

from core.wire.evidence import EvidenceKind
from satellite.indices import Index, index_named
from satellite.scenes.item import Item
from satellite.statistics.plots import Plot
from satellite.statistics.reading import SceneOrder, SceneReading, SceneTask, scene_task
from satellite.statistics.sample import Look
from satellite.statistics.weighted import Spread

SQUARE = shapely.Polygon([(34.1, 0.1), (34.1 + 1 / 3, 0.1), (34.2, 0.2), (34.1, 0.1)])
PLOTS = [
    Plot("a", EvidenceKind.CROP, SQUARE, "ab", "maize", "s1", date(2026, 3, 1), source="walked"),
    Plot("ü", EvidenceKind.PASTURE, shapely.box(0.1, 0.2, 0.3, 0.7), "cd"),
]
SEEN = Look("a", 1 / 3, 0.9, 12.5, 7, True, Spread(0.1, 0.2, 1e-300, 0.3), 0.5)
UNSEEN = Look("ü", None, 0.0, 3.0, 0, False)


def travelled(value: object) -> object:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  # what this test has written


def reading(*looks: Look) -> SceneReading:
    item = Item("S2A_1", Path("S2A_1.json"), "2026-04-01T07:50:00Z", date(2026, 4, 1), {})
    return SceneReading(SceneOrder(item, "mark"), "sha", range(len(looks)), looks, "", "")


def test_task_comes_back_with_the_same_boundaries():
    task = scene_task(PLOTS, index_named("ndvi"), Path("keep"))
    back = travelled(task)
    assert isinstance(back, SceneTask)
    assert back == task
    assert [p.polygon.wkb for p in back.plots] == [p.polygon.wkb for p in PLOTS]


def test_task_of_the_same_content_has_the_same_key():
    index = index_named("ndvi")
    again = travelled(index)
    assert isinstance(again, Index)
    assert again == index
    assert scene_task(PLOTS, again).key == scene_task(PLOTS, index).key


def test_reading_comes_back_with_seen_and_unseen_plots_in_their_places():
    for looks in ((SEEN, UNSEEN, SEEN), (UNSEEN,), (SEEN,), ()):
        back = travelled(reading(*looks))
        assert back == reading(*looks)
        assert [type(each) for each in back.looks] == [Look] * len(looks)


def test_fault_comes_back_with_its_words():
    fault = SceneReading(reading().order, code="HL-SAT-001", detail="no red band")
    assert travelled(fault) == fault
