"""Intervals of loans that share a season's luck, and what an outcome costs its promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.units import PPM
from server.training.intervals import bootstrap, drawn
from server.training.measure import log_losses

RNG = np.random.default_rng(4)
COUNT = 600
SEASONS = [f"season-{n % 6}" for n in range(COUNT)]
BAD = {
    name: bool(rate) for name, rate in zip(sorted(set(SEASONS)), (0, 0, 0, 0, 1, 1), strict=True)
}
OUTCOMES = [BAD[name] if RNG.random() < 0.8 else not BAD[name] for name in SEASONS]


def test_loans_of_a_block_are_drawn_together_and_loans_alone_as_before() -> None:
    for times in drawn(OUTCOMES, 1, 20, SEASONS):
        for name in set(SEASONS):
            own = {int(t) for t, season in zip(times, SEASONS, strict=True) if season == name}
            assert len(own) == 1
    alone = drawn(OUTCOMES, 1, 20)
    again = drawn(OUTCOMES, 1, 20, [str(n).zfill(4) for n in range(COUNT)])
    assert all((one == two).all() for one, two in zip(alone, again, strict=True))


def test_shared_luck_makes_an_interval_wider_than_loans_alone_would() -> None:
    risks = {"season": [float(BAD[name]) for name in SEASONS]}
    ones = [1.0] * COUNT

    def width(blocks: list[str]) -> int:
        found = bootstrap(risks, OUTCOMES, ones, 3, 200, blocks)["season"].auc_interval
        return found.high_ppm - found.low_ppm

    assert width(SEASONS) > 1.3 * width([])


@pytest.mark.parametrize(
    ("promised_ppm", "bad", "nats"),
    [
        (500_000, True, math.log(2)),
        (100_000, False, -math.log(0.9)),
        (0, False, -math.log(1 - 1e-6)),
        (0, True, -math.log(1e-6)),
        (PPM, False, -math.log(1e-6)),
    ],
)
def test_an_outcome_costs_its_promise_what_the_logarithm_says(
    promised_ppm: int,
    bad: bool,
    nats: float,
) -> None:
    [found] = log_losses([promised_ppm], [bad])
    assert found == pytest.approx(nats)
