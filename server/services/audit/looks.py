"""The promise of newest looks: what pages read of each plot is its newest evidence."""

from __future__ import annotations

from server.services.audit.finding import Look, Looks, first_fault
from server.services.centre import Centre
from server.store import newest
from server.store.engine import Tx


def newest_first(_: Centre, tx: Tx) -> Looks:
    """Every plot and pasture that evidence names, beside what is kept of its newest."""
    for subject_id, found, kept in newest.compared(tx):
        yield _look(subject_id, found, kept)


def _look(subject_id: str, found: str, kept: str) -> Look:
    wanted = found or "none: no evidence names it"
    return first_fault("newest_looks", subject_id, (found != kept, wanted, kept or "none"))
