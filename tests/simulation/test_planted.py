"""Each planted bug is named by its checker: docs/simulated-world.md shows how soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.planted import BUGS, Planted, broken, seeds_until_seen


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_can_still_be_planted(bug: Planted) -> None:
    assert broken(bug) != ""


@pytest.mark.nightly
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_seen(bug: Planted, tmp_path: Path) -> None:
    seeds, said = seeds_until_seen(bug, tmp_path / "tree")
    assert seeds, f"no checker saw it: {said}"
