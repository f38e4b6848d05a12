"""The limit rule against worked examples: 100 mu of wheat through a season."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lending.limit import (
    HerdView,
    Household,
    Movement,
    PlotView,
    Standing,
    Terms,
    crop_terms,
    estimate,
    has_worsened,
    herd_terms,
    review,
    sowing_terms,
)
from core.reasons import Reason, ReasonCode
from tests.support.products import CROP, HERD, crop_product, herd_product

WHEAT = crop_product()
NOBODY = Household(size=0)


def plot(stage: str, q10: int | None) -> PlotView:
    return PlotView("p", 1_000, stage, stage, 3, q10, q10, "e")


@pytest.mark.parametrize(
    ("stage", "q10", "carried", "cost", "limit"),
    [
        ("sowing", 318_248, 4_334_156, 2_800_000, 2_800_000),
        ("vegetative", 373_104, 5_081_229, 6_000_000, 5_080_000),
        ("heading", 411_552, 5_604_844, 7_200_000, 5_600_000),
        ("heading", 285_144, 3_883_319, 7_200_000, 3_880_000),  # drought
    ],
)
def test_the_worked_example(stage: str, q10: int, carried: int, cost: int, limit: int) -> None:
    terms = crop_terms(WHEAT, [plot(stage, q10)], NOBODY)
    assert terms is not None
    assert abs(terms.collateral_minor - carried) <= 1
    assert terms.stage_cost_minor == cost
    assert terms.limit(10_000) == limit


def test_a_sharper_estimate_raises_the_limit_with_the_same_mean() -> None:
    wide, sharp = plot("heading", 373_104), plot("heading", 411_552)
    low, high = (crop_terms(WHEAT, [p], NOBODY) for p in (wide, sharp))
    assert low is not None
    assert high is not None
    assert low.limit(10_000) < high.limit(10_000)


def test_before_any_yield_only_the_sowing_share_is_lent() -> None:
    assert crop_terms(WHEAT, [plot("vegetative", None)], NOBODY) is None
    assert sowing_terms(WHEAT, [plot("vegetative", None)]).limit(10_000) == 2_800_000


def test_capacity_covers_the_household_first() -> None:
    product = crop_product(capacity={"living_cost_minor_per_person": 1_000_000})
    terms = crop_terms(product, [plot("heading", 411_552)], Household(size=5))
    assert terms is not None
    # V = 9,341,406.8; less 5,000,000 for living; over 1 + 7 % × 180/365.
    assert terms.capacity_minor == 4_196_540
    assert terms.binding == "capacity"


def test_two_plots_add_up_each_at_its_own_stage() -> None:
    both = crop_terms(WHEAT, [plot("sowing", 318_248), plot("heading", 411_552)], NOBODY)
    assert both is not None
    assert both.stage_cost_minor == 2_800_000 + 7_200_000
    assert abs(both.collateral_minor - (4_334_156 + 5_604_844)) <= 2


SUPPORT = Terms(5_000_000, 5_000_000, 9_000_000, 9_000_000, 9_000_000)


def at(limit: int) -> Terms:
    return Terms(limit, limit, 9_000_000, 9_000_000, 9_000_000)


@pytest.mark.parametrize(
    ("limit", "drawn", "leased", "target", "age", "looks", "movement", "after", "last_reason"),
    [
        # A cut is immediate.
        (6_000_000, 0, 0, 3_880_000, 3, (), Movement.CUT, 3_880_000, None),
        # With 45,000.00 drawn the drought row leaves nothing available, and a watch flag.
        (5_600_000, 4_500_000, 0, 3_880_000, 3, (), Movement.CUT, 3_880_000, "limit_watch"),
        # A rise waits for a second look, then takes what both support.
        (2_800_000, 0, 0, 5_080_000, 3, (), Movement.HELD, 2_800_000, "limit_second_look"),
        (2_800_000, 0, 0, 5_080_000, 3, (4_900_000,), Movement.RAISED, 4_900_000, None),
        (
            2_800_000,
            0,
            0,
            5_080_000,
            3,
            (2_700_000,),
            Movement.HELD,
            2_800_000,
            "limit_second_look",
        ),
        # Less than 5 % is ignored, both ways.
        (5_000_000, 0, 0, 5_200_000, 3, (), Movement.HELD, 5_000_000, "limit_small_change"),
        (5_000_000, 0, 0, 4_800_000, 3, (), Movement.HELD, 5_000_000, "limit_small_change"),
        (5_000_000, 0, 0, 5_000_000, 3, (), Movement.HELD, 5_000_000, "limit_unchanged"),
        # What cannot be seen holds, then freezes; it never falls.
        (5_000_000, 0, 0, 1_000_000, 21, (), Movement.HELD, 5_000_000, "limit_not_seen"),
        (5_000_000, 0, 0, None, 3, (), Movement.HELD, 5_000_000, "limit_not_seen"),
        (5_000_000, 0, 0, 1_000_000, 46, (), Movement.FROZEN, 5_000_000, "limit_stale_frozen"),
        # What is leased out counts as used.
        (5_600_000, 0, 4_500_000, 3_880_000, 3, (), Movement.CUT, 3_880_000, "limit_watch"),
    ],
)
def test_movements(
    limit: int, drawn: int, leased: int, target: int | None, age: int, looks: tuple[int, ...],
    movement: Movement, after: int, last_reason: str | None,
) -> None:  # fmt: skip
    standing = Standing(limit, drawn, leased, supported_minor=looks)
    terms = None if target is None else at(target)
    found = review(WHEAT, standing, terms, age, ["e1"])
    assert (found.movement, found.limit_minor) == (movement, after)
    if last_reason:
        assert found.reasons[-1].code is ReasonCode(last_reason)
    assert found.policy_version == WHEAT.policy_version()
    assert found.evidence_ids == ("e1",)


@given(
    limit=st.integers(0, 10**9),
    drawn=st.integers(0, 10**9),
    target=st.none() | st.integers(0, 10**9),
    age=st.integers(0, 100),
    looks=st.lists(st.integers(0, 10**9), max_size=3),
)
def test_no_review_ever_rises_on_one_look_or_falls_unseen(
    limit: int, drawn: int, target: int | None, age: int, looks: list[int]
) -> None:
    standing = Standing(limit, drawn, 0, supported_minor=tuple(looks))
    found = review(WHEAT, standing, None if target is None else at(target), age, [])
    if found.limit_minor > limit:
        assert looks
        assert target is not None
        assert found.limit_minor <= min(looks[-1], target)
    if found.limit_minor < limit:
        assert age <= WHEAT.movement.fresh_days_max
        assert found.movement is Movement.CUT
    assert found.limit_minor >= 0


@pytest.mark.parametrize(
    ("heads", "forage", "limit"),
    [
        (10, 1_000_000, 4_000_000),  # S = 10 × 4,000 binds
        (10, 1_200_000, 4_000_000),  # better than normal adds nothing
        (10, 700_000, 2_800_000),
        (10, 399_999, 0),  # below the floor
        (8, 1_000_000, 3_200_000),  # two animals fewer at the reader
    ],
)
def test_a_herd_carries_what_was_counted_and_what_grows(
    heads: int, forage: int, limit: int
) -> None:
    terms = herd_terms(herd_product(), [HerdView("h", heads, 3, forage, forage, "e")])
    assert terms is not None
    assert terms.limit(10_000) == limit


def test_unknown_forage_holds() -> None:
    assert herd_terms(herd_product(), [HerdView("h", 10, 3)]) is None


def test_a_plot_that_was_not_seen_green_is_lent_on_its_plan() -> None:
    """A picture of bare soil says nothing of the harvest: the sowing share stands."""
    bare = crop_terms(WHEAT, [plot("sowing", 0)], NOBODY)
    assert bare is not None
    assert bare.limit(10_000) == sowing_terms(WHEAT, [plot("sowing", 0)]).limit(10_000)
    both = crop_terms(WHEAT, [plot("sowing", 0), plot("heading", 285_144)], NOBODY)
    assert both is not None
    assert both.limit(10_000) == 6_680_000  # 28,000 on the plan, 38,833.19 on the picture


@pytest.mark.parametrize(
    ("limit", "target", "movement", "after"),
    [
        (5_000_000, 8_000_000, Movement.RAISED, 6_800_000),  # 15 % of it stays unlent
        (5_000_000, 5_800_000, Movement.HELD, 5_000_000),  # inside the margin
        (5_000_000, 5_000_000, Movement.HELD, 5_000_000),
        (5_000_000, 4_500_000, Movement.CUT, 4_500_000),  # a cut knows no margin
    ],
)
def test_a_rise_leaves_a_margin(limit: int, target: int, movement: Movement, after: int) -> None:
    terms = {**CROP["movement"], "raise_margin_ppm": 150_000}
    product = crop_product(movement=terms)
    found = review(product, Standing(limit, 0, 0, supported_minor=(after,)), at(target), 3, ["e"])
    assert (found.movement, found.limit_minor) == (movement, after)


def test_a_product_says_from_which_forage_on_the_herd_is_carried_whole() -> None:
    terms = {**HERD["herd"], "forage_full_ppm": 800_000}
    for forage, limit in ((800_000, 4_000_000), (600_000, 3_000_000), (399_999, 0)):
        found = herd_terms(herd_product(herd=terms), [HerdView("h", 10, 3, forage, forage, "e")])
        assert found is not None
        assert found.limit(10_000) == limit


def test_a_product_may_lend_on_plan_beyond_sowing() -> None:
    stages = [dict(stage) for stage in CROP["stages"]]
    stages[1]["on_plan"] = True
    terms = crop_terms(crop_product(stages=stages), [plot("vegetative", 0)], NOBODY)
    assert terms is not None
    assert terms.limit(10_000) == 6_000_000
    estimated = crop_terms(WHEAT, [plot("vegetative", 0)], NOBODY)
    assert estimated is not None
    assert estimated.limit(10_000) == 0


@pytest.mark.parametrize("target", [1_000_000, 9_000_000])
def test_after_the_harvest_no_picture_moves_the_limit(target: int) -> None:
    over = Standing(5_000_000, 0, 0, supported_minor=(9_000_000,), season_over=True)
    found = review(WHEAT, over, at(target), 3, ["e"])
    assert (found.movement, found.limit_minor) == (Movement.HELD, 5_000_000)
    assert found.reasons == (Reason(ReasonCode.LIMIT_SEASON_OVER),)


def test_only_a_worse_estimate_cuts() -> None:
    terms = {**CROP["movement"], "raise_margin_ppm": 150_000}
    product = crop_product(movement=terms)
    steady = Standing(5_000_000, 0, 0, worsened=False)
    found = review(product, steady, at(2_000_000), 3, ["e"])
    assert (found.movement, found.limit_minor) == (Movement.HELD, 5_000_000)
    worse = Standing(5_000_000, 0, 0, worsened=True)
    assert review(product, worse, at(2_000_000), 3, ["e"]).movement is Movement.CUT


@pytest.mark.parametrize(
    ("then", "looks", "margin", "wanted", "worse"),
    [
        (1000, [850], 150_000, None, False),
        (1000, [849], 150_000, None, True),
        (1000, [1000, 849], 150_000, 2, False),  # one bad picture is not enough
        (1000, [849, 700], 150_000, 2, True),
        (1000, [700], 150_000, 2, False),
        (None, [0], 150_000, None, False),  # nothing to hold it against
        (1000, [None], 150_000, None, False),
        (1000, [1000], None, None, True),  # without a margin every estimate counts
    ],
)
def test_an_estimate_worsens_by_more_than_the_margin(
    then: int | None, looks: list[int | None], margin: int | None, wanted: int | None, worse: bool
) -> None:
    named = {"raise_margin_ppm": margin, "cut_looks_min": wanted}
    terms = {**CROP["movement"]} | {k: v for k, v in named.items() if v is not None}
    assert has_worsened(crop_product(movement=terms), then, looks) is worse


def test_an_estimate_sums_what_a_line_rests_on() -> None:
    assert estimate([plot("heading", 300), plot("sowing", 100)], []) == 1_000 * 400
    assert estimate([], [HerdView("h", 10, 3, 500_000)]) == 5_000_000
    assert estimate([plot("heading", None)], []) is None


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (Terms(5_000_000, 6_000_000, 9_000_000, 9_000_000, 0), ReasonCode.LIMIT_HARVEST),
        (Terms(6_000_000, 5_000_000, 9_000_000, 9_000_000, 0), ReasonCode.LIMIT_STAGE_COST),
    ],
)
def test_a_movement_says_what_sets_the_limit_where_the_evidence_has_no_words(
    terms: Terms, code: ReasonCode
) -> None:
    twice = Standing(1_000_000, 0, 0, supported_minor=(5_000_000,))
    moved = review(WHEAT, twice, terms, 1, ["e"])
    assert moved.movement is Movement.RAISED
    assert moved.reasons == (Reason(code),)
