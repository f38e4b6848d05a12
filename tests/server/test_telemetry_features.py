"""What a model may look at of readings and pictures: in units, under consent, missing when thin."""

from __future__ import annotations

import random

import pytest

from core.scoring.features import FeatureDefinition, FeatureValue, Source, admissible
from core.scoring.points import FeatureTable, PdStep, PointsTable, score
from core.wire.evidence import EvidenceKind, Stage
from edge_node.features.season import SEASON
from server.services.downlink import imagery_features
from server.store.evidence import KeptEvidence
from server.training.catalogue import read_catalogue
from server.training.command import CATALOGUE

SEEN = tuple(
    one
    for one in read_catalogue(CATALOGUE).feature
    if one.source in (Source.TELEMETRY, Source.IMAGERY)
)
COVERAGE_PPM_MIN = 500_000


def kept(**changes: object) -> KeptEvidence:
    told = {
        "evidence_id": "ev-1", "sha256": "0" * 64, "satellite": "sat", "kind": EvidenceKind.CROP,
        "subject_id": "plot-1", "season_id": "2026", "as_of": "2026-05-20",
        "last_clear_on": "2026-05-18", "clear_looks": 4, "stage": Stage.VEGETATIVE,
        "stage_observed_on": "2026-05-18", "anomaly_ppm": -90_000, "yield_p10": None,
        "yield_p50": None, "yield_p90": None, "received_at_ms": 0,
    }  # fmt: skip
    return KeptEvidence(**{**told, **changes})  # type: ignore[arg-type]


def test_the_catalogue_holds_every_reading_and_picture_with_unit_and_consent() -> None:
    wanted = {
        "soil_stress_days", "rain_deficit_ppm", "herd_heads_count", "herd_steps_per_day",
        "machine_hours_count", "ndvi_anomaly_ppm", "stage_seen_count",
    }  # fmt: skip
    assert wanted == {one.name for one in SEEN}
    assert all(one.unit and one.purpose and one.words for one in SEEN)


def test_every_reading_in_it_is_one_that_a_station_computes() -> None:
    computed = {one.name for one in SEASON}
    assert {one.name for one in SEEN if one.source is Source.TELEMETRY} <= computed


def test_every_picture_in_it_is_one_that_evidence_gives() -> None:
    given = {value.name for value in imagery_features(kept())}
    assert given == {one.name for one in SEEN if one.source is Source.IMAGERY}


@pytest.mark.parametrize("definition", SEEN, ids=lambda one: one.name)
def test_too_thin_is_missing_and_scores_as_missing_not_as_zero(
    definition: FeatureDefinition,
) -> None:
    rng = random.Random(definition.name)
    points = tuple(rng.sample(range(1, 100), 3))
    edges = (max(definition.low, 0), max(definition.low, 0) + 2)
    one = FeatureTable(definition.name, edges, points, -7, 0)
    table = PointsTable(500, (one,), (), (PdStep(0, 100_000),), 0, 0)
    for value in (0, 1, definition.high):
        thin = FeatureValue(definition.name, value, COVERAGE_PPM_MIN - 1)
        known = FeatureValue(definition.name, value, COVERAGE_PPM_MIN)
        given = ([definition], {definition.name: thin}, [definition.purpose], COVERAGE_PPM_MIN)
        assert admissible(*given) == {}
        assert score(table, admissible(*given)) == 493
        enough = ([definition], {definition.name: known}, [definition.purpose], COVERAGE_PPM_MIN)
        assert score(table, admissible(*enough)) == 500 + one.lookup(value)
        assert admissible([definition], {definition.name: known}, [], COVERAGE_PPM_MIN) == {}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["ndvi_anomaly_ppm", "stage_seen_count"]),
        ({"anomaly_ppm": None}, ["stage_seen_count"]),
        ({"clear_looks": 0, "stage": Stage.SOWING, "anomaly_ppm": None}, []),
        ({"kind": EvidenceKind.PASTURE}, ["ndvi_anomaly_ppm"]),
    ],
)
def test_what_was_never_seen_is_absent(changes: dict[str, object], names: list[str]) -> None:
    assert [value.name for value in imagery_features(kept(**changes))] == names


def test_a_stage_is_its_place_in_the_season() -> None:
    for stage in Stage:
        [told] = [v for v in imagery_features(kept(stage=stage)) if v.name == "stage_seen_count"]
        assert told.value == stage.rank
