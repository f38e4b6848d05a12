"""Money in suspense: paid out at a station on a line that could not be opened here.

The money is in the books from the day on which its record came; a person registers who
was left out, and then the line is opened from the station's own record.
"""

from __future__ import annotations

from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send_status
from server.services.drawing import settle_suspense
from server.services.records import apply_record
from server.services.reported import Reported
from server.store import lines, people, registry, suspense
from server.store.people import Actor
from server.store.suspense import Suspended


def in_suspense(centre: Centre) -> tuple[Suspended, ...]:
    """What stands in suspense, by line."""
    with centre.store.reading() as tx:
        return suspense.suspended(tx)


def open_suspended(centre: Centre, line_id: str, actor: Actor) -> int:
    """Open a line from its station's record and move its money there; how much [minor units].

    Raises
    ------
    RequestError
        If no station reported that line, or it still cannot be opened; the message says why.
    """
    return centre.write(lambda work: _open(work, line_id, actor))


def _open(work: Work, line_id: str, actor: Actor) -> int:
    found = suspense.opening_of(work.tx, line_id)
    if found is None:
        raise RequestError(f"expected a line that a station reported, got {line_id!r}")
    writer, record = found
    reported = Reported(registry.station(work.tx, writer), record, set())
    flag = apply_record(work, reported)
    line = lines.find(work.tx, line_id)
    if line is None:
        raise RequestError(f"line {line_id} still cannot be opened: {flag}")
    moved = settle_suspense(work, line)
    send_status(work, line)
    detail = {"amount_minor": moved}
    people.record(work.tx, work.at_ms, actor, "suspense_settled", ("line", line_id), detail)
    return moved
