"""The files of tests that begin first are there under their names."""

from __future__ import annotations

from tests.conftest import LONGEST
from tests.support.tree import REPOSITORY


def test_every_one_of_the_longest_is_there():
    assert [name for name in LONGEST if not (REPOSITORY / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
