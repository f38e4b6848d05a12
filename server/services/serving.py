"""Which farmers a station has to do with: what it tells of others is looked at by people."""

from __future__ import annotations

from core.wire.registry import Farmer
from server.services.centre import Work
from server.store import lines, places, registry


def serves(work: Work, station: str, farmer: Farmer) -> bool:
    """Whether a station is a farmer's home, or has a line of theirs, or lets one draw there."""
    if farmer.home_station == station:
        return True
    return any(
        station == place.station
        for line in lines.of_farmer(work.tx, farmer.farmer_id)
        for place in places.of_line(work.tx, line)
    )


def fault_of_telling(work: Work, station: str, farmer_id: str) -> str:
    """What is wrong with a station's word about a farmer, or nothing.

    It is the same for a farmer of another station and for one that there is not: no station
    learns by it who banks elsewhere.
    """
    farmer = registry.find_farmer(work.tx, farmer_id)
    if farmer is not None and serves(work, station, farmer):
        return ""
    return f"farmer {farmer_id[:64]} is not known as one of {station}'s"
