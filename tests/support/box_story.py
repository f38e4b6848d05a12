"""A station with a line and leases, its farmer, and what can befall its box."""

from __future__ import annotations

from pathlib import Path

from edge_node.decide.draws import Receipt
from server.store import leases
from tests.simulation import village
from tests.simulation.station import SimulatedStation
from tests.simulation.world import World, new_start
from tests.support.boxes import Boxes

AMOUNT = 50_000


class Story:
    """A station with a line and leases, its farmer, and what can befall its box."""

    def __init__(self, folder: Path) -> None:
        self.world = World(5, folder / "world", new_start("bullet"))
        self.boxes = Boxes(self.world, folder)
        village.open_first_lines(self.world.centre)
        for station in self.world.stations.values():
            assert not self.boxes.sync(station)
        self.old = next(s for s in self.world.stations.values() if s.open_lines())
        self.line, self.farmer = self.old.open_lines()[0]

    def draw(self, station: SimulatedStation, amount: int = AMOUNT) -> str:
        """The farmer draws; the reason if they may not."""
        begun = station.draw(self.line, self.farmer, amount, self.world.now_ms)
        if not isinstance(begun, Receipt):
            return begun
        station.confirm(begun.drawdown.draw_id, self.world.now_ms)
        return "posted"

    def drain(self, station: SimulatedStation) -> int:
        """Draw until nothing more may be drawn; how much came out [minor units]."""
        amount, drawn = 1_000_000, 0
        while amount >= 10_000:
            if self.draw(station, amount) == "posted":
                drawn += amount
            else:
                amount //= 2
                amount -= amount % 10_000
        return drawn

    def owed(self) -> int:
        """What the centre's books say was drawn under the line [minor units]."""
        with self.world.centre.store.reading() as tx:
            return leases.posted_minor(leases.draws_of_line(tx, self.line))

    def signed(self) -> int:
        """The limit in force [minor units]."""
        return next(each for each in self.world.lines() if each.line_id == self.line).limit_minor

    def take_over(self, station: SimulatedStation) -> None:
        """Let the world's checkers look at the new box in the old one's place."""
        station.promises.shown |= self.old.promises.shown
        self.world.stations[station.name] = station
