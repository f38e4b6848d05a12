"""Which of its two databases a test meets in which run.

Most tests of the centre hold on both databases for the same reason. Running each on
both at every change took a third of the centre's time, so each has one database that is
its own, by its name: ``make test`` meets that, ``make engines`` the other, and whoever
asks for both gets both. A module whose subject is the database itself meets both always.
"""

from __future__ import annotations

import zlib
from enum import StrEnum

import pytest

ENGINES = ("sqlite", "postgresql")
MARK = "both_engines"


class Turn(StrEnum):
    """Which part of the tests of two databases a run takes."""

    OWN = "own"
    OTHER = "other"
    BOTH = "both"


def own_engine(node_id: str) -> str:
    """The database of a test, by its name without parameters: the same on every machine."""
    name = node_id.partition("[")[0]
    return ENGINES[zlib.crc32(name.encode()) % len(ENGINES)]


def is_met(item: pytest.Item, turn: Turn) -> bool:
    """Whether a run of this turn takes this test."""
    call = getattr(item, "callspec", None)
    engine = None if call is None else call.params.get("engine_name")
    both = engine is None or item.get_closest_marker(MARK) is not None
    match turn:
        case Turn.BOTH:
            return True
        case Turn.OWN:
            return both or engine == own_engine(item.nodeid)
        case Turn.OTHER:
            return not both and engine != own_engine(item.nodeid)
