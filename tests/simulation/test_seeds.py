"""The simulator itself: it tells the same story again, and its checkers are not blind.

A seed that fails is told again by ``python -m tests.simulation SEED``. The seeds stand in
``test_seeds_1.py`` and its siblings; what they cost is in docs/leases.md.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from server.services.standing import facts_of, terms_of
from server.store import leases, lines
from tests.simulation.__main__ import main
from tests.simulation.checkers import after_each_step
from tests.simulation.events import step
from tests.simulation.faults import Fuse, FusedConnection, ProcessDiedError
from tests.simulation.officers import asked
from tests.simulation.run import STEPS, run_seed
from tests.simulation.ticks import made_late
from tests.simulation.world import World
from tests.support.memory import MEMORY


def test_the_same_seed_tells_the_same_story(tmp_path: Path) -> None:
    once, again = (run_seed(7, tmp_path / name) for name in ("once", "again"))
    assert once.told == again.told
    assert len(once.told) == STEPS
    other = run_seed(8, tmp_path / "other")
    assert other.fingerprint != once.fingerprint


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(30, 36))
def test_a_seed_tells_the_same_story_in_another_process(seed: int) -> None:
    told = {_told_by_a_process(seed, hashing) for hashing in ("1", "2")}
    assert len(told) == 1


def _told_by_a_process(seed: int, hashing: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.simulation", str(seed)], check=True, capture_output=True,
        text=True, env={**os.environ, "PYTHONHASHSEED": hashing},
    )  # fmt: skip
    return ran.stdout


def test_who_was_erased_and_has_a_name_again_is_seen(tmp_path: Path) -> None:
    world = World(7, tmp_path / "world")
    try:
        world.erased.add("farmer-a")
        with pytest.raises(AssertionError, match="8: farmer-a was erased, the centre names them"):
            after_each_step(world)
    finally:
        world.close()


def test_a_fuse_that_counts_writes_blows_at_none_but_a_write(tmp_path: Path) -> None:
    connection = FusedConnection(sqlite3.connect(":memory:"), fuse := Fuse())
    connection.execute("CREATE TABLE draws (draw_id TEXT)")
    fuse.arm(1, after=True, writes=True)
    connection.execute("INSERT INTO draws VALUES ('first')")
    connection.execute("SELECT * FROM draws")
    with pytest.raises(ProcessDiedError):
        connection.execute("INSERT OR IGNORE INTO draws VALUES ('second')")
    assert fuse.cut == "after INSERT draws"
    assert connection.execute("SELECT count(*) FROM draws").fetchone() == (2,)
    connection.close()


def test_nobody_dies_while_somebody_looks_who_looks_up_more(tmp_path: Path) -> None:
    world = World(3, tmp_path)
    try:
        world.centre_fuse.arm(0, after=False)
        with world.looked_at(), world.centre.store.reading() as tx:
            world.lines()
            assert leases.every(tx) is not None
        with pytest.raises(ProcessDiedError), world.centre.store.reading() as tx:
            leases.every(tx)
    finally:
        world.close()


def test_a_run_leaves_no_folder_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _left_behind()
    assert main(["3", "2"]) == 0
    assert main(["3", "2", "--keep", str(tmp_path / "kept")]) == 0
    assert _left_behind() <= before
    assert (tmp_path / "kept" / "centre.sqlite").exists()
    assert "fingerprint" in capsys.readouterr().out


def _left_behind() -> set[Path]:
    mine = f"harvestline-world-{os.getpid()}-"
    places = (Path(tempfile.gettempdir()), MEMORY)
    return {found for place in places for found in place.glob(f"{mine}*")}


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


def test_a_plan_that_asks_sooner_is_seen_whatever_plan_was_before(tmp_path: Path) -> None:
    world = _with_a_draw(tmp_path)
    try:
        with world.looked_at(), world.centre.store.reading() as tx:
            line = next(line for line in lines.every(tx) if facts_of(tx, line))
            terms = terms_of(tx, line)
            season = terms.due_on + timedelta(days=1)
            assert list(made_late(tx, world.noted, line, season)) == []  # as it was agreed
            world.noted.plans[line.line_id] = replace(terms, due_on=season + timedelta(90)), None
            found = list(made_late(tx, world.noted, line, season - timedelta(days=30)))
        assert len(found) == 1  # in 60 days, not today
        assert "7: " in found[0]
        assert "late on" in found[0]
    finally:
        world.close()


def _with_a_draw(folder: Path) -> World:
    """A world in which a farmer has seen a receipt, and the centre has heard of a draw."""
    for seed in range(7, 17):
        world = World(seed, folder / f"seed-{seed}")
        for _ in range(STEPS):
            step(world)
            shown = any(station.promises.shown for station in world.stations.values())
            if shown and asked(world, "SELECT 1 FROM drawdowns WHERE state = 'posted'"):
                after_each_step(world)
                return world
        world.close()
    raise AssertionError("expected a draw on one of ten seeds")
