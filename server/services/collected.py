"""When Python looks for unreachable cycles, where much is read at once.

Each search goes through all that was read so far. Rows and figures make no cycles: what is let
go of is freed at once, as ever, and whatever cycle another thread makes meanwhile is found after.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_after() -> Iterator[None]:
    """Look for unreachable cycles when this is done, not while it goes on.

    Two may do so at once: who ends first lets the search begin again, which costs the other
    time and nothing else.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
