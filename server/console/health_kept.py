"""The figures of a large book's health, kept for a while and reckoned anew beside the pages.

Every loan is read for them, some seconds of a processor for 20,000. Of a small book they are
reckoned at once. Of a large one the page shows what was reckoned last and when that was, and
what is older than :data:`FRESH_MS` is reckoned anew meanwhile: nobody waits, and ten who look
make one reckoning. Kept by the day and by the part of the book that somebody may see.

A reckoning that fails ends its thread, as the log says; the page is told when that was, shows
what it had, and it is tried anew :data:`RETRY_MS` later at the earliest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from threading import Event, Lock, Thread

from server.services.reports.together import HealthRecords
from server.store.scoping import Scope

SMALL_LINES_MAX = 2_000  # of which all is reckoned while somebody waits
FRESH_MS = 10 * 60_000
RETRY_MS = 60_000  # after one that failed
PATIENCE_S = 1.0  # for what is nearly done
KEPT_MAX = 32  # parts of the book

Reckon = Callable[[], HealthRecords]
Key = tuple[str, frozenset[str], frozenset[str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known: the figures, if there are any, and when a newer reckoning failed [ms UTC]."""

    found: HealthRecords | None
    failed_at_ms: int | None = None


@dataclass
class _Kept:
    found: HealthRecords | None = None
    at_work: Event | None = None
    failed_at_ms: int | None = None

    def is_due(self, now_ms: int) -> bool:
        """Whether it is to be reckoned: there is none, or an old one, and none failed just now."""
        if self.at_work is not None:
            return False
        if self.failed_at_ms is not None:
            return now_ms - self.failed_at_ms >= RETRY_MS
        return self.found is None or now_ms - self.found.known_at_ms >= FRESH_MS


@dataclass
class HealthKeeper:
    """What was reckoned, by day and part of the book."""

    _kept: dict[Key, _Kept] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def look(self, scope: Scope, on: date, now_ms: int, reckon: Reckon) -> Looked:
        """What was reckoned last of a day; without figures until the first are there."""
        key = (on.isoformat(), scope.stations, scope.villages, scope.products)
        with self._lock:
            if key not in self._kept and len(self._kept) >= KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            kept = self._kept.setdefault(key, _Kept())
            if kept.is_due(now_ms):
                kept.at_work = Event()
                work = (kept, kept.at_work, now_ms, reckon)
                Thread(target=self._work, args=work, daemon=True).start()
            done = kept.at_work
        if kept.found is None and done is not None:
            done.wait(PATIENCE_S)
        with self._lock:
            return Looked(kept.found, kept.failed_at_ms)

    def _work(self, kept: _Kept, done: Event, now_ms: int, reckon: Reckon) -> None:
        found: HealthRecords | None = None
        try:
            found = reckon()
        finally:
            with self._lock:  # both at once: who looks sees what is new, or that it is at work
                kept.found, kept.at_work = kept.found if found is None else found, None
                kept.failed_at_ms = now_ms if found is None else None
            done.set()
