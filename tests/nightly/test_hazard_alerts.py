"""Twenty villages: are hazards told where they struck, how soon, and how often for nothing?

The tables that are printed (``-s``) stand in docs/hazards.md with their date.
"""

from __future__ import annotations

import numpy as np
import pytest

from core.wire.evidence import HazardKind
from tests.support.hazard_scores import Case, all_cases, score, table
from tests.support.limit_leads import limit_leads, summary

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1700)]
# None of these was looked at while the alerts were being worked out.
SEEDS = range(121, 141)
LIMIT_SEEDS = range(141, 145)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    found = all_cases(SEEDS, tmp_path_factory.mktemp("villages"))
    print(f"\n{table(found)}")
    return found


def test_hazards_are_told_where_they_struck(cases: list[Case]) -> None:
    assert {case.seed for case in cases} == set(SEEDS)
    rates = {kind: score(cases, kind) for kind in HazardKind}
    assert rates[HazardKind.DROUGHT].hit / rates[HazardKind.DROUGHT].happened >= 0.7
    for kind in (HazardKind.LATE_SOWING, HazardKind.FAILED_EMERGENCE):
        assert rates[kind].hit / rates[kind].happened >= 0.75
    assert rates[HazardKind.HAIL].severe_hit / rates[HazardKind.HAIL].severe >= 0.35


def test_a_drought_is_told_a_week_before_it_harms(cases: list[Case]) -> None:
    drought = score(cases, HazardKind.DROUGHT)
    assert drought.lead_days is not None
    assert drought.lead_days[1] >= 7
    assert drought.lead_week_share is not None
    assert drought.lead_week_share >= 0.6


def test_few_are_alarmed_for_nothing(cases: list[Case]) -> None:
    for kind in HazardKind:
        one = score(cases, kind)
        bound = 0.15 if kind is HazardKind.DROUGHT else 0.02
        assert one.false_alarms / one.plot_seasons <= bound, kind


def test_a_drought_is_told_before_limits_are_cut(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("limits")
    pairs = [pair for seed in LIMIT_SEEDS for pair in limit_leads(seed, folder / str(seed))]
    print(f"\n{summary(pairs)}")
    leads = [cut - told for told, cut in pairs if told is not None and cut is not None]
    assert len(leads) >= 20
    assert np.median(leads) >= 7
