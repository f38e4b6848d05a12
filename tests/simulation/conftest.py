"""What the simulator's tests share."""

from __future__ import annotations

import gc
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.shelf import SHELF

pytest.register_assert_rewrite("tests.simulation.parts")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Lost links are the point here, and said thousands of times."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True, scope="session")
def _shelf(of_the_run: Path) -> Iterator[None]:
    """Worlds that began well are built by one process, and copied by the others."""
    shelf = of_the_run / "simulation-shelf"
    shelf.mkdir(exist_ok=True)
    os.environ[SHELF] = str(shelf)
    yield
    del os.environ[SHELF]


@pytest.fixture(autouse=True, scope="module")
def _settled() -> Iterator[None]:
    """What lives since the imports is not looked through again: a fifth of the time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def tally() -> Counter[str]:
    """What befell anybody in the quick seeds of a part, and how many of those ran."""
    return Counter()


@pytest.fixture(scope="session")
def of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run have in common."""
    mine = tmp_path_factory.getbasetemp()
    return mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
