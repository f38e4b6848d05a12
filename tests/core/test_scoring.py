from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelRefusedError, ShapeError
from core.scoring.features import FeatureValue, admissible
from core.scoring.points import (
    PAIRS_MAX,
    FeatureTable,
    PairTable,
    PdStep,
    PointsTable,
    pd_ppm,
    score,
    score_and_lost,
)
from core.shape import decode, encode
from core.wire.modelfile import Model, ModelState, admit, state
from tests.support.models import FEATURES, TABLE, small_model
from tests.support.points_tables import applications_of, table_of


@pytest.mark.parametrize(
    ("inputs", "points"),
    [
        ({}, 500 - 10 + 0 - 15 + 0),
        ({"past_late_days": 0, "area_m2": 9_000, "soil_stress_days": 3}, 500 + 20 + 15 + 10 + 4),
        ({"past_late_days": 1, "area_m2": 5_000, "soil_stress_days": 10}, 500 + 0 + 15 - 40 - 20),
        ({"past_late_days": 29, "area_m2": 4_999}, 500 + 0 - 5 - 15 + 0),
        ({"past_late_days": 30}, 500 - 60 + 0 - 15 + 0),
        ({"unheard_of": 7}, 475),
    ],
)
def test_points_add_up(inputs: dict[str, int], points: int) -> None:
    assert score(TABLE, inputs) == points


@pytest.mark.parametrize(
    ("points", "rate"),
    [(-50, 400_000), (469, 400_000), (470, 200_000), (500, 80_000), (9999, 30_000)],
)
def test_a_score_has_its_default_probability(points: int, rate: int) -> None:
    assert pd_ppm(TABLE, points) == rate


def test_reasons_are_the_points_lost_worst_first() -> None:
    _, lost = score_and_lost(
        TABLE, {"past_late_days": 40, "area_m2": 9_000, "soil_stress_days": 20}
    )
    # late: 10+60 = 70; area: 5-15 + pair 1+20 = 11; stress: 5+40 = 45.
    assert [(one.feature, one.points) for one in lost] == [
        ("past_late_days", 70),
        ("soil_stress_days", 45),
        ("area_m2", 11),
    ]


@given(
    st.dictionaries(st.sampled_from([d.name for d in FEATURES]), st.integers(-(2**31), 2**31 - 1))
)
def test_losses_explain_the_whole_score(inputs: dict[str, int]) -> None:
    """Score = best reference − everything lost + everything gained: exact, for it adds up."""
    reference = TABLE.base + sum(t.reference_points for t in (*TABLE.features, *TABLE.pairs))
    losses = [t.reference_points - t.lookup(inputs.get(t.feature)) for t in TABLE.features]
    losses += [
        t.reference_points - t.lookup(inputs.get(t.first), inputs.get(t.second))
        for t in TABLE.pairs
    ]
    assert score(TABLE, inputs) == reference - sum(losses)
    assert all(one.points > 0 for one in score_and_lost(TABLE, inputs)[1])


def test_what_is_thin_or_without_consent_is_missing_never_zero() -> None:
    values = {
        "past_late_days": FeatureValue("past_late_days", 3),
        "area_m2": FeatureValue("area_m2", 9_000, coverage_ppm=400_000),
        "soil_stress_days": FeatureValue("soil_stress_days", 5),
    }
    assert admissible(FEATURES, values, [], 500_000) == {"past_late_days": 3}
    granted = admissible(FEATURES, values, ["device_readings"], 300_000)
    assert granted == {"past_late_days": 3, "area_m2": 9_000, "soil_stress_days": 5}


def test_values_are_held_within_the_feature_s_range() -> None:
    values = {"area_m2": FeatureValue("area_m2", 10**12)}
    assert admissible(FEATURES, values, [], 0) == {"area_m2": 1_000_000}


def test_a_model_reads_back_as_itself() -> None:
    model = small_model()
    assert decode(Model, encode(model)) == model


