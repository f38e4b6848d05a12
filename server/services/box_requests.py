"""A restored box sends its request itself; it waits here until an officer approves it (B8).

Nothing rests on the way that it came: it is signed under the station's key as the file
``box-request.json`` is, and approving it is the same act of the same officer. What is kept
for a station is bounded, so that a copied backup can fill no disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.wire.boxes import BOX_REQUEST, BoxRequest
from server.services.boxes import REQUEST_BYTES_MAX, Replacement, key_ids, replace_box
from server.services.centre import Centre, RequestError, Work
from server.services.senders import open_as_enrolled
from server.store import box_requests, boxes, people
from server.store.box_requests import KeptRequest
from server.store.people import Actor

KEPT_MAX = 8  # of one station


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a request: its link key's id, and whether that box was confirmed."""

    key_id: str
    confirmed: bool


def take_box_request(centre: Centre, document: bytes) -> Asked:
    """Keep a restored box's request for an officer; the same again changes nothing.

    Raises
    ------
    HarvestlineError
        If it is damaged, or not signed by an enrolled station's own key in its own name.
    RequestError
        If one of its link keys is no key.
    """
    request = open_as_enrolled(centre, document, BOX_REQUEST, BoxRequest, REQUEST_BYTES_MAX)
    key_id, _ = key_ids(request)
    return centre.write(lambda work: _take(work, request, key_id, document))


def _take(work: Work, request: BoxRequest, key_id: str, document: bytes) -> Asked:
    station = request.station
    if key_id in {box.key_id for box in boxes.of_station(work.tx, station)}:
        return Asked(key_id, confirmed=True)
    kept = KeptRequest(
        station, key_id, request.generation, request.handed_over, work.at_ms, document
    )
    if box_requests.put(work.tx, kept, KEPT_MAX):
        by, detail = Actor(station, "station"), {"key_id": key_id}
        people.record(work.tx, work.at_ms, by, "box_asked", ("station", station), detail)
    return Asked(key_id, confirmed=False)


def waiting(centre: Centre) -> tuple[KeptRequest, ...]:
    """The requests that no officer has approved, the oldest first."""
    with centre.store.reading() as tx:
        return box_requests.every(tx)


def approve(centre: Centre, key_id: str, by: Actor) -> Replacement:
    """Confirm the box that waits with a link key.

    Raises
    ------
    RequestError
        If none does, or as :func:`server.services.boxes.replace_box` says.
    """
    with centre.store.reading() as tx:
        found = box_requests.find(tx, key_id)
    if found is None:
        raise RequestError(f"expected a box that waits with the link key {key_id[:64]!r}, got none")
    done = replace_box(centre, found.document, by)
    centre.write(lambda work: box_requests.drop(work.tx, found))
    return done
