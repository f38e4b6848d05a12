"""What would change a decision: told exactly, nearest first, and only what people can change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decision.changing import Change, ChangeKind, what_would_change
from core.decision.policy import DecisionInputs, Verdict, decide
from core.scoring.features import FeatureValue
from core.wire.modelfile import Model
from tests.support.applications import GOOD, MODEL, PRODUCT, asked

AREA = "With a planted area of at least {value} m²."
LATE = "With at most {value} days."


def open_to(*names: str) -> Model:
    """The model, of which the farmer can change these features."""
    words = {"area_m2": AREA, "past_late_days": LATE}
    features = tuple(
        replace(one, change=words[one.name]) if one.name in names else one for one in MODEL.features
    )
    return replace(MODEL, features=features)


def told(inputs: DecisionInputs, model: Model = MODEL) -> tuple[Change, ...]:
    return what_would_change(inputs, decide(inputs, model, PRODUCT), model, PRODUCT)


def values(late: int, area: int) -> tuple[FeatureValue, ...]:
    return FeatureValue("past_late_days", late), FeatureValue("area_m2", area)


def test_an_approval_needs_no_change() -> None:
    assert told(asked(), open_to("area_m2", "past_late_days")) == ()


def test_the_nearest_value_of_one_feature_is_told() -> None:
    # 500 + 0 - 5 = 495 is not enough (500 is); from 5,000 m² on it is 515 and more.
    inputs = asked(features=values(5, 3_000))
    assert decide(inputs, MODEL, PRODUCT).verdict is Verdict.REFER
    assert told(inputs, open_to("area_m2")) == (
        Change(ChangeKind.FEATURE, "area_m2", 5_000, at_most=False),
    )
    # Late by 0 days instead of 5 is a smaller part of that feature's range.
    assert told(inputs, open_to("area_m2", "past_late_days")) == (
        Change(ChangeKind.FEATURE, "past_late_days", 0, at_most=True),
    )


def test_two_features_are_told_where_one_is_not_enough() -> None:
    inputs = asked(features=values(40, 3_000))
    model = open_to("area_m2", "past_late_days")
    assert decide(inputs, model, PRODUCT).verdict is Verdict.DECLINE
    found = told(inputs, model)
    # Either alone leaves 435 or 515: late days alone are enough.
    assert found == (Change(ChangeKind.FEATURE, "past_late_days", 0, at_most=True),)
    harder = replace(model, table=replace(model.table, base=480))
    assert [(c.about, c.value) for c in told(inputs, harder)] == [
        ("past_late_days", 0),
        ("area_m2", 5_000),
    ]


def test_what_nobody_can_change_is_not_told() -> None:
    assert told(asked(features=values(40, 3_000))) == ()


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"home_station": "mbali"}, (Change(ChangeKind.STATION, "mbali"),)),
        ({"purposes": ()}, (Change(ChangeKind.CONSENT, "automated_decision"),)),
        ({"asked_minor": 6_000_001}, (Change(ChangeKind.AMOUNT, "", 6_000_000, at_most=True),)),
        (
            {"asked_minor": 3_000_001, "model_stale": True},
            (Change(ChangeKind.AMOUNT, "", 3_000_000, at_most=True),),
        ),
        (
            {"purposes": (), "asked_minor": 6_500_000},
            (
                Change(ChangeKind.CONSENT, "automated_decision"),
                Change(ChangeKind.AMOUNT, "", 6_000_000, at_most=True),
            ),
        ),
        ({"capacity_minor": 9_999}, ()),  # what the season cannot repay, nothing asked changes
        ({"features": GOOD[:1]}, ()),
    ],
)
def test_each_cause_has_its_own_remedy(
    changes: dict[str, object], wanted: tuple[Change, ...]
) -> None:
    assert told(asked(**changes)) == wanted


@given(
    late=st.integers(0, 400), area=st.integers(0, 20_000), base=st.integers(440, 540),
    low=st.integers(460, 520), width=st.integers(0, 40),
)  # fmt: skip
def test_what_is_told_is_enough_and_nothing_nearer_is(
    late: int, area: int, base: int, low: int, width: int
) -> None:
    """Held against every pair of values on a grid finer than the model's bins."""
    model = open_to("area_m2", "past_late_days")
    table = replace(model.table, base=base, refer_low=low, refer_high=low + width)
    model = replace(model, table=table)
    inputs = asked(features=values(late, area))
    found = told(inputs, model)

    def approves(these: tuple[FeatureValue, ...]) -> bool:
        return decide(asked(features=these), model, PRODUCT).verdict is Verdict.APPROVE

    lates, areas = sorted({0, 29, 30, 400, late}), sorted({0, 4_999, 5_000, 20_000, area})
    singles = [(x, area) for x in lates] + [(late, y) for y in areas]
    if approves(values(late, area)):
        assert found == ()
        return
    if not any(approves(values(x, y)) for x in lates for y in areas):
        assert found == ()
        return
    new = {change.about: change.value for change in found}
    assert approves(values(new.get("past_late_days", late), new.get("area_m2", area)))
    if any(approves(values(*pair)) for pair in singles):
        assert len(found) == 1
        far = abs(found[0].value - (late if found[0].about == "past_late_days" else area))
        nearer = [abs(x - late) + abs(y - area) for x, y in singles if approves(values(x, y))]
        assert far <= min(nearer)
