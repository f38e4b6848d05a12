"""What is built once for all processes of one run of the tests: nothing of it is by chance."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
SHELF = "HARVESTLINE_SIMULATION_SHELF"  # names the folder that the processes of a run share


def shared(name: str, build: Callable[[], T]) -> T:
    """What another process of this run has built under a name, or what is built now."""
    if SHELF not in os.environ:
        return build()
    place = Path(os.environ[SHELF]) / f"{name}.start"
    if place.exists():
        found: T = pickle.loads(place.read_bytes())  # noqa: S301  # this run's own
        return found
    made = build()
    new = place.with_suffix(f".{os.getpid()}")
    new.write_bytes(pickle.dumps(made))
    new.replace(place)
    return made
