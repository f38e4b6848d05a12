"""A simulated village through the real commands, twice; tests/nightly tells twenty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.village_yields import Village, outlooks_of, table

JUNE = "2026-06-20"


@pytest.mark.e2e
@pytest.mark.timeout(600)  # 30 s of CPU; a shared machine may take ten times as long
def test_a_village_is_covered_and_its_drought_is_answered_by_20_june(tmp_path: Path) -> None:
    every = outlooks_of([Village(31, ((True, (JUNE,)), (False, (JUNE,))))], tmp_path)
    print(table(every))
    assert np.concatenate([said.covered for said in every]).mean() >= 0.85
    struck, spared = every[0], every[1]
    assert (struck.seed, struck.drought, spared.drought) == (31, True, False)
    assert struck.p10_of_east() <= 0.7 * spared.p10_of_east()
    assert struck.p10[~struck.east].mean() >= 0.9 * spared.p10[~spared.east].mean()
    assert max(said.width for said in every) < 1.6
