"""Seeds in parts that run side by side: 200 with every change, ten thousand in a long night.

Each file ``test_seeds_N.py`` is a part. What befell whom is counted over all of them: whoever
is done last looks whether everything that can happen has happened.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pytest

from tests.simulation.events import KINDS
from tests.simulation.run import run_seed

PARTS = 4
QUICK_SEEDS, SEEDS_A_TEST = 200, 5
NIGHTLY_SEEDS, NIGHTLY_SEEDS_A_TEST = 10_000, 100
NIGHTLY_FIRST = 1_000
TIMES_MIN = 3  # of each kind in the quick seeds, so that none is there by luck alone
# Too seldom for that: several things must come together. `--coverage SEEDS` counts them.
RARE = frozenset(["officers: plan declined", "officers: restructured"])


class Part:
    """A quarter of the seeds."""

    NUMBER: ClassVar[int]

    @pytest.mark.parametrize("batch", range(QUICK_SEEDS // PARTS // SEEDS_A_TEST))
    def test_nothing_breaks_a_promise(
        self, batch: int, tmp_path: Path, tally: Counter[str]
    ) -> None:
        first = self.NUMBER * (QUICK_SEEDS // PARTS) + batch * SEEDS_A_TEST
        tally += run_all(first, SEEDS_A_TEST, tmp_path)

    def test_everything_that_can_happen_has_happened(
        self, tally: Counter[str], of_the_run: Path
    ) -> None:
        assert set(tally) - {"seeds"} <= KINDS, "a new kind of event: name it in KINDS"
        mine = of_the_run / f"seeds-{self.NUMBER}.json"
        mine.with_suffix(".new").write_text(json.dumps(tally))
        mine.with_suffix(".new").replace(mine)
        found = [json.loads(each.read_text()) for each in of_the_run.glob("seeds-*.json")]
        befell = sum(map(Counter, found), Counter[str]())
        if befell["seeds"] == QUICK_SEEDS:  # the last to be done looks at the whole
            wanted = KINDS - RARE
            assert {kind: befell[kind] for kind in wanted if befell[kind] < TIMES_MIN} == {}

    @pytest.mark.nightly
    @pytest.mark.parametrize("batch", range(NIGHTLY_SEEDS // PARTS // NIGHTLY_SEEDS_A_TEST))
    def test_nothing_breaks_a_promise_in_a_long_night(self, batch: int, tmp_path: Path) -> None:
        first = self.NUMBER * (NIGHTLY_SEEDS // PARTS) + batch * NIGHTLY_SEEDS_A_TEST
        befell = run_all(NIGHTLY_FIRST + first, NIGHTLY_SEEDS_A_TEST, tmp_path)
        assert any(kind.startswith("death") for kind in befell), "nobody died: the fuses are out"


def run_all(first: int, count: int, folder: Path) -> Counter[str]:
    """Run seeds, each in a folder that is removed after it; what befell whom how often.

    Raises
    ------
    AssertionError
        What each seed said that failed; none keeps the others from being run.
    """
    befell: Counter[str] = Counter()
    failed: list[str] = []
    for seed in range(first, first + count):
        place = folder / str(seed)
        try:
            befell += run_seed(seed, place).befell
        except AssertionError as error:
            failed.append(str(error))
        finally:
            shutil.rmtree(place, ignore_errors=True)
    assert not failed, "\n\n".join(failed)
    return befell + Counter(seeds=count)
