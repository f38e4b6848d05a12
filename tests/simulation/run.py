"""Running seeds, and what a failing one says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.simulation.agents import come_home, serve_the_lost
from tests.simulation.checkers import after_each_step, at_the_end
from tests.simulation.events import step
from tests.simulation.world import World

STEPS = 50


def run_seed(
    seed: int, folder: Path, steps: int = STEPS, tell: Callable[[str], object] | None = None
) -> World:
    """Live through a seed's story, checked after every step; returns the world, closed.

    Raises
    ------
    AssertionError
        With the seed and the command that tells the story again.
    """
    world = World(seed, folder)
    told = 0
    try:
        for _ in range(steps):
            step(world)
            if tell is not None:
                tell("".join(f"{line}\n" for line in world.told[told:]))
                told = len(world.told)
            after_each_step(world)
        world.heal(lambda: (serve_the_lost(world), after_each_step(world)))
        if come_home(world):
            world.heal()
        after_each_step(world)
        at_the_end(world)
    except Exception as error:
        story = "\n".join(world.told[-12:])
        raise AssertionError(
            f"seed {seed} after step {len(world.told)}: {error!r}\n{story}\n"
            f"again: python -m tests.simulation {seed}"
        ) from error
    finally:
        world.close()
    return world