def test_a_broken_table_is_refused() -> None:
    with pytest.raises(ShapeError, match="one more point"):
        FeatureTable("x", (1, 2), (0, 0), 0, 0)
    with pytest.raises(ShapeError, match="rising edges"):
        FeatureTable("x", (2, 1), (0, 0, 0), 0, 0)
    with pytest.raises(ShapeError, match="falling pd_ppm"):
        replace(TABLE, pd_steps=(PdStep(0, 1), PdStep(5, 2)))
    with pytest.raises(ShapeError, match="3 × 3"):
        replace(TABLE.pairs[0], points=((0, 0),))
    with pytest.raises(ModelRefusedError, match="no definition"):
        replace(small_model(), features=FEATURES[:1])


@pytest.mark.parametrize(
    ("version", "sha", "in_use", "in_use_sha", "replaces"),
    [(2, "b", 1, "a", True), (1, "a", 1, "a", False), (1, "a", 0, "", True)],
)
def test_a_newer_model_replaces(
    version: int, sha: str, in_use: int, in_use_sha: str, replaces: bool
) -> None:
    assert admit(small_model(version), sha, in_use, in_use_sha) is replaces


@pytest.mark.parametrize(("version", "says"), [(1, "older than 2"), (2, "other content")])
def test_an_older_or_altered_model_is_refused(version: int, says: str) -> None:
    with pytest.raises(ModelRefusedError, match=says):
        admit(small_model(version), "x", 2, "y")


def test_an_expired_model_is_stale_not_gone() -> None:
    model = replace(small_model(), valid_from_ms=10, valid_to_ms=20)
    assert [state(model, at) for at in (9, 10, 19, 20)] == [
        ModelState.STALE, ModelState.CURRENT, ModelState.CURRENT, ModelState.STALE,
    ]  # fmt: skip


@pytest.mark.parametrize("edges", [(2, 1), (1, 1)])
def test_a_pair_whose_edges_do_not_rise_is_refused(edges: tuple[int, ...]) -> None:
    rows = ((0, 0),) * 4
    with pytest.raises(ShapeError, match="expected rising edges"):
        PairTable("a", "b", edges, (), rows, 0)
    with pytest.raises(ShapeError, match="expected rising edges"):
        PairTable("a", "b", (), edges, ((0, 0, 0, 0),) * 2, 0)


def plainly(table: PointsTable, inputs: dict[str, int]) -> tuple[int, list[tuple[str, int]]]:
    """The score and the reasons as a reader would add them up, table by table."""
    total, lost = table.base, dict[str, int]()
    for one in table.features:
        points = one.lookup(inputs.get(one.feature))
        total += points
        lost[one.feature] = lost.get(one.feature, 0) + one.reference_points - points
    for two in table.pairs:
        points = two.lookup(inputs.get(two.first), inputs.get(two.second))
        total += points
        lost[two.first] = lost.get(two.first, 0) + two.reference_points - points
    losing = sorted((item for item in lost.items() if item[1] > 0), key=lambda item: -item[1])
    return total, losing[:4]


def twice_over(table: PointsTable) -> PointsTable:
    """A table whose first feature has a second table and whose pair leads with one of its own."""
    led = [replace(two, first="of the pair alone") for two in table.pairs[:1]]
    again = replace(table.features[0], reference_points=7)
    return replace(
        table, features=(*table.features, again), pairs=(*table.pairs[: PAIRS_MAX - 1], *led)
    )


@pytest.mark.parametrize("seed", range(20))
def test_one_walk_adds_up_as_a_reader_would(seed: int) -> None:
    rng = random.Random(seed)
    drawn = table_of(rng, points_max=10_000)
    for table in (drawn, twice_over(drawn)):
        for inputs in applications_of(rng, table, 40):
            known = {name: value for name, value in inputs.items() if value is not None}
            total, losing = plainly(table, known)
            assert score_and_lost(table, known) == (total, tuple(losing))
            assert score(table, known) == total


def test_a_table_is_told_from_another_that_took_its_place() -> None:
    """What is laid out of a table is kept by where it lies, and that may be reused."""
    found = set()
    for base in range(200):
        found.add(score(replace(TABLE, base=base), {}))
    assert len(found) == 200
