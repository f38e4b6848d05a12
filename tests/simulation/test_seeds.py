"""Seeds of the simulator: each a lender, its stations, and whatever befalls them.

A seed that fails is told again by ``python -m tests.simulation SEED``. Every change runs
200 of them, in which every kind of event, mishap and death befalls somebody (held by the
tally below); ten thousand others run in ``make nightly``. What they cost, and what keeps
them cheap without weakening them, is in docs/leases.md.
"""

from __future__ import annotations

import gc
import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.checkers import after_each_step
from tests.simulation.events import KINDS, step
from tests.simulation.run import STEPS, run_seed
from tests.simulation.world import World

QUICK_SEEDS, SEEDS_A_TEST = 100, 5
NIGHTLY_SEEDS, NIGHTLY_SEEDS_A_TEST = 10_000, 100
NIGHTLY_FIRST = 1_000
TIMES_MIN = 3  # of each kind in the quick seeds, so that none is there by luck alone


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Lost links are the point here, and said thousands of times."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True, scope="module")
def _settled() -> Iterator[None]:
    """What lives since the imports is not looked through again: a fifth of the time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def tally() -> Counter[str]:
    """What befell anybody in the quick seeds, and how many of those ran."""
    return Counter()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: power cuts are simulated, not real."""
    shared = Path("/dev/shm")  # noqa: S108  # memory is the point
    place = shared if os.access(shared, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(prefix="harvestline-", dir=place) as folder:
        yield Path(folder)


def run_all(first: int, count: int, folder: Path) -> Counter[str]:
    """Run seeds, each in a folder that is removed after it; what befell whom how often."""
    befell: Counter[str] = Counter()
    for seed in range(first, first + count):
        place = folder / str(seed)
        try:
            befell += run_seed(seed, place).befell
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return befell + Counter(seeds=count)


@pytest.mark.parametrize("first", range(0, QUICK_SEEDS, SEEDS_A_TEST))
def test_nothing_breaks_a_promise(first: int, memory: Path, tally: Counter[str]) -> None:
    tally += run_all(first, SEEDS_A_TEST, memory)


def test_everything_that_can_happen_has_happened(tally: Counter[str]) -> None:
    if tally["seeds"] < QUICK_SEEDS:
        pytest.skip(f"only {tally['seeds']} of {QUICK_SEEDS} seeds ran here: nothing to count")
    assert {kind: tally[kind] for kind in KINDS if tally[kind] < TIMES_MIN} == {}
    assert set(tally) - {"seeds"} <= KINDS, "a new kind of event: name it in KINDS"


@pytest.mark.nightly
@pytest.mark.parametrize(
    "first", range(NIGHTLY_FIRST, NIGHTLY_FIRST + NIGHTLY_SEEDS, NIGHTLY_SEEDS_A_TEST)
)
def test_nothing_breaks_a_promise_in_a_long_night(first: int, memory: Path) -> None:
    befell = run_all(first, NIGHTLY_SEEDS_A_TEST, memory)
    assert any(kind.startswith("death") for kind in befell), "nobody died: the fuses are out"


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
        cheat.fuse.disarm()  # whoever cheats is not cut short by the story's own mishaps
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
    for seed in range(7, 17):
        world = World(seed, folder / f"seed-{seed}")
        for _ in range(STEPS):
            step(world)
            if any(station.promises.shown for station in world.stations.values()):
                after_each_step(world)
                return world
        world.close()
    raise AssertionError("expected a draw on one of ten seeds")
