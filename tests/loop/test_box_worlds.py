"""Seeded worlds in which boxes are backed up, copied, replaced and forgotten in the dark.

The simulator's events go on meanwhile: dead stations, bad links, lying clocks. A box that was
replaced is a ghost: it lives, draws as long as it may, and hears the centre now and then. After
every step, over all boxes of a station together: nothing above a lease, nothing above a limit.
"""

from __future__ import annotations

import logging
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from core.errors import HarvestlineError
from core.lending.books import principal_account
from core.lending.lease import DrawState
from edge_node.store import leases as box_leases
from server.services.centre import RequestError
from server.services.verifying import verify
from server.store import boxes as centre_boxes
from server.store import leases, lines
from tests.simulation.checkers import most_repaid
from tests.simulation.events import step
from tests.simulation.faults import ProcessDiedError
from tests.simulation.station import SimulatedStation
from tests.simulation.world import World
from tests.support.boxes import Boxes, receipts_of

STEPS = 40
STEP_MINOR = 10_000


class Ghosts:
    """A world's boxes that were replaced, and the backups that lie around."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.chance = world, Random(world.chance.random())
        self.boxes = Boxes(world, folder)
        self.backups: dict[str, Path] = {}
        self.ghosts: list[SimulatedStation] = []
        self.gone: list[SimulatedStation] = []
        self.number: dict[SimulatedStation, int] = {}
        self.handed_over: list[SimulatedStation] = []
        self.asked_early: list[SimulatedStation] = []
        self.replaced = 0

    def step(self) -> None:
        """Perhaps let something befall a box."""
        acts = [self.back_up, self.replace, self.haunt, self.haunt, self.hear, self.declare_gone]
        with self.world.looked_at():
            self.chance.choice(acts)()

    def back_up(self) -> None:
        station = self._station()
        try:
            handing = self.chance.random() < 0.2
            self.backups[station.name] = self.boxes.back_up(station, handing_over=handing)
        except HarvestlineError:
            return  # a draw is pending, or the box is not confirmed

    def replace(self) -> None:
        old = self._station()
        path = self.backups.get(old.name)
        if path is None or old.name in {self.world.lost, self.world.destroyed}:
            return
        told, new = self.boxes.put_back(path)
        done = self.boxes.confirm(told).box
        self.number[old] = done.generation - 1
        if done.handed_over:
            self.handed_over.append(old)
        old.fuse.disarm()
        self.ghosts.append(old)
        self.world.stations[old.name] = new
        self.replaced += 1

    def haunt(self) -> None:
        """A ghost pays out whatever it still may."""
        if not self.ghosts:
            return
        ghost = self.chance.choice(self.ghosts)
        for line_id, farmer_id in ghost.open_lines():
            amount = STEP_MINOR * self.chance.randrange(1, 60)
            begun = ghost.draw(line_id, farmer_id, amount, self.world.now_ms)
            if not isinstance(begun, str) and self.chance.random() < 0.9:
                ghost.confirm(begun.drawdown.draw_id, self.world.now_ms)

    def hear(self) -> None:
        if self.ghosts:
            assert self.boxes.sync(self.chance.choice(self.ghosts), 1), "a ghost is not heard"

    def declare_gone(self) -> None:
        """One ghost is destroyed; people bring what they were shown. Others live on.

        Its leases may have come to it from a box that was handed over, with draws that the
        centre has not heard of: people bring these receipts too.
        """
        name = self._station().name
        with self.world.centre.store.reading() as tx:
            held = set(centre_boxes.held_by(tx, name).values())
        mine = [
            each
            for each in self.ghosts
            if each.name == name and self.number[each] in held and each not in self.asked_early
        ]
        if not mine or name in {self.world.lost, self.world.destroyed}:
            return
        ghost = self.chance.choice(mine)
        shown_at = [each for each in self.handed_over if each.name == name] + [ghost]
        receipts = {r["draw_id"]: r for each in shown_at for r in receipts_of(each)}
        try:
            self.boxes.gone(name, list(receipts.values()), self.number[ghost])
        except RequestError as refused:
            # Its agents' tablets may still pay out of what it held: nothing is released.
            if "may pay out until" not in str(refused):
                raise
            self.asked_early.append(ghost)
            return
        self.ghosts.remove(ghost)
        self.gone.append(ghost)

    def faults(self) -> Iterator[str]:
        """What is over a lease or a limit, all boxes of a station taken together."""
        paid: dict[str, tuple[str, str, int]] = {}
        for box in [*self.ghosts, *self.gone, *self.world.stations.values()]:
            for draw_id, amount in box.promises.shown.items():
                kept = box_leases.draw(box.db, draw_id)
                if kept is not None:
                    draw = kept.drawdown
                    paid[draw_id] = (draw.lease_id, draw.line_id, amount)
        by_lease: dict[str, int] = defaultdict(int)
        for lease_id, _, amount in paid.values():
            by_lease[lease_id] += amount
        with self.world.centre.store.reading() as tx:
            signed = {each.lease.lease_id: each for each in leases.every(tx)}
            for lease_id, used in by_lease.items():
                kept = signed[lease_id]
                most = kept.lease.amount_minor
                if kept.closed_at_ms is not None:
                    most = leases.book(tx, kept).used_minor
                if used > most:
                    yield f"{used} was paid out under {lease_id}, the centre counts {most}"
            repaid = most_repaid(tx)
            for line in lines.every(tx):
                used = sum(
                    amount for _, line_id, amount in paid.values() if line_id == line.line_id
                )
                back = repaid.get(principal_account(line.line_id), 0)
                highest = max(each.limit_minor for each in lines.movements_of(tx, line.line_id))
                if used - back > highest:
                    yield f"{used} less {back} was paid out under {line.line_id}, limit {highest}"

    def close(self) -> None:
        for ghost in [*self.ghosts, *self.gone]:
            ghost.close()

    def _station(self) -> SimulatedStation:
        return self.world.stations[self.chance.choice(sorted(self.world.stations))]


def live_through(seed: int, folder: Path) -> int:
    """Live through a seed; how many boxes were replaced."""
    world = World(seed, folder / "world")
    ghosts = Ghosts(world, folder)
    try:
        for number in range(STEPS):
            if not world.lost:
                ghosts.step()
            try:
                step(world)
            except ProcessDiedError:
                raise AssertionError(f"seed {seed}: a death passed the world by") from None
            if world.lost:
                break  # a lost station has receipts at every box it ever had: not told here
            with world.looked_at():
                found = list(ghosts.faults())
            assert not found, f"seed {seed}, step {number}: {found}\n" + "\n".join(world.told[-8:])
        with world.looked_at():
            assert not verify(world.centre).faults
        return ghosts.replaced
    finally:
        ghosts.close()
        world.close()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def test_boxes_come_and_go_and_nothing_is_over_lent():
    with tempfile.TemporaryDirectory(prefix="harvestline-") as folder:
        assert sum(live_through(seed, Path(folder) / str(seed)) for seed in range(1, 3)) > 0


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(100, 400, 25))
def test_boxes_come_and_go_for_a_night(first: int):
    with tempfile.TemporaryDirectory(prefix="harvestline-") as folder:
        replaced = 0
        for seed in range(first, first + 25):
            replaced += live_through(seed, Path(folder) / str(seed))
        assert replaced > 10


def test_the_world_sees_a_ghost_that_is_lent_to_twice(tmp_path: Path):
    """The check can fail: a held lease that is drawn on by both boxes is seen."""
    world = World(5, tmp_path / "world")
    ghosts = Ghosts(world, tmp_path)
    try:
        cheat = next(iter(world.stations.values()))
        with world.centre.store.reading() as tx:
            signed = next(each for each in leases.every(tx) if each.lease.line_id)
        fake = "a-draw-that-nobody-made"
        cheat.db.conn.execute("DROP TRIGGER draws_stay_in_lease")
        cheat.db.conn.execute("DROP TRIGGER draws_spare_subleases")
        cheat.db.conn.execute("PRAGMA foreign_keys=OFF")
        cheat.db.execute(
            "INSERT INTO draws (draw_id, lease_id, line_id, state, amount_minor, fee_minor, "
            "currency, consent_id, apr_ppm, effective_on, began_at_ms) "
            "VALUES (?, ?, ?, ?, ?, 0, 'KES', 'c', 1, '2026-04-01', 1)",
            [fake, signed.lease.lease_id, signed.lease.line_id, DrawState.POSTED.value, 10**9],
        )
        cheat.promises.shown[fake] = 10**9
        assert list(ghosts.faults())
    finally:
        ghosts.close()
        world.close()
