"""Stations hear with their next pull how the lines stand that a review of the book moved.

A review of a million lines writes one mark a line instead of a chained record for each of
its stations; a station hears of each line once, however many reviews passed since its last
pull, and as it stands on that day. Of freezes it hears at once, whoever reviewed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from server.services.centre import Work
from server.services.chunks import read_standing
from server.services.downlink import send_status
from server.store import book_pages, bulk, lines
from server.store.lines import Line


def tell_due(work: Work, station: str) -> int:
    """Tell how the lines stand of which a station is yet to hear; how many they were."""
    due = lines.due_at(work.tx, station)
    if not due:
        return 0
    with work.tx.remembering(bulk.writer(work.tx)) as tx:
        remembering = replace(work, tx=tx)
        locked = book_pages.lock_lines(tx, due)
        found = [line for line in locked if line.status_due]  # another may have told it meanwhile
        book_pages.learn_page(tx, found)
        read_standing(remembering, found)
        _tell(remembering, found)
    return len(found)


def _tell(work: Work, found: Sequence[Line]) -> None:
    for line in found:
        told = replace(line, status_due=False)
        lines.save(work.tx, told)
        send_status(work, told)
