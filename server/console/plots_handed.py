"""The plots that a list was made of, kept for a moment for the map of the same page.

The map asks for its numbers as soon as its page is there. Both are of one reading then: the
map draws what the list counted, and the book is read once. What was handed over can be taken
once, by the same visit, for the same question and while the same part of the book may be seen;
who comes without it, or too late, or to another process, reads the book anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from server.console.desk import Visitor
from server.console.views.plot_list import PlotQuery, PlotRow

FRESH_MS = 60_000  # until the map's script must have come
VISITS_MAX = 4  # whose plots are kept, some 10 MB each for 20,000


@dataclass(frozen=True, slots=True)
class _Kept:
    key: str
    visitor: Visitor
    asked: dict[str, str]
    rows: Sequence[PlotRow]
    at_ms: int


@dataclass
class HandedPlots:
    """The newest list of each of the last few visits, until its map has come for it."""

    new_key: Callable[[], str]
    now_ms: Callable[[], int]
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def give(self, visitor: Visitor, query: PlotQuery, rows: Sequence[PlotRow]) -> str:
        """Keep what a list was made of; by the key that comes back the map asks for it."""
        key, now_ms = self.new_key(), self.now_ms()
        with self._lock:
            self._drop_old(now_ms)
            self._kept.pop(visitor.visit, None)
            while len(self._kept) >= VISITS_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[visitor.visit] = _Kept(key, visitor, query.filter_link(), rows, now_ms)
        return key

    def take(self, visitor: Visitor, query: PlotQuery, key: str) -> Sequence[PlotRow] | None:
        """What was kept under a key, which is gone then; None if it is not there or not theirs."""
        with self._lock:
            self._drop_old(self.now_ms())
            kept = self._kept.get(visitor.visit)
            if kept is None or kept.key != key:
                return None
            del self._kept[visitor.visit]
        is_same = kept.visitor == visitor and kept.asked == query.filter_link()
        return kept.rows if is_same else None

    def _drop_old(self, now_ms: int) -> None:
        """What nobody came for goes: it holds names."""
        old = [visit for visit, one in self._kept.items() if now_ms - one.at_ms > FRESH_MS]
        for visit in old:
            del self._kept[visit]
