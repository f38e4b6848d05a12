"""A line that is drawn at more than one station, each with leases of its own (L12).

Two stations never share a lease: each spends only what was signed for it, so that two
dark stations cannot together draw more than the line carries. What is out at the old
place is asked back, and is leased anew by shares once that station's log says so.
"""

from __future__ import annotations

from core.lending.lease import LeaseBook
from core.units import PPM
from core.wire.records import Down, Recall
from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send, send_freeze, send_guest, send_status
from server.services.leasing import issue_for_line
from server.store import destroyed, leases, lines, people, places, registry
from server.store.lines import Line
from server.store.people import Actor
from server.store.places import Place

LINE_ROAMS = "line_roams"  # as the trail tells it
STATIONS_MAX = 4  # where one line may be drawn


def roam(centre: Centre, line_id: str, place: Place, actor: Actor) -> tuple[Place, ...]:
    """Let a line be drawn at another station too, or end it with a share of nothing.

    Raises
    ------
    NotKnownError
        If there is no such line or station.
    RequestError
        If the line is closed, the station is its own or gone, or the shares are too much.
    """
    return centre.write(lambda work: _roam(work, line_id, place, actor))


def _roam(work: Work, line_id: str, place: Place, actor: Actor) -> tuple[Place, ...]:
    line = lines.lock(work.tx, line_id)
    _require_place(work, line, place)
    people.hold_trail(work.tx)
    if place.share_ppm == 0:
        leave(work, line, place.station)
    else:
        let_draw(work, line, place)
    detail = {"station": place.station, "share_ppm": place.share_ppm}
    people.record(work.tx, work.at_ms, actor, LINE_ROAMS, ("line", line_id), detail)
    return places.of_line(work.tx, line)


def _require_place(work: Work, line: Line, place: Place) -> None:
    registry.station(work.tx, place.station)
    others = [
        each for each in places.of_guests(work.tx, line.line_id) if each.station != place.station
    ]
    taken_ppm = sum(each.share_ppm for each in others)
    faults = (
        (not line.is_open, "expected an open line"),
        (place.station == line.station, f"expected another station than its own, {line.station}"),
        (destroyed.is_gone(work.tx, place.station), f"{place.station} was declared destroyed"),
        (
            not 0 <= place.share_ppm <= PPM - taken_ppm,
            f"expected a share of 0 to {PPM - taken_ppm} ppm, got {place.share_ppm}",
        ),
        (
            place.share_ppm > 0 and len(others) + 2 > STATIONS_MAX,
            f"expected at most {STATIONS_MAX} stations",
        ),
    )
    for broken, words in faults:
        if broken:
            raise RequestError(f"line {line.line_id}: {words}")


def let_draw(work: Work, line: Line, place: Place) -> None:
    """Let a line be drawn at a station by its share, and ask back what is out elsewhere."""
    places.put(work.tx, line.line_id, place, work.at_ms)
    send_guest(work, line, place.station)
    send_status(work, line)
    if line.frozen:
        send_freeze(work, line, ())
    for book in leases.books_of_line(work.tx, line.line_id):
        if book.lease.station != place.station:
            recall(work, book)
    issue_for_line(work, line.line_id)


def leave(work: Work, line: Line, station: str) -> None:
    """Let a line be drawn at a station no more; its leases there are asked back."""
    for book in leases.books_of_line(work.tx, line.line_id):
        if book.lease.station == station:
            recall(work, book)
    places.remove(work.tx, line.line_id, station)


def recall(work: Work, book: LeaseBook) -> None:
    """Ask a station for a lease back; until its log says so, it counts as used."""
    if not book.closed:
        send(work, book.lease.station, Down.RECALL, Recall(book.lease.lease_id))
