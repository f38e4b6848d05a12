"""Seeds of the simulator: each a lender, its stations, and whatever befalls them.

A seed that fails is told again by ``python -m tests.simulation SEED``.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.checkers import after_each_step
from tests.simulation.run import STEPS, run_seed
from tests.simulation.world import World

QUICK_SEEDS, SEEDS_A_TEST = 200, 4
NIGHTLY_SEEDS, NIGHTLY_SEEDS_A_TEST = 10_000, 100
NIGHTLY_FIRST = 1_000


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Lost links are the point here, and said thousands of times."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: power cuts are simulated, not real."""
    shared = Path("/dev/shm")  # noqa: S108  # memory is the point
    place = shared if os.access(shared, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(prefix="harvestline-", dir=place) as folder:
        yield Path(folder)


def run_all(first: int, count: int, folder: Path) -> int:
    """Run seeds, each in a folder that is removed after it; how many deaths there were."""
    deaths = 0
    for seed in range(first, first + count):
        place = folder / str(seed)
        try:
            deaths += run_seed(seed, place).deaths
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return deaths


@pytest.mark.parametrize("first", range(0, QUICK_SEEDS, SEEDS_A_TEST))
def test_nothing_breaks_a_promise(first: int, memory: Path) -> None:
    run_all(first, SEEDS_A_TEST, memory)


@pytest.mark.nightly
@pytest.mark.parametrize(
    "first", range(NIGHTLY_FIRST, NIGHTLY_FIRST + NIGHTLY_SEEDS, NIGHTLY_SEEDS_A_TEST)
)
def test_nothing_breaks_a_promise_in_a_long_night(first: int, memory: Path) -> None:
    assert run_all(first, NIGHTLY_SEEDS_A_TEST, memory) > 0, "nobody died: the fuses are out"


def test_the_same_seed_tells_the_same_story(tmp_path: Path) -> None:
    once, again = (run_seed(7, tmp_path / name) for name in ("once", "again"))
    assert once.told == again.told
    assert len(once.told) == STEPS
    other = run_seed(8, tmp_path / "other")
    assert other.fingerprint != once.fingerprint


def test_a_station_that_writes_itself_more_than_it_was_leased_is_seen(tmp_path: Path) -> None:
    world = _with_a_draw(tmp_path)
    try:
        cheat = next(s for s in world.stations.values() if s.promises.shown)
        raw = cheat.db.conn
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("UPDATE draws SET amount_minor = 99000000 WHERE state = 'posted'")
        raw.commit()
        with pytest.raises(AssertionError, match=r"1: \d+ drawn under lease"):
            after_each_step(world)
    finally:
        world.close()


def test_a_receipt_that_was_shown_and_is_gone_is_seen(tmp_path: Path) -> None:
    world = _with_a_draw(tmp_path)
    try:
        station = next(s for s in world.stations.values() if s.promises.shown)
        station.promises.shown["a-draw-that-was-lost"] = 10_000
        with pytest.raises(AssertionError, match="2: the receipt of draw a-draw-that-was-lost"):
            after_each_step(world)
    finally:
        world.close()


def _with_a_draw(folder: Path) -> World:
    """A world in which a farmer has seen a receipt."""
    world = World(7, folder)
    for _ in range(STEPS):
        world.step()
        if any(station.promises.shown for station in world.stations.values()):
            after_each_step(world)
            return world
    raise AssertionError("expected a draw on this seed: choose another")
