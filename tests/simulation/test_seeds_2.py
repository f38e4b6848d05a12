"""Part 2 of 4 of the simulator's seeds."""

from __future__ import annotations

from tests.simulation.parts import Part


class TestSeeds(Part):
    NUMBER = 1
