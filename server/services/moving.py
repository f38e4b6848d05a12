"""A person's home: the one station that may open a first line for them (L8).

A move takes effect when the old station's own money log says that the person has left:
every line that it opened for them stands before that record, so two dark stations can
never both open one. It takes effect at once where the old station cannot open any: it
has no onboarding lease that is out, is not enrolled, or is destroyed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.units import PPM
from core.wire.records import Down
from core.wire.registry import Farmer
from server.services.centre import Work
from server.services.downlink import send, stock_station
from server.services.roaming import let_draw
from server.store import destroyed, leases, lines, logs, moves, people, registry
from server.store.moves import HomeMove
from server.store.places import Place

HOME_MOVED = "home_moved"  # as the trail tells it
FOLLOWS_PPM = 750_000  # of a line's leases go to the new home; the rest stays within reach


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a person lives for now, and where they will once the old station has heard."""

    home_station: str
    waits_for: str


def move_home(work: Work, known: Farmer, home_station: str) -> Moved:
    """Ask for a person's move; it waits for the old station's word if that could lend."""
    old = known.home_station
    waiting = moves.find(work.tx, known.farmer_id)
    if home_station == old:
        if waiting is not None:
            moves.remove(work.tx, known.farmer_id)
            send(work, old, Down.FARMER, known)
        return Moved(old, "")
    if waiting is not None and waiting.to_station == home_station:
        return Moved(old, old)
    waits = _may_open(work, old)
    told_seq = 0
    if waits:
        send(work, old, Down.FARMER, replace(known, home_station=home_station))
        told_seq = logs.lock_outbound(work.tx, old).high_water
    move = HomeMove(known.farmer_id, old, home_station, work.at_ms, told_seq)
    moves.put(work.tx, move)
    if not waits:
        complete(work, move)
    return Moved(old, old) if waits else Moved(home_station, "")


def _may_open(work: Work, station: str) -> bool:
    """Whether a station could open a first line: it holds an onboarding lease that is out."""
    if destroyed.is_gone(work.tx, station) or registry.find_station(work.tx, station) is None:
        return False
    return bool(leases.onboarding_of(work.tx, station))


def farmer_left(work: Work, farmer_id: str, writer: str, told_seq: int) -> None:
    """Complete a move on the old station's word; one that answers an older word is passed over.

    The person may have come back in between, and the station opened a line for them.
    """
    move = moves.find(work.tx, farmer_id)
    if move is not None and move.from_station == writer and told_seq >= move.told_seq:
        complete(work, move)


def complete(work: Work, move: HomeMove) -> None:
    """Let a person live at the new station: it is told of them, and their lines follow."""
    moves.remove(work.tx, move.farmer_id)
    farmer = registry.farmer(work.tx, move.farmer_id)
    site = registry.farmer_site(work.tx, move.farmer_id)
    if site is None:
        raise AssertionError(f"{move.farmer_id} was registered without a site")
    registry.put_farmer(work.tx, site.site, replace(farmer, home_station=move.to_station))
    detail = {"from": move.from_station, "to": move.to_station}
    subject = ("farmer", move.farmer_id)
    people.record(work.tx, work.at_ms, work.myself, HOME_MOVED, subject, detail)
    if registry.find_station(work.tx, move.to_station) is None:
        return
    stock_station(work, move.to_station)
    for line in lines.of_farmer(work.tx, move.farmer_id):
        if line.is_open and line.station != move.to_station:
            gone = destroyed.is_gone(work.tx, line.station)
            let_draw(work, line, Place(move.to_station, PPM if gone else FOLLOWS_PPM))


def complete_from(work: Work, station: str) -> None:
    """Complete every move away from a station that can open no line any more."""
    for move in moves.of_station(work.tx, station):
        complete(work, move)
