"""Acts that begin together, on a centre whose identifiers several threads may take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from core.errors import HarvestlineError
from tests.support.centre_kit import Kit


def at_once(acts: list[Callable[[], object]]) -> list[object]:
    """Run all of them from one starting line; what each gave, or its refusal."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        except HarvestlineError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def guarded(kit: Kit) -> None:
    """Identifiers that several threads may take."""
    guard, inner = threading.Lock(), kit.centre.new_id

    def new_id() -> str:
        with guard:
            return inner()

    kit.centre = replace(kit.centre, new_id=new_id)
