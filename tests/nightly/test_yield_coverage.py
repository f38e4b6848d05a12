"""Twenty villages: do the 90 % intervals cover, and does a drought lower them in time?

The table that is printed (``-s``) stands in docs/yield.md with its date and machine.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.village_yields import Said, Village, outlooks_of

pytestmark = [pytest.mark.nightly, pytest.mark.e2e, pytest.mark.timeout(1700)]
# None of these was looked at while the estimate was being worked out; 101 to 120 were told
# before, and one of them showed that it stood still too early.
SEEDS = range(121, 141)
MAY, JUNE, AUGUST = "2026-05-15", "2026-06-20", "2026-08-20"


def _village(seed: int) -> Village:
    every = (MAY, JUNE, AUGUST)
    if seed % 2:
        return Village(seed, ((False, every),))
    return Village(seed, ((True, every), (False, (JUNE,))))


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    found = outlooks_of([_village(seed) for seed in SEEDS], tmp_path_factory.mktemp("villages"))
    for drought in (False, True):
        for day in (MAY, JUNE, AUGUST):
            at = [s for s in found if s.drought == drought and s.as_of == day]
            covered = np.concatenate([s.covered for s in at])
            print(
                f"{'drought' if drought else '-':7s} {day}: {len(at)} villages, "
                f"covered {covered.mean():.3f} (worst {min(s.covered.mean() for s in at):.2f}), "
                f"width/mean {np.mean([s.width for s in at]):.2f}"
            )
    print(f"all: covered {_covered(found):.3f}")
    return found


def _covered(some: list[Said]) -> float:
    return float(np.concatenate([said.covered for said in some]).mean())


def _east_ratios(every: list[Said]) -> list[float]:
    said = {(s.seed, s.drought): s.p10_of_east() for s in every if s.as_of == JUNE}
    return [
        said[seed, True] / said[seed, False]
        for seed in sorted({seed for seed, drought in said if drought})
    ]


def test_intervals_cover_what_they_claim(every: list[Said]) -> None:
    assert len({said.seed for said in every}) == len(SEEDS)
    assert min(len(said.truth) for said in every) >= 60
    assert _covered(every) >= 0.85
    for day in (JUNE, AUGUST):
        assert _covered([said for said in every if said.as_of == day]) >= 0.85


def test_intervals_say_more_than_that_a_harvest_lies_between_nothing_and_double(
    every: list[Said],
) -> None:
    widths = {day: np.mean([s.width for s in every if s.as_of == day]) for day in (MAY, AUGUST)}
    assert widths[MAY] < 1.4
    assert widths[AUGUST] < 1.15
    assert widths[AUGUST] < widths[MAY]


def test_by_20_june_a_drought_has_taken_two_fifths_of_the_struck_zones_p10(
    every: list[Said],
) -> None:
    ratios = _east_ratios(every)
    print("east p10 with / without drought on 20 June:", np.round(ratios, 2))
    assert len(ratios) == len(SEEDS) // 2
    assert np.mean(ratios) <= 0.60
    # An archive without a failed season teaches no step down: one village in ten may be so.
    assert np.sum(np.array(ratios) > 0.85) <= 1
